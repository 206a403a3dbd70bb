import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { LogIndex, MemberWish, NodeId, SnapshotTaken } from "quorate";
import type { MembersAnswer, PlanAnswer } from "./admin-answer.ts";
import { ApiError } from "./api-error.ts";
import {
  decodeForgotten,
  decodeIndex,
  decodeLeader,
  decodeMembers,
  decodePlan,
  decodeRefusal,
  decodeSnapshotTaken,
  decodeStatus,
  decodeWritten,
} from "./client-decode.ts";
import { EndpointChoice, parseEndpoint, type Need } from "./endpoint-choice.ts";
import { download, exchange, ExchangeError, type Exchange, type Reply } from "./http-exchange.ts";
import { adminTimeoutMsMax, timeoutMsMax, type Consistency } from "./http-request.ts";
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
  /**
   * Told once for a call that nobody can serve as yet and that is tried again: why, and for how many
   * milliseconds at most.
   *
   * @default nobody is told
   */
  readonly onRetry?: (reason: string, leftMs: number) => void;
}

/** What a caller may say about one call. */
export interface ClientCallOptions {
  /** Gives up when aborted. A write may then still take effect. */
  readonly signal?: AbortSignal;
  /** As in `ClientOptions`, for this call. */
  readonly timeoutMs?: number;
}

/** What a caller may say about one read. */
export interface ClientReadOptions extends ClientCallOptions {
  /**
   * What the read rests on, as in the `ReadOptions` of a replica. A `local` one is asked of any node that
   * is alive, however far behind.
   *
   * @default "linearizable"
   */
  readonly consistency?: Consistency | undefined;
  /**
   * How old a `local` read may be, in milliseconds.
   *
   * @default no bound
   */
  readonly stalenessMsMax?: number | undefined;
  /**
   * The `index` of a write, or of another read: this one sees it.
   *
   * @default 0
   */
  readonly atLeast?: LogIndex | undefined;
}

/** What a caller may say about one change of members. */
export interface ClientChangeOptions extends ClientCallOptions {
  /** Makes the change only if the configuration is still that of this `index`. */
  readonly ifIndex?: LogIndex | undefined;
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

/**
 * How long a connection is kept for the next call, in milliseconds: less than a node that stops waits for
 * one, so that no write is sent to where nobody listens any more.
 */
const idleMs = 1_000;
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
  readonly #onRetry: (reason: string, leftMs: number) => void;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: idleMs });
  readonly #choice: EndpointChoice;

  /** Throws `invalid_argument` on an endpoint that is no `http://host:port`. Connects to nothing yet. */
  constructor(options: ClientOptions) {
    this.#choice = new EndpointChoice(options.endpoints.map(parseEndpoint), this.#agent);
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#onRetry = options.onRetry ?? (() => {});
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

  /** Reads `key`, by default linearizable. */
  async get(key: Uint8Array, options: ClientReadOptions = {}): Promise<Found> {
    const { consistency, stalenessMsMax, atLeast } = options;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ consistency, stalenessMsMax, atLeast })) {
      if (value !== undefined) query.set(name, String(value));
    }
    const path = query.size === 0 ? keyPath(key) : `${keyPath(key)}?${query.toString()}`;
    const need = consistency === "local" ? "alive" : "ready";
    const reply = await this.#call({ method: "GET", path, need }, options);
    return { value: reply.status === 404 ? undefined : reply.body, index: decodeIndex(reply) };
  }

  /** The members of the group, as far as the node that answers knows. */
  async members(options: ClientCallOptions = {}): Promise<MembersAnswer> {
    const request = { method: "GET", path: "/v1/members", need: "ready" } as const;
    return decodeMembers(await this.#call(request, options));
  }

  /**
   * Makes the members as `wish` wants them, and resolves with those after it. When it is not known what
   * became of it, ask for the same again.
   */
  async changeMembers(wish: MemberWish, options: ClientChangeOptions = {}): Promise<MembersAnswer> {
    const body = jsonOf({ ...wish, ifIndex: options.ifIndex });
    return decodeMembers(await this.#post("/v1/members", body, options));
  }

  /** What would be done for `wish`. Changes nothing. */
  async planMembers(wish: MemberWish, options: ClientChangeOptions = {}): Promise<PlanAnswer> {
    const body = jsonOf({ ...wish, ifIndex: options.ifIndex, dryRun: true });
    return decodePlan(await this.#post("/v1/members", body, options));
  }

  /** Hands leadership over to `to`, or to whoever is furthest. Resolves with the new leader. */
  async transferLeadership(to?: NodeId, options: ClientCallOptions = {}): Promise<NodeId> {
    return decodeLeader(await this.#post("/v1/leader", jsonOf({ to }), options));
  }

  /**
   * Makes the node at `endpoint`, and no other, forget whom it follows: for someone who knows that the
   * leader is gone. Resolves with who that was. Rejects with `not_found` if it knows no leader, `is_leader`
   * if it leads, and `lease_promised` with lease reads; then nothing happened.
   */
  async forgetLeader(endpoint: string, options: ClientCallOptions = {}): Promise<NodeId> {
    const request = { method: "DELETE", path: "/v1/leader", need: "alive" } as const;
    return decodeForgotten(await this.#askOne(endpoint, request, options));
  }

  /** Lets the node at `endpoint` take a snapshot now. Tries no other. */
  async takeSnapshot(endpoint: string, options: ClientCallOptions = {}): Promise<SnapshotTaken> {
    const path = "/v1/snapshot";
    const request = { method: "POST", path, body: jsonOf({}), need: "alive" } as const;
    return decodeSnapshotTaken(await this.#askOne(endpoint, request, options));
  }

  /**
   * Copies the newest snapshot of the node at `endpoint`, piece by piece. Gives up when nothing arrives
   * for as long as a call may take. Resolves with the length of the file.
   */
  async copySnapshot(
    endpoint: string,
    take: (chunk: Uint8Array) => Promise<void>,
    options: ClientCallOptions = {},
  ): Promise<number> {
    const url = new URL("/v1/snapshot", parseEndpoint(endpoint));
    const { signal, timeoutMs: stallMs = this.#timeoutMs } = options;
    try {
      const copied = await download(url, { stallMs, signal }, take);
      if (copied.kind === "whole") return copied.bytes;
      throw decodeRefusal(copied.reply);
    } catch (error) {
      throw error instanceof ExchangeError ? unavailable(error.message) : error;
    }
  }

  /** One of the endpoints whose node knows a leader and takes work. */
  async readyEndpoint(options: ClientCallOptions = {}): Promise<string> {
    const request = { method: "GET", path: "/readyz", need: "ready" } as const;
    let found = "";
    await this.#call(request, options, (endpoint) => {
      found = endpoint.origin;
    });
    return found;
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

  /** Asks the node at `endpoint`, once. Rejects with whatever it refuses. */
  async #askOne(endpoint: string, request: Request, options: ClientCallOptions): Promise<Reply> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    const call = { ...request, endpoint: parseEndpoint(endpoint), timeoutMs, signal };
    const reply = await this.#attempt(call);
    if (reply instanceof ApiError) throw reply;
    if (reply.status !== 200) throw decodeRefusal(reply);
    return reply;
  }

  async #post(path: string, body: Uint8Array, options: ClientCallOptions): Promise<Reply> {
    return this.#call({ method: "POST", path, body, need: "ready" }, options);
  }

  /**
   * Tries until something is answered, something cannot be mended, or the deadline has passed.
   * `onAnswer` is told who answered.
   */
  async #call(
    request: Request,
    options: ClientCallOptions,
    onAnswer: (endpoint: URL) => void = () => {},
  ): Promise<Reply> {
    const { signal } = options;
    const deadline = performance.now() + (options.timeoutMs ?? this.#timeoutMs);
    let failed: Failure | undefined;
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
        if (!mayRepeat(reply)) throw reply;
        // What is sent to a node that stops may be cut off, and then nobody knows what became of it.
        const isLeaving = reply.code === "closed" || reply.code === "removed";
        const isNamed = reply.message.startsWith(endpoint.origin);
        const reason = isNamed ? reply.message : `${endpoint.origin}: ${reply.message}`;
        failed = { endpoint, reason, isLeaving };
      }
      if (signal?.aborted === true) throw unavailable("aborted by the caller");
      if (performance.now() + pauseMs >= deadline) throw unavailable(failed.reason);
      if (isNews) {
        this.#onRetry(failed.reason, leftMs(deadline));
        isTold = true;
      }
      await delay(pauseMs * (0.5 + Math.random() / 2));
    }
  }

  /** One attempt at one endpoint: what it answered, or why that is no answer. */
  async #attempt(call: Request & Exchange): Promise<Reply | ApiError> {
    const isRead = call.method === "GET";
    const timeoutMs = isRead ? Math.min(call.timeoutMs, readAttemptMs) : call.timeoutMs;
    const isPost = call.method === "POST";
    const mostMs = isPost ? adminTimeoutMsMax : timeoutMsMax;
    const headers = {
      "x-quorate-timeout-ms": String(serverTimeoutMs(timeoutMs, mostMs)),
      ...(isPost ? { "content-type": "application/json" } : {}),
    };
    try {
      const reply = await exchange(this.#agent, { ...call, timeoutMs, headers });
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

/** Whether a call that failed with `error` certainly had no effect, and may fare better elsewhere. */
function mayRepeat(error: ApiError): boolean {
  // Another node may serve where one that was removed never will.
  const mayPass = error.status === 429 || error.status === 503 || error.status === 410;
  return error.outcome === "not-applied" && mayPass;
}

interface Request {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: Uint8Array;
  readonly need: Need;
}

interface Failure {
  readonly endpoint: URL | undefined;
  readonly reason: string;
  /** Whether the node there is about to be gone. */
  readonly isLeaving: boolean;
}

function keyPath(key: Uint8Array): string {
  return `/v1/kv/${encodeKey(key)}`;
}

function jsonOf(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
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
