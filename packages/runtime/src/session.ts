import { type LogIndex, RaftError } from "@quorate/core";
import { checkCallOptions } from "./call-options.ts";
import type { Clock } from "./ports.ts";
import type { Applied, CallOptions } from "./replica.ts";
import { SequenceWindow } from "./sequence-window.ts";
import { type Attempted, Attempts, type Patience, type Proposer } from "./session-attempts.ts";
import { encodeSessionCommand } from "./session-command.ts";
import { uint48Max } from "./uint48.ts";

/** How a session behaves. */
export interface SessionOptions {
  /** Times attempts, and stamps commands with its time of day. */
  readonly clock: Clock;
  /**
   * How long the group remembers the session after its last use, in milliseconds: at least 1, and longer
   * than any call may take. A session that expired between two calls is replaced, and nobody notices.
   *
   * @default 3_600_000
   */
  readonly ttlMs?: number | undefined;
  /**
   * How long a call may take, over all attempts, unless it says otherwise, in milliseconds.
   *
   * @default 5000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How long to wait before an attempt is repeated, in milliseconds.
   *
   * @default 20
   */
  readonly retryMs?: number | undefined;
}

/** A command of a session that was applied. */
export interface AppliedOnce extends Applied {
  /** Whether an attempt before the last one had been applied; `index` and `result` are of that one. */
  readonly isReplay: boolean;
}

/** Proposes commands, each of which is applied at most once, however often it must be repeated. */
export interface Session {
  /**
   * As `propose` of a replica, but goes on until the deadline where it cannot be known what became of the
   * command. Many calls may be under way at once.
   *
   * Rejects with "not-applied" as a replica does, and with `busy` while the oldest command that has not
   * ended is 1024 behind. Rejects with "unknown" if time runs out after an attempt that may have been
   * applied, or the replica stops then; and as `session_expired` if the group has forgotten the session
   * since that attempt.
   */
  propose(command: Uint8Array, options?: CallOptions): Promise<AppliedOnce>;

  /** Lets the group forget the session, as it would in time. Rejects as `propose` does. */
  close(options?: CallOptions): Promise<void>;
}

/**
 * Opens a session at the group of `replica`, whose state machine must be one of `exactlyOnce`. Rejects as
 * `propose` of a replica does. Repeat it whatever the error says: a session that nobody uses is forgotten.
 */
export async function openSession(replica: Proposer, options: SessionOptions): Promise<Session> {
  const session = new ReplicaSession(replica, options);
  await session.open();
  return session;
}

/** What the group knows a session by, and the numbers of its commands. */
interface Identity {
  readonly id: LogIndex;
  readonly window: SequenceWindow;
}

class ReplicaSession implements Session {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #timeoutMs: number;
  readonly #attempts: Attempts;
  #identity: Identity = { id: 0, window: new SequenceWindow() };

  constructor(
    replica: Proposer,
    { clock, ttlMs = 3_600_000, timeoutMs = 5000, retryMs = 20 }: SessionOptions,
  ) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#timeoutMs = timeoutMs;
    this.#attempts = new Attempts(replica, clock, retryMs);
  }

  /** Opens it, or another one in its place. */
  async open(patience: Patience = this.#patience({})): Promise<void> {
    const encode = (): Uint8Array =>
      encodeSessionCommand({ kind: "open", stamp: this.#stamp(), ttlMs: this.#ttlMs });
    const { applied } = await this.#attempts.make(encode, patience);
    this.#identity = { id: applied.index, window: new SequenceWindow() };
  }

  async propose(command: Uint8Array, options: CallOptions = {}): Promise<AppliedOnce> {
    const own = command.slice();
    const patience = this.#patience(options);
    for (;;) {
      const identity = this.#identity;
      const attempted = await this.#attempt(own, identity, patience);
      const { result, applied, unknown } = attempted;
      switch (result.kind) {
        case "applied":
          return { index: applied.index, result: result.result, isReplay: false };
        case "replayed":
          return { index: result.index, result: result.result, isReplay: true };
        case "expired":
          break;
        default:
          throw new RaftError("invalid_argument", "the group takes this for another command");
      }
      if (unknown !== undefined) {
        const message =
          "the group has forgotten the session, and with it what became of the command";
        throw new RaftError("session_expired", message, { cause: unknown });
      }
      // It was the first attempt, so the command was not applied.
      if (this.#clock.now() >= patience.deadline) {
        throw new RaftError(
          "unavailable",
          "the session had expired, and there was no time for another",
        );
      }
      if (this.#identity === identity) await this.#reopen(patience);
    }
  }

  async close(options: CallOptions = {}): Promise<void> {
    const { id } = this.#identity;
    const encode = (): Uint8Array =>
      encodeSessionCommand({ kind: "close", stamp: this.#stamp(), session: id });
    await this.#attempts.make(encode, this.#patience(options));
  }

  async #attempt(
    command: Uint8Array,
    { id, window }: Identity,
    patience: Patience,
  ): Promise<Attempted> {
    const sequence = window.begin();
    if (sequence === undefined) {
      throw new RaftError("busy", "too many commands wait for the oldest one of the session");
    }
    const encode = (): Uint8Array =>
      encodeSessionCommand({
        kind: "command",
        stamp: this.#stamp(),
        session: id,
        sequence,
        floor: window.floor,
        command,
      });
    try {
      return await this.#attempts.make(encode, patience);
    } finally {
      window.end(sequence);
    }
  }

  /** Opens another session for a command that was not applied. */
  async #reopen(patience: Patience): Promise<void> {
    try {
      await this.open(patience);
    } catch (cause) {
      const message = "the session has expired, and no other could be opened";
      throw new RaftError("unavailable", message, { cause });
    }
  }

  #patience(options: CallOptions): Patience {
    const flaw = checkCallOptions(options);
    if (flaw !== undefined) throw flaw;
    const deadline = this.#clock.now() + (options.timeoutMs ?? this.#timeoutMs);
    return { deadline, signal: options.signal };
  }

  /** The time of day, as far as a command can say it. */
  #stamp(): number {
    return Math.min(uint48Max, Math.max(0, Math.floor(this.#clock.wall())));
  }
}
