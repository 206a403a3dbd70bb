import {
  assert,
  type Entry,
  type EntryId,
  type HardState,
  initialHardState,
  origin,
} from "@quorate/core";
import type { Batch } from "./batch.ts";
import { contradiction, LogShape } from "./log-shape.ts";

/** Rebuilds a log from its batches, in the order in which they were written. */
export class Replay {
  #shape = new LogShape(origin);
  readonly #keepsEntries: boolean;
  #entries: Entry[] = [];
  #hardState: HardState = initialHardState;
  #number: number | undefined;

  /** Without `keepsEntries`, nothing is kept of entries but their ids: enough to judge a log. */
  constructor({ keepsEntries = true }: { readonly keepsEntries?: boolean } = {}) {
    this.#keepsEntries = keepsEntries;
  }

  /** The number of the batch that must come next, or undefined if any may be the first. */
  get nextNumber(): number | undefined {
    return this.#number === undefined ? undefined : this.#number + 1;
  }

  get shape(): LogShape {
    return this.#shape;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /**
   * The last hard state. What was removed from the front of the log was committed, even where the
   * last batch was written before that was known.
   */
  get hardState(): HardState {
    const commitIndex = Math.max(this.#hardState.commitIndex, this.#shape.base.index);
    return { ...this.#hardState, commitIndex };
  }

  /** Takes in the next batch; says how it contradicts those before, or undefined. */
  apply(batch: Batch): string | undefined {
    const { prev, entries, hardState, number, isReset } = batch;
    assert(
      this.#number === undefined || number === this.#number + 1,
      "batches are replayed in order",
    );
    // A batch that reaches before the base replaces all of the log: what it follows was in a segment
    // that is gone, and what it replaces is what made the base look higher. A reset says so itself.
    const restart = this.#number === undefined || prev.index < this.#shape.base.index;
    const beginsAnew = restart || isReset;
    const shape = beginsAnew ? new LogShape(prev) : this.#shape;
    const problem = contradiction({ shape, hardState: this.#hardState }, batch);
    if (problem !== undefined) return problem;
    this.#shape = shape;
    if (beginsAnew) this.#entries = [];
    shape.replace(prev, entries);
    if (this.#keepsEntries) this.#replaceEntries(prev, entries);
    this.#hardState = hardState;
    this.#number = number;
    return undefined;
  }

  #replaceEntries(prev: EntryId, entries: readonly Entry[]): void {
    this.#entries.length = prev.index - this.#shape.base.index;
    for (const entry of entries) this.#entries.push(entry);
  }
}
