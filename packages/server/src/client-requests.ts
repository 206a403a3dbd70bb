import { setTimeout as delay } from "node:timers/promises";
import { ApiError } from "./api-error.ts";
import { ClientConnections, type ClientCredentials } from "./client-connections.ts";
import { decodeRefusal } from "./client-decode.ts";
import { EndpointChoice, parseEndpoint, type Need } from "./endpoint-choice.ts";
import { download, exchange, ExchangeError, type Exchange, type Reply } from "./http-exchange.ts";
import { adminTimeoutMsMax, timeoutMsMax } from "./http-request.ts";

/** How requests are made. */
export interface ClientRequestsOptions {
  readonly endpoints: readonly string[];
  readonly timeoutMs: number;
  readonly onRetry: (reason: string, leftMs: number) => void;
  readonly credentials: ClientCredentials;
}

/** What a caller may say about one call. */
export interface AttemptOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * How long a connection is kept for the next call, in milliseconds: less than a node that stops waits for
 * one, so that no write is sent to where nobody listens any more.
 */
const idleMs = 1_000;
/** How long a node has to answer what may be repeated before another is asked, in milliseconds. */
const attemptMs = 3_000;
/** The pause between attempts doubles from the least to the most, in milliseconds, and is jittered. */
const pauseMsMin = 25;
const pauseMsMax = 500;

/**
 * Carries the requests of a client to whichever node can serve them, or to one node alone. A request
 * that certainly had no effect is made again, elsewhere, until the deadline; one whose outcome is
 * unknown only if it says that it may be.
 */
export class ClientRequests {
  readonly #timeoutMs: number;
  readonly #onRetry: (reason: string, leftMs: number) => void;
  readonly #connections: ClientConnections;
  readonly #choice: EndpointChoice;

  /** Throws `invalid_argument` on an endpoint that is none. Connects to nothing yet. */
  constructor({ endpoints, timeoutMs, onRetry, credentials }: ClientRequestsOptions) {
    this.#connections = new ClientConnections(credentials, idleMs);
    this.#choice = new EndpointChoice(endpoints.map(parseEndpoint), this.#connections);
    this.#timeoutMs = timeoutMs;
    this.#onRetry = onRetry;
  }

  /** How long a call may take that does not say it, in milliseconds. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Asks the node at `endpoint`, once. Rejects with whatever it refuses. */
  async askOne(endpoint: string, request: ClientRequest, options: AttemptOptions): Promise<Reply> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    const call = { ...request, endpoint: parseEndpoint(endpoint), timeoutMs, signal };
    const reply = await this.#attempt(call);
    if (reply instanceof ApiError) throw reply;
    if (reply.status !== 200) throw decodeRefusal(reply);
    return reply;
  }

  /** Asks the node at `endpoint`, once, for what is `GET` and needs no leader. */
  async lookAt(endpoint: string, path: string, options: AttemptOptions): Promise<Reply> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    const call = { endpoint: parseEndpoint(endpoint), method: "GET", path } as const;
    try {
      const reply = await exchange(this.#connections, { ...call, timeoutMs, signal });
      if (reply.status !== 200) throw decodeRefusal(reply);
      return reply;
    } catch (error) {
      throw error instanceof ExchangeError ? unavailable(error.message) : error;
    }
  }

  /**
   * Reads what the node at `endpoint` has at `path`, piece by piece. Gives up when nothing arrives for as
   * long as a call may take. Resolves with the length of it.
   */
  async download(
    endpoint: string,
    path: string,
    take: (chunk: Uint8Array) => Promise<void>,
    options: AttemptOptions,
  ): Promise<number> {
    const url = new URL(path, parseEndpoint(endpoint));
    const { signal, timeoutMs: stallMs = this.#timeoutMs } = options;
    try {
      const copied = await download(this.#connections, url, { stallMs, signal }, take);
      if (copied.kind === "whole") return copied.bytes;
      throw decodeRefusal(copied.reply);
    } catch (error) {
      throw error instanceof ExchangeError ? unavailable(error.message) : error;
    }
  }

  /** Closes all connections. Calls in progress fail. */
  close(): void {
    this.#connections.close();
  }

  /**
   * Tries until something is answered, something cannot be mended, or the deadline has passed.
   * `onAnswer` is told who answered.
   */
  async call(
    request: ClientRequest,
    options: AttemptOptions,
    onAnswer: (endpoint: URL) => void = () => {},
  ): Promise<Reply> {
    const { signal } = options;
    const deadline = performance.now() + (options.timeoutMs ?? this.#timeoutMs);
    let failed: Failure | undefined;
    /** Of the last attempt that may have had an effect. */
    let unknown: ApiError | undefined;
    let isTold = false;
    for (let pauseMs = pauseMsMin; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
      const choice = await this.#choice.find(request.need, {
        timeoutMs: leftMs(deadline),
        avoid: failed?.endpoint,
        isLeaving: failed?.isLeaving ?? false,
        signal,
      });
      // Where one refuses, the next may serve at once.
      const isNews = !isTold && (choice.endpoint === undefined || failed !== undefined);
      if (choice.endpoint === undefined) {
        failed = { endpoint: undefined, reason: choice.reason, isLeaving: false };
      } else {
        const { endpoint } = choice;
        const reply = await this.#attempt({
          ...request,
          endpoint,
          timeoutMs: leftMs(deadline),
          signal,
        });
        if (!(reply instanceof ApiError)) {
          onAnswer(endpoint);
          return reply;
        }
        this.#choice.forget(endpoint);
        if (!mayRepeat(reply, request)) {
          throw unknown === undefined ? reply : reply.withOutcome("unknown", unknown);
        }
        if (reply.outcome === "unknown") unknown = reply;
        // What is sent to a node that stops may be cut off, and then nobody knows what became of it.
        const isLeaving = reply.code === "closed" || reply.code === "removed";
        const isNamed = reply.message.startsWith(endpoint.origin);
        const reason = isNamed ? reply.message : `${endpoint.origin}: ${reply.message}`;
        failed = { endpoint, reason, isLeaving };
      }
      if (signal?.aborted === true) throw unknown ?? unavailable("aborted by the caller");
      if (performance.now() + pauseMs >= deadline) throw unknown ?? unavailable(failed.reason);
      if (isNews) {
        this.#onRetry(failed.reason, leftMs(deadline));
        isTold = true;
      }
      await delay(pauseMs * (0.5 + Math.random() / 2));
    }
  }

  /** One attempt at one endpoint: what it answered, or why that is no answer. */
  async #attempt(call: ClientRequest & Exchange): Promise<Reply | ApiError> {
    const isRead = call.method === "GET";
    const isRepeatable = isRead || call.isRepeatable === true;
    const timeoutMs = isRepeatable ? Math.min(call.timeoutMs, attemptMs) : call.timeoutMs;
    const isPost = call.method === "POST";
    const mostMs = isPost ? adminTimeoutMsMax : timeoutMsMax;
    const headers = {
      ...call.headers,
      "x-quorate-timeout-ms": String(serverTimeoutMs(timeoutMs, mostMs)),
      ...(isPost ? { "content-type": "application/json" } : {}),
    };
    try {
      const reply = await exchange(this.#connections, { ...call, timeoutMs, headers });
      if (reply.status === 200) return reply;
      const refusal = decodeRefusal(reply);
      return refusal.code === "not_found" ? reply : refusal;
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const outcome = error.sent && !isRead ? "unknown" : "not-applied";
      const message = `${call.endpoint.origin}: ${error.message}`;
      return new ApiError("no_answer", message, { outcome });
    }
  }
}

/** Whether a call that failed with `error` may be made again, and may fare better then. */
function mayRepeat(error: ApiError, { isRepeatable = false }: ClientRequest): boolean {
  if (error.outcome === "unknown") {
    return isRepeatable && error.status === 504 && error.code !== "bad_answer";
  }
  return mayPass.has(error.status);
}

/** Another node may have room on its disk, or serve where one that was removed never will. */
const mayPass: ReadonlySet<number> = new Set([410, 429, 503, 507]);

/** What is asked of whichever node can serve it. */
export interface ClientRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly need: Need;
  /**
   * Whether it may be made again though an attempt may have had an effect. A read always may.
   *
   * @default false
   */
  readonly isRepeatable?: boolean;
}

interface Failure {
  readonly endpoint: URL | undefined;
  readonly reason: string;
  /** Whether the node there is about to be gone. */
  readonly isLeaving: boolean;
}

/** What is left until `deadline`, in whole milliseconds, at least 1. */
function leftMs(deadline: number): number {
  return Math.max(1, Math.ceil(deadline - performance.now()));
}

/** Somewhat less than the client waits, so that the server's own verdict still arrives. */
function serverTimeoutMs(timeoutMs: number, mostMs: number): number {
  return Math.min(mostMs, Math.max(1, Math.floor(timeoutMs * 0.9)));
}

/** Nothing answered in time, and nothing was done. */
function unavailable(reason: string): ApiError {
  return new ApiError("unavailable", reason);
}
