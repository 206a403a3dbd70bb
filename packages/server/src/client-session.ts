import { SequenceWindow, type LogIndex } from "quorate";
import { ApiError } from "./api-error.ts";
import { decodeSession } from "./client-decode.ts";
import type { AttemptOptions, ClientRequest, ClientRequests } from "./client-requests.ts";
import type { Reply } from "./http-exchange.ts";
import { sessionHeader } from "./idempotency.ts";

/**
 * How long the group remembers a session that its client does not use, in milliseconds: longer than a
 * call may take. A client that comes back later opens another one.
 */
const ttlMs = 600_000;

/** What the group knows a client by, and the numbers of its writes. */
interface Identity {
  readonly session: LogIndex;
  readonly window: SequenceWindow;
}

/** Makes the writes of one client, each of which takes effect once, however often it must be repeated. */
export class ClientSession {
  readonly #requests: ClientRequests;
  #identity: Identity | undefined;
  #opening: Promise<unknown> | undefined;

  constructor(requests: ClientRequests) {
    this.#requests = requests;
  }

  /** Makes `request`, in a session that is opened first if there is none. Rejects with an `ApiError`. */
  async write(request: ClientRequest, options: AttemptOptions): Promise<Reply> {
    const deadline = performance.now() + (options.timeoutMs ?? this.#requests.timeoutMs);
    for (;;) {
      const timeoutMs = Math.max(1, deadline - performance.now());
      const identity = await this.#opened({ ...options, timeoutMs });
      try {
        return await this.#make(request, identity, {
          ...options,
          timeoutMs: Math.max(1, deadline - performance.now()),
        });
      } catch (error) {
        if (!isUnknownSession(error)) throw error;
        if (this.#identity === identity) this.#identity = undefined;
        if (performance.now() >= deadline) {
          throw new ApiError("unavailable", "the session had expired", { cause: error });
        }
      }
    }
  }

  async #make(
    request: ClientRequest,
    { session, window }: Identity,
    options: AttemptOptions,
  ): Promise<Reply> {
    const sequence = window.begin();
    if (sequence === undefined) {
      throw new ApiError("busy", "too many writes wait for the oldest one of this client");
    }
    const headers = { "x-quorate-session": sessionHeader(session, sequence, window.floor) };
    try {
      return await this.#requests.call({ ...request, headers, isRepeatable: true }, options);
    } finally {
      window.end(sequence);
    }
  }

  /** What the group knows this client by. Of writes that come together, one opens a session. */
  async #opened(options: AttemptOptions & { readonly timeoutMs: number }): Promise<Identity> {
    const deadline = performance.now() + options.timeoutMs;
    for (;;) {
      if (this.#identity !== undefined) return this.#identity;
      const timeoutMs = deadline - performance.now();
      if (this.#opening === undefined) return this.#open({ ...options, timeoutMs });
      if (timeoutMs <= 0 || options.signal?.aborted === true) {
        throw new ApiError("unavailable", "no session could be opened in time");
      }
      await settledWithin(this.#opening, timeoutMs, options.signal);
    }
  }

  /** Opens a session. Whatever goes wrong, nothing was written. */
  async #open(options: AttemptOptions): Promise<Identity> {
    const body = Buffer.from(JSON.stringify({ ttlMs }));
    const request = { method: "POST", path: "/v1/sessions", body, need: "ready" } as const;
    const replying = this.#requests.call({ ...request, isRepeatable: true }, options);
    this.#opening = replying;
    try {
      const session = decodeSession(await replying);
      this.#identity = { session, window: new SequenceWindow() };
      return this.#identity;
    } catch (error) {
      throw error instanceof ApiError ? error.withOutcome("not-applied", error) : error;
    } finally {
      this.#opening = undefined;
    }
  }
}

/** Whether a write certainly had no effect, because the group did not know its session. */
function isUnknownSession(error: unknown): boolean {
  // With a cause, there was an attempt before of which nobody knows what became.
  return error instanceof ApiError && error.code === "session_expired" && error.cause === undefined;
}

/** Resolves once `work` has settled, in whatever way, or the time is up, or the caller gives up. */
function settledWithin(
  work: Promise<unknown>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, timeoutMs);
    signal?.addEventListener("abort", finish);
    work.then(finish, finish);
  });
}
