import type { Ticks } from "@quorate/core";

/**
 * Tells whether the disk is stuck: a write has been under way for longer than a healthy one takes, and
 * may be for ever. Time is counted in ticks, so that a process that was paused does not take the pause
 * for the disk's.
 */
export class DiskWatch {
  readonly #patienceTicks: Ticks;
  #isWriting = false;
  /** Ticks since the write that is under way began. */
  #writingTicks: Ticks = 0;

  /** `patienceTicks` is how long a write may take. */
  constructor(patienceTicks: Ticks) {
    this.#patienceTicks = patienceTicks;
  }

  /** Whether the disk is stuck. */
  get isStuck(): boolean {
    return this.#isWriting && this.#writingTicks > this.#patienceTicks;
  }

  /** For how long the write that is under way has lasted, in ticks; 0 if none is. */
  get writingTicks(): Ticks {
    return this.#isWriting ? this.#writingTicks : 0;
  }

  /** Watches a write, of which there is one at a time; gives what it gives. */
  async during<T>(write: Promise<T>): Promise<T> {
    this.#isWriting = true;
    this.#writingTicks = 0;
    try {
      return await write;
    } finally {
      this.#isWriting = false;
    }
  }

  /** Lets `count` ticks pass. */
  onTicks(count: Ticks): void {
    this.#writingTicks += count;
  }
}
