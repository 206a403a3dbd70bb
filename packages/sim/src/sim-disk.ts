import {
  assert,
  at,
  type Entry,
  type EntryId,
  type HardState,
  initialHardState,
  type LogIndex,
  none,
  origin,
  type Snapshot,
  type Storage,
} from "@quorate/core";

/** What one Ready asks of the disk, all of it or nothing. */
export interface DiskWrite {
  /** Ends the stored log: it begins anew after this snapshot, whose state is on the disk already. */
  readonly snapshot: Snapshot | undefined;
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
 * report. The state of a snapshot is there from `keep` on.
 */
export class SimDisk {
  #hardState: HardState = initialHardState;
  #snapshot: Snapshot | undefined;
  #base: EntryId = origin;
  /** The entries after the base. */
  #entries: Entry[] = [];
  /** Not certain to survive; the first `#reportedCount` of them were reported done. */
  #waiting: DiskWrite[] = [];
  #reportedCount = 0;

  /** A disk with nothing on it but perhaps a snapshot before the first entry. */
  constructor(snapshot?: Snapshot) {
    this.#snapshot = snapshot;
  }

  /**
   * What would be left if the power failed now and nothing more was lucky. A snapshot that came, and that
   * the log does not reach, stands in for the log (§7).
   */
  get storage(): Storage {
    const snapshot = this.#snapshot;
    const hardState = this.#hardState;
    if (snapshot === undefined || this.#logHolds(snapshot)) {
      return { hardState, snapshot, base: this.#base, entries: [...this.#entries] };
    }
    // Nothing was promised in a term that the disk did not hold.
    const isNewTerm = snapshot.term > hardState.term;
    const { term, vote } = isNewTerm ? { term: snapshot.term, vote: none } : hardState;
    const base = { term: snapshot.term, index: snapshot.index };
    return { hardState: { term, vote, commitIndex: base.index }, snapshot, base, entries: [] };
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  /** Where the newest snapshot ends. */
  get snapshotIndex(): LogIndex {
    return this.#snapshot?.index ?? none;
  }

  get lastIndex(): LogIndex {
    return this.#base.index + this.#entries.length;
  }

  /** How many writes were not reported done. */
  get pendingCount(): number {
    return this.#waiting.length - this.#reportedCount;
  }

  /** Whether the entry that `id` names is certain to survive, by itself or in the state of a snapshot. */
  holds(id: EntryId): boolean {
    return id.index <= this.snapshotIndex || this.#logHolds(id);
  }

  #logHolds({ index, term }: EntryId): boolean {
    if (index === this.#base.index) return term === this.#base.term;
    return this.#entries[index - this.#base.index - 1]?.term === term;
  }

  /** Hands over one write. */
  submit(write: DiskWrite): void {
    this.#waiting.push(write);
  }

  /** Makes the state of `snapshot` durable, unless a newer one is. */
  keep(snapshot: Snapshot): void {
    if (this.#snapshot === undefined || snapshot.index > this.#snapshot.index) {
      this.#snapshot = snapshot;
    }
  }

  /**
   * Forgets the entries up to `upTo`, which a snapshot stands in for, as far as the disk knows them to be
   * committed: others may yet be replaced by a write that waits.
   */
  compact(upTo: LogIndex): void {
    assert(upTo <= this.snapshotIndex, "a snapshot stands in for what is forgotten");
    const index = Math.min(upTo, this.#hardState.commitIndex);
    const last = this.#entries[index - this.#base.index - 1];
    if (last === undefined) return;
    this.#entries = this.#entries.slice(index - this.#base.index);
    this.#base = { term: last.term, index };
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
    this.#mend();
  }

  /** What a start finds is what it goes on from: an installation that was cut short is completed. */
  #mend(): void {
    const { hardState, base, entries } = this.storage;
    this.#hardState = hardState;
    this.#base = base;
    this.#entries = [...entries];
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
    if (write.snapshot !== undefined) {
      const { term, index } = write.snapshot;
      this.#base = { term, index };
      this.#entries = [];
    }
    const first = write.entries[0];
    if (first === undefined) return;
    assert(first.index <= this.lastIndex + 1, "a write leaves no hole in the stored log");
    assert(first.index > this.#base.index, "a write does not replace what is compacted");
    this.#entries.length = first.index - this.#base.index - 1;
    for (const entry of write.entries) this.#entries.push(entry);
  }
}
