import { ApiError } from "./api-error.ts";
import type { ClientConnections } from "./client-connections.ts";
import { exchange, ExchangeError } from "./http-exchange.ts";

/** Which nodes can serve a call: those that know a leader, or all that are alive. */
export type Need = "ready" | "alive";

/** An endpoint to send a call to, or why there is none. */
export type Choice =
  | { readonly endpoint: URL }
  | { readonly endpoint: undefined; readonly reason: string };

/** How long a node has to say that it is ready, in milliseconds. */
const probeTimeoutMs = 1_000;

const probePaths: Record<Need, string> = { ready: "/readyz", alive: "/healthz" };

/**
 * Picks the endpoint for a call: the one that was ready last, as long as it serves, and otherwise the
 * first that says it can. Asking first keeps calls away from a node that would take one and never answer,
 * which costs the time of an attempt, and all of a change that cannot be tried again elsewhere.
 */
export class EndpointChoice {
  readonly #endpoints: readonly URL[];
  readonly #connections: ClientConnections;
  #current: URL | undefined;

  /** Throws `invalid_argument` if there are no endpoints. */
  constructor(endpoints: readonly URL[], connections: ClientConnections) {
    if (endpoints.length === 0) throw new ApiError("invalid_argument", "there are no endpoints");
    this.#endpoints = endpoints;
    this.#connections = connections;
    // With a single endpoint there is nothing to choose, so it is never asked.
    if (endpoints.length === 1) this.#current = endpoints[0];
  }

  /**
   * An endpoint for a call that needs `need`; `avoid` only if no other will do, and never if it `isLeaving`.
   * Never rejects.
   */
  async find(
    need: Need,
    options: {
      readonly timeoutMs: number;
      readonly avoid: URL | undefined;
      readonly isLeaving?: boolean;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<Choice> {
    if (this.#current !== undefined) return { endpoint: this.#current };
    const { avoid, isLeaving = false, signal } = options;
    const timeoutMs = Math.min(options.timeoutMs, probeTimeoutMs);
    const others = this.#endpoints.filter((endpoint) => endpoint !== avoid);
    const choice = await this.#first(others, probePaths[need], timeoutMs, signal);
    if (need === "ready") this.#current = choice.endpoint;
    const isLastResort = choice.endpoint === undefined && avoid !== undefined && !isLeaving;
    return isLastResort ? { endpoint: avoid } : choice;
  }

  /** `endpoint` did not serve: look for another next time. */
  forget(endpoint: URL): void {
    if (this.#current === endpoint && this.#endpoints.length > 1) this.#current = undefined;
  }

  /** The first of `endpoints` to answer a probe well. The other probes are broken off. */
  async #first(
    endpoints: readonly URL[],
    path: string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Choice> {
    const done = new AbortController();
    const breakOff = (): void => done.abort();
    signal?.addEventListener("abort", breakOff);
    if (signal?.aborted === true) breakOff();
    const reasons: string[] = [];
    try {
      const endpoint = await Promise.any(
        endpoints.map(async (candidate) => {
          const reason = await this.#probe(candidate, path, timeoutMs, done.signal);
          if (reason === undefined) return candidate;
          reasons.push(`${candidate.origin}: ${reason}`);
          throw new ExchangeError(reason, false);
        }),
      );
      return { endpoint };
    } catch {
      return { endpoint: undefined, reason: `no node can serve: ${reasons.join("; ")}` };
    } finally {
      signal?.removeEventListener("abort", breakOff);
      breakOff();
    }
  }

  /** Why the node at `endpoint` cannot serve, or undefined: it can. */
  async #probe(
    endpoint: URL,
    path: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      const call = { endpoint, method: "GET", path, timeoutMs, signal } as const;
      const reply = await exchange(this.#connections, call);
      return reply.status === 200 ? undefined : `answered ${reply.status}`;
    } catch (error) {
      if (error instanceof ExchangeError) return error.message;
      throw error;
    }
  }
}

/**
 * The URL of an endpoint. Throws `invalid_argument` unless it is `http://host:port` or `https://host:port`
 * and nothing more.
 */
export function parseEndpoint(text: string): URL {
  const url = urlOf(text);
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (isHttp && url.pathname === "/" && url.search === "" && url.hash === "") {
    return url;
  }
  throw new ApiError(
    "invalid_argument",
    `endpoint is "${text}", must be http://host:port or https://host:port`,
  );
}

function urlOf(text: string): URL | undefined {
  try {
    // Not by `URL.canParse`: once compiled, it takes texts of Latin-1 that the constructor does not.
    return new URL(text);
  } catch {
    return undefined;
  }
}
