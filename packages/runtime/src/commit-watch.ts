import type { Entry, LogIndex } from "@quorate/core";
import type { Clock } from "./ports.ts";
import type { CommittedBatch } from "./replica-observer.ts";

/** How many batches are watched at a time; further ones are not. */
const watchedCountMax = 64;

/** A batch on its way. */
interface Batch {
  /** Of its last command. */
  readonly lastIndex: LogIndex;
  readonly entryCount: number;
  readonly beganAt: number;
}

/** Times batches of the log from when they are handed to the disk until the state machine is given them. */
export class CommitWatch {
  readonly #clock: Clock;
  readonly #tell: (batch: CommittedBatch) => void;
  /** In log order. */
  #batches: Batch[] = [];

  constructor(clock: Clock, tell: (batch: CommittedBatch) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** `entries` are handed to the disk, in the place of what the log holds from the first of them on. */
  written(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    const isOverwritten = (this.#batches.at(-1)?.lastIndex ?? 0) >= first.index;
    if (isOverwritten) {
      this.#batches = this.#batches.filter(({ lastIndex }) => lastIndex < first.index);
    }
    // Nothing but commands comes to the state machine.
    const last = entries.findLast(({ kind }) => kind === "command");
    if (last === undefined || this.#batches.length >= watchedCountMax) return;
    this.#batches.push({
      lastIndex: last.index,
      entryCount: entries.length,
      beganAt: this.#clock.now(),
    });
  }

  /** The state machine is given commands, up to `index`. */
  committed(index: LogIndex): void {
    for (;;) {
      const [batch] = this.#batches;
      if (batch === undefined || batch.lastIndex > index) return;
      this.#batches.shift();
      this.#tell({ entryCount: batch.entryCount, ms: this.#clock.now() - batch.beganAt });
    }
  }
}
