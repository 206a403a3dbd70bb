import {
  assert,
  AssertionError,
  type Entry,
  type EntryId,
  type HardState,
  type LogIndex,
  none,
} from "@quorate/core";
import { type Batch, batchBytes, encodeBatch, payloadBytesOf } from "./batch.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { fileSeed, type WalIdentity } from "./file-header.ts";
import { Life } from "./life.ts";
import { contradiction, type LogShape } from "./log-shape.ts";
import { NextSegment, type OpenSegment } from "./next-segment.ts";
import { committedBy } from "./reconcile.ts";
import { noteBatch, type Segment } from "./segment-file.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { sectorBytes } from "./segment.ts";

/** What one append makes durable. */
export interface Append {
  /** Entries to append, in order. The first one and all after it replace what the log holds from there. */
  readonly entries: readonly Entry[];
  /** The new hard state, or undefined if it did not change. */
  readonly hardState: HardState | undefined;
  /**
   * The log begins anew after this entry, whatever it held: a snapshot takes the place of all up to it,
   * and `entries` follow it. That snapshot must be stored already. The commit index reached up to the
   * entry at most, and reaches it from now on.
   */
  readonly reset?: EntryId | undefined;
}

/** How an append is to be done. */
export interface AppendOptions {
  /**
   * Whether the append must be durable when it resolves. `false` is for a commit index alone, with the
   * term and vote as they were: it is kept in memory, and becomes durable with the next append.
   *
   * @default true
   */
  readonly sync?: boolean;
  /**
   * Whether a segment that is shorter than usual will do, if there is no room for a whole one: then the
   * append takes as little room as it can.
   *
   * @default false
   */
  readonly makesDo?: boolean;
}

/** What a log is made of when it is opened. */
export interface WalParts {
  readonly disk: Disk;
  readonly identity: WalIdentity;
  readonly incarnation: Uint8Array;
  readonly segmentBytes: number;
  /** The segments that hold batches, in order. */
  readonly segments: Segment[];
  /** The file of the last of these; undefined if there are none. */
  readonly file: DiskFile | undefined;
  readonly spare: OpenSegment | undefined;
  /** What was compacted away, or is about to be, must be in a snapshot of these. */
  readonly snapshots: Pick<SnapshotStore, "newest">;
  readonly shape: LogShape;
  readonly hardState: HardState;
  /** The number of the next batch. */
  readonly nextNumber: number;
}

/** Batches up to this length share one buffer; longer ones get one of their own. */
const sharedBufferBytesMax = 1024 * 1024;

/**
 * The durable log of one node: entries and hard state, appended in batches. Made by `openWal`.
 *
 * Calls of `append` must not overlap one another, nor those of `compact` one another; `compact` may run
 * beside `append`. `close` comes after all of them.
 *
 * After a failed write or sync the log is dead: nothing is tried again, and every later call rejects
 * with the same `storage_failed`. What was pending then may or may not be durable.
 */
export class Wal {
  readonly #disk: Disk;
  readonly #incarnation: Uint8Array;
  readonly #segments: Segment[];
  readonly #snapshots: Pick<SnapshotStore, "newest">;
  readonly #shape: LogShape;
  #file: DiskFile | undefined;
  readonly #next: NextSegment;
  #hardState: HardState;
  #nextNumber: number;
  #buffer = new Uint8Array(0);
  readonly #life = new Life("the log");
  #isAppending = false;
  #isCompacting = false;

  /** Takes over the files of `parts`. */
  constructor(parts: WalParts) {
    this.#disk = parts.disk;
    this.#incarnation = parts.incarnation;
    this.#segments = parts.segments;
    this.#snapshots = parts.snapshots;
    this.#file = parts.file;
    const { disk, identity, incarnation, segmentBytes } = parts;
    const sequence = (): number => (this.#segments.at(-1)?.header.sequence ?? 0) + 1;
    const life = this.#life;
    this.#next = new NextSegment(
      { disk, identity, incarnation, segmentBytes, life, sequence },
      parts.spare,
    );
    this.#shape = parts.shape;
    this.#hardState = parts.hardState;
    this.#nextNumber = parts.nextNumber;
  }

  /** 16 bytes drawn when this log was created. The same node on a new disk has others. */
  get incarnation(): Uint8Array {
    return this.#incarnation.slice();
  }

  /** The length of all files of the log, in bytes. */
  get bytes(): number {
    let bytes = this.#next.bytes;
    for (const segment of this.#segments) bytes += segment.size;
    return bytes;
  }

  /** Whether there was no room for the next segment. `prepare` tries again, and an append does if it must. */
  get isShortOfRoom(): boolean {
    return this.#next.isShortOfRoom;
  }

  /** How far the log is committed, as it says itself or the newest snapshot does. */
  get committedIndex(): LogIndex {
    const hardState = this.#hardState;
    return committedBy(this.#snapshots.newest?.snapshot, { shape: this.#shape, hardState })
      .commitIndex;
  }

  /** Whether a compaction up to `index` would free anything. */
  frees(index: LogIndex): boolean {
    const [first] = this.#segments;
    return first !== undefined && this.#segments.length > 1 && first.highestIndex <= index;
  }

  /** The entry before the first that the log holds; `origin` until something is compacted. */
  get base(): EntryId {
    return this.#shape.base;
  }

  /** What the next append follows on: also a commit index that waits for it. */
  get hardState(): HardState {
    return this.#hardState;
  }

  /** The index of the last durable entry; that of `base` if there is none. */
  get lastIndex(): LogIndex {
    return this.#shape.last.index;
  }

  /**
   * Makes entries and hard state durable, by one write and one sync; they are when it resolves. What
   * contradicts the log (a hole, a term that decreases, a committed entry replaced), or is longer than
   * 1 GiB, is a defect of the caller and fails an assertion.
   *
   * Rejects with `disk_full` if there is no room for another segment: nothing happened, the log stays
   * usable, and the same append may be tried again. Rejects with `storage_failed`, for good, if the
   * disk failed, and with `closed` after `close`.
   */
  async append(append: Append, options: AppendOptions = {}): Promise<void> {
    this.#life.check();
    assert(!this.#isAppending, "appends do not overlap");
    const batch = this.#newBatch(append);
    if (options.sync === false) {
      const { term, vote } = this.#hardState;
      const isCommitOnly = batch.hardState.term === term && batch.hardState.vote === vote;
      assert(
        append.entries.length === 0 && append.reset === undefined && isCommitOnly,
        "only a commit index may wait for a later sync",
      );
      this.#hardState = batch.hardState;
      return;
    }
    const { entries, hardState, reset } = append;
    if (entries.length === 0 && hardState === undefined && reset === undefined) return;
    this.#isAppending = true;
    try {
      await this.#write(batch, options.makesDo ?? false);
    } finally {
      this.#isAppending = false;
    }
  }

  /**
   * Frees what only holds entries up to `index`, or what stood before a reset, and returns the new
   * base: at most `index`, unless there was a reset, and less where a segment holds later entries too.
   * `index` must be committed, and not lie beyond the newest snapshot. Only whole segments are removed,
   * and never the last. Resolves when the removal is durable; a crash before leaves a log that reaches
   * further back. Rejects as `append` does, but for `disk_full`.
   */
  async compact(index: LogIndex): Promise<EntryId> {
    this.#life.check();
    assert(!this.#isCompacting, "compactions do not overlap");
    assert(index <= this.committedIndex, "only committed entries are removed");
    assert(index <= this.#snapshotIndex(), "what is removed is in a stored snapshot");
    this.#isCompacting = true;
    try {
      for (;;) {
        const [first] = this.#segments;
        if (first === undefined || !this.frees(index)) break;
        // One by one, oldest first: otherwise a crash might leave a hole between two segments.
        await this.#orFail(this.#disk.remove(first.name));
        await this.#orFail(this.#disk.syncDirectory());
        this.#segments.shift();
        this.#shape.compact(this.#lowest());
      }
      return this.#shape.base;
    } finally {
      this.#isCompacting = false;
    }
  }

  /**
   * Makes the next segment ahead if there was no room for it when that was tried last. Resolves with whether
   * there is room now, as far as the log needs any; not while an append is under way that may need it.
   * Rejects as `append` does, but for `disk_full`.
   */
  async prepare(): Promise<boolean> {
    return await this.#next.prepare();
  }

  /** Closes all files. The log takes no more calls; closing again does nothing. */
  async close(): Promise<void> {
    if (this.#life.isClosed) return;
    assert(
      !this.#isAppending && !this.#isCompacting,
      "the log is closed after the last call has settled",
    );
    this.#life.close();
    const file = this.#file;
    this.#file = undefined;
    await Promise.all([file?.close(), this.#next.close()]);
  }

  #newBatch(append: Append): Batch {
    const { entries, hardState = this.#hardState, reset } = append;
    const isReset = reset !== undefined;
    assert(
      !isReset || reset.index <= this.#snapshotIndex(),
      "a snapshot is stored before the log begins anew after it",
    );
    const prev = reset ?? this.#beforeFirst(entries);
    const batch = { number: this.#nextNumber, prev, entries, hardState, isReset };
    const problem = contradiction({ shape: this.#shape, hardState: this.#hardState }, batch);
    if (problem !== undefined) {
      throw new AssertionError(`an append contradicts the log: ${problem}`);
    }
    return batch;
  }

  /** The last entry that a stored snapshot stands for. */
  #snapshotIndex(): LogIndex {
    return this.#snapshots.newest?.snapshot.index ?? none;
  }

  /** The entry that `entries` follow: the last one, if there are none. */
  #beforeFirst(entries: readonly Entry[]): EntryId {
    const [first] = entries;
    const index = first === undefined ? this.lastIndex : first.index - 1;
    assert(this.#shape.has(index), "the entries leave no hole, and stay after the log's base");
    return this.#shape.idAt(index);
  }

  async #write(batch: Batch, makesDo: boolean): Promise<void> {
    const length = batchBytes(payloadBytesOf(batch.entries));
    const { segment, file } = await this.#roomFor(length, makesDo);
    const bytes = this.#bufferOf(length);
    encodeBatch(batch, fileSeed(segment.header), bytes);
    await this.#orFail(file.writeSynced(segment.end, [bytes]));

    if (segment !== this.#segments.at(-1)) {
      const before = this.#file;
      this.#segments.push(segment);
      this.#file = file;
      this.#next.onTaken();
      if (before !== undefined) await this.#orFail(before.close());
    }
    noteBatch(this.#segments, batch, segment.end + length);
    if (batch.isReset) this.#shape.reset(batch.prev);
    this.#shape.replace(batch.prev, batch.entries);
    this.#hardState = batch.hardState;
    this.#nextNumber++;
    this.#next.maybePrepare(segment);
  }

  /** The segment that takes a batch of `length` bytes: the last one, or else the next. */
  async #roomFor(length: number, makesDo: boolean): Promise<OpenSegment> {
    const current = this.#segments.at(-1);
    if (current !== undefined && this.#file !== undefined && current.end + length <= current.size) {
      return { segment: current, file: this.#file };
    }
    return await this.#next.take(length, makesDo);
  }

  /** The earliest base that the batches of all segments tell. */
  #lowest(): LogIndex {
    let lowest = Number.POSITIVE_INFINITY;
    for (const segment of this.#segments) {
      lowest = Math.min(lowest, segment.lowest?.index ?? lowest);
    }
    return lowest;
  }

  #bufferOf(length: number): Uint8Array {
    if (length > sharedBufferBytesMax) return new Uint8Array(length);
    if (length > this.#buffer.length) {
      const doubled = Math.max(length, 2 * this.#buffer.length, 8 * sectorBytes);
      this.#buffer = new Uint8Array(Math.min(doubled, sharedBufferBytesMax));
    }
    return this.#buffer.subarray(0, length);
  }

  async #orFail<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#life.fail(error, "writing the log failed");
    }
  }
}
