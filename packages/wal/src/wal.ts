import {
  assert,
  AssertionError,
  type Entry,
  type EntryId,
  type HardState,
  type LogIndex,
  none,
  RaftError,
} from "@quorate/core";
import { type Batch, batchBytes, encodeBatch, payloadBytesOf } from "./batch.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { fileSeed, type WalIdentity } from "./file-header.ts";
import { Life } from "./life.ts";
import { contradiction, type LogShape } from "./log-shape.ts";
import { createSegment, noteBatch, type Segment } from "./segment-file.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { newSegmentHeader, sectorBytes, segmentHeaderBytes, segmentName } from "./segment.ts";

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

/** A segment and its open file. */
export interface OpenSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
}

/** The segment after the current one. At most one is made ahead. */
type Spare =
  /** There is none. `refused`: the disk was full when one was tried; the next try is by need. */
  | { readonly kind: "none"; readonly refused: boolean }
  /** One is being written. `done` never rejects. */
  | { readonly kind: "preparing"; readonly done: Promise<void> }
  | { readonly kind: "ready"; readonly next: OpenSegment };

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
  readonly #identity: WalIdentity;
  readonly #incarnation: Uint8Array;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  readonly #snapshots: Pick<SnapshotStore, "newest">;
  readonly #shape: LogShape;
  #file: DiskFile | undefined;
  #spare: Spare;
  #hardState: HardState;
  #nextNumber: number;
  #buffer = new Uint8Array(0);
  readonly #life = new Life("the log");
  #isAppending = false;
  #isCompacting = false;

  /** Takes over the files of `parts`. */
  constructor(parts: WalParts) {
    this.#disk = parts.disk;
    this.#identity = parts.identity;
    this.#incarnation = parts.incarnation;
    this.#segmentBytes = parts.segmentBytes;
    this.#segments = parts.segments;
    this.#snapshots = parts.snapshots;
    this.#file = parts.file;
    this.#spare =
      parts.spare === undefined
        ? { kind: "none", refused: false }
        : { kind: "ready", next: parts.spare };
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
    let bytes = this.#spare.kind === "ready" ? this.#spare.next.segment.size : 0;
    for (const segment of this.#segments) bytes += segment.size;
    return bytes;
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
      await this.#write(batch);
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
    assert(index <= this.#hardState.commitIndex, "only committed entries are removed");
    assert(index <= this.#snapshotIndex(), "what is removed is in a stored snapshot");
    this.#isCompacting = true;
    try {
      for (;;) {
        const [first] = this.#segments;
        if (first === undefined || this.#segments.length < 2 || first.highestIndex > index) break;
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

  /** Closes all files. The log takes no more calls; closing again does nothing. */
  async close(): Promise<void> {
    if (this.#life.isClosed) return;
    assert(
      !this.#isAppending && !this.#isCompacting,
      "the log is closed after the last call has settled",
    );
    this.#life.close();
    if (this.#spare.kind === "preparing") await this.#spare.done;
    const files = [this.#file, this.#spare.kind === "ready" ? this.#spare.next.file : undefined];
    this.#file = undefined;
    this.#spare = { kind: "none", refused: false };
    await Promise.all(files.map(async (file) => await file?.close()));
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

  async #write(batch: Batch): Promise<void> {
    const length = batchBytes(payloadBytesOf(batch.entries));
    const { segment, file } = await this.#roomFor(length);
    const bytes = this.#bufferOf(length);
    encodeBatch(batch, fileSeed(segment.header), bytes);
    await this.#orFail(file.writeSynced(segment.end, [bytes]));

    if (segment !== this.#segments.at(-1)) {
      const before = this.#file;
      this.#segments.push(segment);
      this.#file = file;
      this.#spare = { kind: "none", refused: false };
      if (before !== undefined) await this.#orFail(before.close());
    }
    noteBatch(this.#segments, batch, segment.end + length);
    if (batch.isReset) this.#shape.reset(batch.prev);
    this.#shape.replace(batch.prev, batch.entries);
    this.#hardState = batch.hardState;
    this.#nextNumber++;
    this.#maybePrepareSpare(segment);
  }

  /** The segment that takes a batch of `length` bytes: the last one, or else the next. */
  async #roomFor(length: number): Promise<OpenSegment> {
    const current = this.#segments.at(-1);
    if (current !== undefined && this.#file !== undefined && current.end + length <= current.size) {
      return { segment: current, file: this.#file };
    }
    if (this.#spare.kind === "preparing") await this.#spare.done;
    this.#life.check();
    const spare = this.#spare.kind === "ready" ? this.#spare.next : undefined;
    if (spare !== undefined && spare.segment.end + length <= spare.segment.size) return spare;

    // None was made ahead, or the batch is too long for it: then the new one takes its name.
    const next = await this.#create(Math.max(this.#segmentBytes, segmentHeaderBytes + length));
    this.#spare = { kind: "ready", next };
    if (spare !== undefined) await this.#orFail(spare.file.close());
    return next;
  }

  /** Writes the segment after the last. Rejects with `disk_full`, or kills the log. */
  async #create(size: number): Promise<OpenSegment> {
    const sequence = (this.#segments.at(-1)?.header.sequence ?? 0) + 1;
    const header = newSegmentHeader(this.#identity, this.#incarnation, sequence);
    try {
      return await createSegment(this.#disk, header, size);
    } catch (error) {
      if (error instanceof RaftError && error.code === "disk_full") throw error;
      throw this.#life.fail(error, `creating ${segmentName(sequence)} failed`);
    }
  }

  /** Starts on the next segment once half of the current one is used, so that no append waits for it. */
  #maybePrepareSpare(current: Segment): void {
    const isHalfUsed = 2 * (current.end - segmentHeaderBytes) >= current.size - segmentHeaderBytes;
    if (this.#spare.kind !== "none" || this.#spare.refused || !isHalfUsed) return;
    const done = this.#create(this.#segmentBytes).then(
      (next) => {
        this.#spare = { kind: "ready", next };
      },
      () => {
        // A full disk is told to the append that needs the room; any other error has killed the log.
        this.#spare = { kind: "none", refused: true };
      },
    );
    this.#spare = { kind: "preparing", done };
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
