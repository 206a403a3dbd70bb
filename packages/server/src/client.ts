import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { LogIndex } from "quorate";
import { ApiError } from "./api-error.ts";
import { decodeIndex, decodeRefusal, decodeStatus, decodeWritten } from "./client-decode.ts";
import { EndpointChoice, parseEndpoint, type Need } from "./endpoint-choice.ts";
import { exchange, ExchangeError, type Exchange, type Reply } from "./http-exchange.ts";
import { timeoutMsMax } from "./http-request.ts";
import { encodeKey } from "./key-path.ts";
import type { NodeStatus } from "./node-status.ts";

/** How a client behaves. */
export interface ClientOptions {
  /**
   * Where the nodes listen for HTTP, as `http://host:port`. At least one; any will do, more survive
   * more failures.
   */
  readonly endpoints: readonly string[];
  /**
   * How long a call may take, over all attempts, in milliseconds.
   *
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

/** What a caller may say about one call. */
export interface ClientCallOptions {
  /** Gives up when aborted. A write may then still take effect. */
  readonly signal?: AbortSignal;
  /** As in `ClientOptions`, for this call. */
  readonly timeoutMs?: number;
}

/** A committed write. */
export interface Written {
  /** Where it stands in the log. */
  readonly index: LogIndex;
  /** Where the key was put before, or 0: it had no value. */
  readonly previousIndex: LogIndex;
}

/** An answered read. */
export interface Found {
  /** The value, or undefined: the key has none. */
  readonly value: Uint8Array | undefined;
  /** How far the answering node had applied the log. */
  readonly index: LogIndex;
}

/** How long a node has to answer a read before another is asked, in milliseconds. */
const readAttemptMs = 3_000;
/** The pause between attempts doubles from the least to the most, in milliseconds, and is jittered. */
const pauseMsMin = 25;
const pauseMsMax = 500;

/**
 * Talks to the key-value store through whichever node answers. A call that certainly had no effect is
 * tried again, elsewhere, until the deadline. A write whose outcome is unknown never is.
 *
 * Every method rejects with an `ApiError`: `outcome` says whether the call may have had an effect.
 */
export class Client {
  readonly #timeoutMs: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #choice: EndpointChoice;

  /** Throws `invalid_argument` on an endpoint that is no `http://host:port`. Connects to nothing yet. */
  constructor(options: ClientOptions) {
    this.#choice = new EndpointChoice(options.endpoints.map(parseEndpoint), this.#agent);
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /** Puts `value` at `key`. Resolves once that is committed. */
  async put(key: Uint8Array, value: Uint8Array, options: ClientCallOptions = {}): Promise<Written> {
    const request = { method: "PUT", path: keyPath(key), body: value, need: "ready" } as const;
    return decodeWritten(await this.#call(request, options));
  }

  /** Removes `key`. Resolves with undefined if it had no value. */
  async delete(key: Uint8Array, options: ClientCallOptions = {}): Promise<Written | undefined> {
    const request = { method: "DELETE", path: keyPath(key), need: "ready" } as const;
    const reply = await this.#call(request, options);
    return reply.status === 404 ? undefined : decodeWritten(reply);
  }

  /** Reads `key`: linearizable, or with `local` from any node that is alive, however far behind. */
  async get(
    key: Uint8Array,
    options: ClientCallOptions & { readonly local?: boolean } = {},
  ): Promise<Found> {
    const request: Request =
      options.local === true
        ? { method: "GET", path: `${keyPath(key)}?consistency=local`, need: "alive" }
        : { method: "GET", path: keyPath(key), need: "ready" };
    const reply = await this.#call(request, options);
    return { value: reply.status === 404 ? undefined : reply.body, index: decodeIndex(reply) };
  }

  /** The status of the node at `endpoint`, one of the endpoints. Tries no other. */
  async status(endpoint: string, options: ClientCallOptions = {}): Promise<NodeStatus> {
    const call = { endpoint: parseEndpoint(endpoint), method: "GET", path: "/v1/status" } as const;
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    try {
      const reply = await exchange(this.#agent, { ...call, timeoutMs, signal: options.signal });
      if (reply.status !== 200) throw decodeRefusal(reply);
      return decodeStatus(reply);
    } catch (error) {
      throw error instanceof ExchangeError ? unavailable(error.message) : error;
    }
  }

  /** Closes all connections. Calls in progress fail. */
  close(): void {
    this.#agent.destroy();
  }

  /** Tries until something is answered, something cannot be mended, or the deadline has passed. */
  async #call(request: Request, options: ClientCallOptions): Promise<Reply> {
    const { signal } = options;
    const deadline = performance.now() + (options.timeoutMs ?? this.#timeoutMs);
    let failed: Failure | undefined;
    for (let pauseMs = pauseMsMin; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
      const choice = await this.#choice.find(request.need, {
        timeoutMs: leftMs(deadline),
        avoid: failed?.endpoint,
        signal,
      });
      if (choice.endpoint === undefined) {
        failed = { endpoint: undefined, reason: choice.reason };
      } else {
        const { endpoint } = choice;
        const reply = await this.#attempt({
          ...request,
          endpoint,
          timeoutMs: leftMs(deadline),
          signal,
        });
        if (!(reply instanceof ApiError)) return reply;
        this.#choice.forget(endpoint);
        if (!mayRepeat(reply)) throw reply;
        failed = { endpoint, reason: `${endpoint.origin}: ${reply.message}` };
      }
      if (signal?.aborted === true) throw unavailable("aborted by the caller");
      if (performance.now() + pauseMs >= deadline) throw unavailable(failed.reason);
      await delay(pauseMs * (0.5 + Math.random() / 2));
    }
  }

  /** One attempt at one endpoint: what it answered, or why that is no answer. */
  async #attempt(call: Request & Exchange): Promise<Reply | ApiError> {
    const isRead = call.method === "GET";
    const timeoutMs = isRead ? Math.min(call.timeoutMs, readAttemptMs) : call.timeoutMs;
    const headers = { "x-quorate-timeout-ms": String(serverTimeoutMs(timeoutMs)) };
    try {
      const reply = await exchange(this.#agent, { ...call, timeoutMs, headers });
      if (reply.status === 200) return reply;
      const refusal = decodeRefusal(reply);
      return refusal.code === "not_found" ? reply : refusal;
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const outcome = error.sent && !isRead ? "unknown" : "not-applied";
      return new ApiError("no_answer", error.message, { outcome });
    }
  }
}

/** Whether a call that failed with `error` certainly had no effect, and may fare better elsewhere. */
function mayRepeat(error: ApiError): boolean {
  return error.outcome === "not-applied" && (error.status === 429 || error.status === 503);
}

interface Request {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: Uint8Array;
  readonly need: Need;
}

interface Failure {
  readonly endpoint: URL | undefined;
  readonly reason: string;
}

function keyPath(key: Uint8Array): string {
  return `/v1/kv/${encodeKey(key)}`;
}

/** What is left until `deadline`, in whole milliseconds, at least 1. */
function leftMs(deadline: number): number {
  return Math.max(1, Math.ceil(deadline - performance.now()));
}

/** Somewhat less than the client waits, so that the server's own verdict still arrives. */
function serverTimeoutMs(timeoutMs: number): number {
  return Math.min(timeoutMsMax, Math.max(1, Math.floor(timeoutMs * 0.9)));
}

/** Nothing answered in time, and nothing was done. */
function unavailable(reason: string): ApiError {
  return new ApiError("unavailable", reason);
}
