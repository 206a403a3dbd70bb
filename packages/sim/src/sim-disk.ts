import {
  assert,
  at,
  type Entry,
  type EntryId,
  type HardState,
  initialHardState,
  origin,
  type Storage,
} from "@quorate/core";

/** What one Ready asks of the disk, all of it or nothing. */
export interface DiskWrite {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly mustSync: boolean;
}

/** How many writes that were reported done, and need not be synced, a crash may lose. */
const unsyncedCountMax = 8;

/**
 * One node's disk. Writes wait in order; `complete` reports the oldest as done, and those that must
 * be synced, with all before them, then survive anything. Of the others a crash leaves some of the
 * first: it may come before a write, in the middle of a group, or after all of it and before the
 * report.
 */
export class SimDisk {
  #hardState: HardState = initialHardState;
  readonly #entries: Entry[] = [];
  /** Not certain to survive; the first `#reportedCount` of them were reported done. */
  #waiting: DiskWrite[] = [];
  #reportedCount = 0;

  /** What would be left if the power failed now and nothing more was lucky. */
  get storage(): Storage {
    return { hardState: this.#hardState, base: origin, entries: [...this.#entries] };
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get lastIndex(): number {
    return this.#entries.length;
  }

  /** How many writes were not reported done. */
  get pendingCount(): number {
    return this.#waiting.length - this.#reportedCount;
  }

  /** Whether the entry that `id` names is certain to survive. */
  holds(id: EntryId): boolean {
    return id.index === 0 || this.#entries[id.index - 1]?.term === id.term;
  }

  /** Hands over one write. */
  submit(write: DiskWrite): void {
    this.#waiting.push(write);
  }

  /** Reports the `count` oldest unreported writes done. */
  complete(count: number): void {
    assert(count <= this.pendingCount, "only what was submitted completes");
    const reportedBefore = this.#reportedCount;
    this.#reportedCount += count;
    // What need not be synced gets to the disk in the end, even so.
    let written = Math.max(0, this.#reportedCount - unsyncedCountMax);
    for (let offset = reportedBefore; offset < this.#reportedCount; offset++) {
      if (at(this.#waiting, offset).mustSync) written = Math.max(written, offset + 1);
    }
    for (const write of this.#waiting.splice(0, written)) this.#write(write);
    this.#reportedCount -= written;
  }

  /** The power fails: the first `survivorCount` of the uncertain writes are left, the rest is gone. */
  crash(survivorCount: number): void {
    assert(survivorCount <= this.#waiting.length, "only what was submitted survives");
    for (let offset = 0; offset < survivorCount; offset++) this.#write(at(this.#waiting, offset));
    this.#waiting = [];
    this.#reportedCount = 0;
  }

  /** The writes that a crash now may lose, oldest first. */
  get uncertain(): readonly DiskWrite[] {
    return this.#waiting;
  }

  /** Whether `entry` is in a write that was not reported done. */
  isWriting(entry: Entry): boolean {
    const unreported = this.#waiting.slice(this.#reportedCount);
    return unreported.some(({ entries }) => entries.includes(entry));
  }

  /** Loses the vote that was stored, which no disk may do. For tests of the judges. */
  forgetVote(): void {
    this.#hardState = { ...this.#hardState, vote: 0 };
  }

  /** Reports writes done without a sync, whatever they demand. For tests of the judges. */
  lie(count: number): void {
    assert(count <= this.pendingCount, "only what was submitted completes");
    this.#reportedCount += count;
  }

  #write(write: DiskWrite): void {
    if (write.hardState !== undefined) this.#hardState = write.hardState;
    const first = write.entries[0];
    if (first === undefined) return;
    assert(first.index <= this.#entries.length + 1, "a write leaves no hole in the stored log");
    this.#entries.length = first.index - 1;
    for (const entry of write.entries) this.#entries.push(entry);
  }
}
