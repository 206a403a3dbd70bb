import { type ErrorCode, RaftError } from "@quorate/core";
import type { Clock } from "./ports.ts";
import type { Applied, CallOptions } from "./replica.ts";
import { decodeSessionResult, type SessionResult } from "./session-result.ts";

/** What takes commands: a replica whose state machine is one of `exactlyOnce`. */
export interface Proposer {
  propose(command: Uint8Array, options?: CallOptions): Promise<Applied>;
}

/** How long a call may go on. */
export interface Patience {
  /** On the clock of the session. */
  readonly deadline: number;
  readonly signal: CallOptions["signal"];
}

/** How a command was answered. */
export interface Attempted {
  readonly applied: Applied;
  readonly result: SessionResult;
  /** Why it is not known what became of an attempt before; undefined if there was no such attempt. */
  readonly unknown: RaftError | undefined;
}

/** After these the replica takes no further attempt, or the caller wants none. */
const final: ReadonlySet<ErrorCode> = new Set([
  "aborted",
  "closed",
  "stopped",
  "removed",
  "storage_failed",
  "state_machine_failed",
  "diverged",
]);

/** The least time that an attempt is given, as long as there is as much, in milliseconds. */
const attemptMsMin = 100;

/** Proposes a command that may be in the log more than once, until it is known what became of it. */
export class Attempts {
  readonly #replica: Proposer;
  readonly #clock: Clock;
  readonly #retryMs: number;

  /** `retryMs`: how long to wait before an attempt is repeated, in milliseconds. */
  constructor(replica: Proposer, clock: Clock, retryMs: number) {
    this.#replica = replica;
    this.#clock = clock;
    this.#retryMs = retryMs;
  }

  /**
   * Proposes what `encode` gives, anew for each attempt. Rejects with the error of the last attempt that
   * left it open, if there is one, and else with that of the only one.
   */
  async make(encode: () => Uint8Array, { deadline, signal }: Patience): Promise<Attempted> {
    let unknown: RaftError | undefined;
    for (;;) {
      const leftMs = Math.max(1, deadline - this.#clock.now());
      // Half of what is left: whoever has the command now may have lost it.
      const timeoutMs = Math.max(leftMs / 2, Math.min(leftMs, attemptMsMin));
      try {
        const applied = await this.#replica.propose(encode(), { timeoutMs, signal });
        return { applied, result: resultOf(applied), unknown };
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        if (error.outcome === "unknown") unknown = error;
        const isOver = this.#clock.now() + this.#retryMs >= deadline || signal?.aborted === true;
        const mayPass = unknown !== undefined || error.code === "unavailable";
        if (isOver || !mayPass || final.has(error.code)) throw unknown ?? error;
      }
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(this.#retryMs, resolve);
    });
  }
}

function resultOf({ index, result }: Applied): SessionResult {
  const decoded = decodeSessionResult(result);
  if (decoded !== undefined && decoded.kind !== "malformed") return decoded;
  throw new RaftError(
    "unsupported_version",
    `the result of the entry at ${index} is none of a session: is the state machine one of exactlyOnce?`,
  );
}
