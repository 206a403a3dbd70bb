import { type LogIndex, RaftError } from "@quorate/core";
import { beginsAnew } from "./batch.ts";
import {
  type Damage,
  headerDamage,
  lostTrailer,
  type Place,
  rottenPayload,
  type WholeBatch,
} from "./damage-kinds.ts";
import { corrupt } from "./damage.ts";
import type { Disk } from "./disk.ts";
import { findSnapshots, newestOf } from "./disk-snapshot-store.ts";
import {
  checkFileHeader,
  decodeFileHeader,
  fileHeaderBytes,
  type WalIdentity,
} from "./file-header.ts";
import { parseFileName } from "./file-name.ts";
import { gapDamage, type NextBatch } from "./gap.ts";
import { listSegments } from "./recovery.ts";
import { Replay } from "./replay.ts";
import { newSegment, type Segment } from "./segment-file.ts";
import { type BatchRead, readSegment, type SegmentReader } from "./segment-reader.ts";
import {
  alignmentBytes,
  decodeSegmentHeader,
  newSegmentHeader,
  segmentHeaderBytes,
  segmentKind,
  segmentName,
} from "./segment.ts";
import { snapshotKind } from "./snapshot-file.ts";
import { withFile } from "./with-file.ts";

/** A log that was refused as `corrupt`, and what can be done about the first damage in it. */
export interface DamagedLog {
  /** Names this log: 16 bytes. */
  readonly incarnation: Uint8Array;
  /** The members as of the newest snapshot. */
  readonly members: Uint8Array;
  /** The ways to mend the first damage, the best one first. */
  readonly ways: readonly Damage[];
}

/**
 * Looks for the first damage of a log that `openWal` refused as `corrupt`, and changes nothing. Undefined
 * if there is none that could be mended: then the refusal stands. Of a log with several, one is found
 * after the other is mended.
 *
 * Throws what the disk throws, `wrong_identity` and `unsupported_version`.
 */
export async function findDamage(
  disk: Disk,
  identity: WalIdentity,
): Promise<DamagedLog | undefined> {
  try {
    return await new DamageFinder(disk, identity).find();
  } catch (error) {
    // A snapshot is damaged, or a file is missing.
    if (error instanceof RaftError && error.code === "corrupt") return undefined;
    throw error;
  }
}

/** How many ways to mend one damage are looked for. */
const wayCountMax = 8;

/** Something in the place of the next batch. */
interface Stop extends Place {
  readonly read: Exclude<BatchRead, { readonly kind: "end" }>;
}

class DamageFinder {
  readonly #disk: Disk;
  readonly #identity: WalIdentity;
  readonly #segments: Segment[] = [];
  readonly #replay = new Replay();
  /** Where the log ends in the segments before, if no batch was found since. */
  #end: Place | undefined;
  #lastBatch: WholeBatch | undefined;
  #snapshotIndex: LogIndex | undefined;

  constructor(disk: Disk, identity: WalIdentity) {
    this.#disk = disk;
    this.#identity = identity;
  }

  async find(): Promise<DamagedLog | undefined> {
    const { sequences } = await listSegments(this.#disk);
    const incarnation = await this.#findIncarnation(sequences);
    if (incarnation === undefined) return undefined;
    const snapshots = await findSnapshots(this.#disk, this.#identity, incarnation);
    const newest = newestOf(snapshots.files)?.stored;
    this.#snapshotIndex = newest?.snapshot.index;
    const header = await this.#findHeader(sequences, incarnation);
    const ways = header === undefined ? await this.#findBatch() : [header];
    if (ways.length === 0) return undefined;
    return { incarnation, members: newest?.members ?? new Uint8Array(0), ways };
  }

  /** The name of the log, as the first file tells it whose header is whole. */
  async #findIncarnation(sequences: readonly number[]): Promise<Uint8Array | undefined> {
    const segments = sequences.map((sequence) => ({
      name: segmentName(sequence),
      kind: segmentKind,
    }));
    const snapshots = (await this.#disk.list())
      .filter((name) => parseFileName(name)?.kind === "snap")
      .map((name) => ({ name, kind: snapshotKind }));
    for (const { name, kind } of [...segments, ...snapshots]) {
      const header = await this.#unlessCorrupt(async () =>
        decodeFileHeader(kind, await this.#readHeader(name), name),
      );
      if (header !== undefined) return header.incarnation;
    }
    return undefined;
  }

  /** Finds the segments, and the first whose header is damaged. All that is in it can be told. */
  async #findHeader(
    sequences: readonly number[],
    incarnation: Uint8Array,
  ): Promise<Damage | undefined> {
    for (const sequence of sequences) {
      const name = segmentName(sequence);
      const bytes = await this.#readHeader(name);
      const header = await this.#unlessCorrupt(async () => {
        const found = decodeSegmentHeader(bytes, name);
        const wanted = { sequence, identity: this.#identity, incarnation };
        checkFileHeader(segmentKind, { ...found, mark: found.fill }, name, wanted);
        return found;
      });
      if (header === undefined) {
        // A file that ends so early was cut off, and nothing tells what it held.
        if (bytes.length < segmentHeaderBytes) throw corrupt(name, bytes.length, "the file ends");
        return headerDamage(this.#disk, newSegmentHeader(this.#identity, incarnation, sequence));
      }
      const size = await withFile(this.#disk, name, async (file) => await file.size());
      this.#segments.push(newSegment(header, size));
    }
    return undefined;
  }

  /** The first place where no whole batch stands, and one should: what can be done about it. */
  async #findBatch(): Promise<readonly Damage[]> {
    for (const segment of this.#segments) {
      const found = await readSegment(this.#disk, segment, async (reader) => {
        return await this.#scan(segment, reader);
      });
      if (found === "nothing") return [];
      if (found !== "end" && !(await this.#goesOn(found))) return await this.#judge(found);
    }
    return [];
  }

  /** Whether the next segment has the batch that should be at `stop`: what stands there never counted. */
  async #goesOn({ read, ...place }: Stop): Promise<boolean> {
    const later = this.#segments[this.#segments.indexOf(place.segment) + 1];
    if (read.kind === "batch" || later === undefined) return false;
    const first = await readSegment(this.#disk, later, async (reader) => {
      return await reader.readBatch(segmentHeaderBytes);
    });
    return first.kind === "batch" && first.batch.number === this.#expected(place);
  }

  /** Takes the batches of `segment` in, up to its end, or to what cannot follow. */
  async #scan(segment: Segment, reader: SegmentReader): Promise<Stop | "end" | "nothing"> {
    for (let offset = segmentHeaderBytes; ;) {
      const read = await reader.readBatch(offset);
      const place = { segment, offset };
      if (read.kind === "end") {
        if (this.#lastBatch !== undefined) this.#end = place;
        return "end";
      }
      if (read.kind !== "batch") return { ...place, read };
      const expected = this.#expected(place) ?? read.batch.number;
      if (read.batch.number > expected) return { ...place, read };
      if (read.batch.number < expected || this.#replay.apply(read.batch) !== undefined) {
        return "nothing";
      }
      const { number } = read.batch;
      this.#lastBatch = { ...place, number, next: read.next, bytes: read.bytes };
      this.#end = undefined;
      offset = read.next;
    }
  }

  /** The number of the batch that must stand at a place; undefined if it may be any. */
  #expected({ segment, offset }: Place): number | undefined {
    const isStart = segment.header.sequence === 1 && offset === segmentHeaderBytes;
    return isStart ? 1 : this.#replay.nextNumber;
  }

  /** What can be done where another batch stands than the expected one, or no whole one. */
  async #judge({ segment, offset, read }: Stop): Promise<readonly Damage[]> {
    const place = { segment, offset };
    if (read.kind === "batch") {
      const { number, prev, entries, isReset, hardState } = read.batch;
      const entryCount = entries.length;
      const next = { ...place, number, prev, entryCount, isReset, hardState };
      return await this.#from(this.#end ?? place, next);
    }
    const expected = this.#expected(place);
    const { header, resume } = read;
    const isInPlace = header !== undefined && header.number === (expected ?? header.number);
    const isTorn = read.kind === "torn" && (!isInPlace || (await this.#isLast(segment, resume)));
    const least = isInPlace ? header.number : (expected ?? 1) - 1;
    const next = await this.#findNext(segment, resume, least);
    if (next === undefined) {
      if (isTorn) return this.#trailer();
      // What was lost may reach into the next batch: once this one was whole, that would look torn.
      if (read.kind === "torn") return [];
    }
    const between = next === undefined ? [] : await this.#from(place, next);
    const payload = isInPlace ? rottenPayload(this.#disk, place, header) : undefined;
    if (payload === undefined) return between;
    // Bit for bit as it was is best, but for what needs nobody's help.
    const needsNobody = between.length > 0 && between[0]?.missing === undefined;
    return needsNobody ? between : [payload, ...between];
  }

  /** Whether nothing was written after a batch that ends at `offset`. */
  async #isLast(segment: Segment, offset: number): Promise<boolean> {
    const isUnwritten = await readSegment(this.#disk, segment, async (reader) => {
      return await reader.isUnwrittenFrom(offset);
    });
    if (!isUnwritten) return false;
    const later = this.#segments[this.#segments.indexOf(segment) + 1];
    return (
      later === undefined || (await this.#findNext(later, segmentHeaderBytes, 0)) === undefined
    );
  }

  /** The last batch may have lost its trailer, while another one, which was cut short, follows it. */
  #trailer(): readonly Damage[] {
    const damage =
      this.#lastBatch === undefined ? undefined : lostTrailer(this.#disk, this.#lastBatch);
    return damage === undefined ? [] : [damage];
  }

  /**
   * What can be done about a gap from `start` to `next`; and about a longer one, to a batch that replaces
   * what came after `start`: others of the group may not have that any more.
   */
  async #from(start: Place, next: NextBatch): Promise<readonly Damage[]> {
    const ways: Damage[] = [];
    for (let to: NextBatch | undefined = next; to !== undefined && ways.length < wayCountMax;) {
      const way = await this.#between(start, to);
      if (way?.missing === undefined && way !== undefined) return [way];
      if (way !== undefined) ways.push(way);
      to = await this.#findNext(to.segment, to.offset + alignmentBytes, to.number, to.prev.index);
    }
    return ways;
  }

  async #between(start: Place, next: NextBatch): Promise<Damage | undefined> {
    return await gapDamage({
      disk: this.#disk,
      segments: this.#segments,
      start,
      next,
      expected: this.#expected(start),
      shape: this.#replay.shape,
      hardState: this.#replay.hardState,
      snapshotIndex: this.#snapshotIndex,
    });
  }

  /**
   * The first batch beyond `number` whose head is whole, from `offset` of `from` to the end of the log; of
   * those that follow an entry before `prevBefore`, if it is given.
   */
  async #findNext(
    from: Segment,
    offset: number,
    number: number,
    prevBefore?: LogIndex,
  ): Promise<NextBatch | undefined> {
    for (const segment of this.#segments.slice(this.#segments.indexOf(from))) {
      const start = segment === from ? offset : segmentHeaderBytes;
      const found = await readSegment(this.#disk, segment, async (reader) => {
        return await reader.findHeadAfter(start, number, prevBefore);
      });
      if (found === undefined) continue;
      const { header } = found;
      return { ...header, segment, offset: found.offset, isReset: beginsAnew(header) };
    }
    return undefined;
  }

  async #readHeader(name: string): Promise<Uint8Array> {
    return await withFile(this.#disk, name, async (file) => await file.read(0, fileHeaderBytes));
  }

  async #unlessCorrupt<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      if (error instanceof RaftError && error.code === "corrupt") return undefined;
      throw error;
    }
  }
}
