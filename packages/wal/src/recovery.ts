import { assert, RaftError } from "@quorate/core";
import { type Batch, encodeTrailer, trailerBytes } from "./batch.ts";
import { sameBytes } from "./bytes.ts";
import { corrupt } from "./damage.ts";
import type { Disk, ReadableDisk } from "./disk.ts";
import { Replay } from "./replay.ts";
import { newSegment, noteBatch, type Segment } from "./segment-file.ts";
import { type BatchRead, readSegment, SegmentReader } from "./segment-reader.ts";
import { checkFileHeader, fileSeed, type WalIdentity } from "./file-header.ts";
import { parseFileName } from "./file-name.ts";
import {
  decodeSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentKind,
  segmentName,
} from "./segment.ts";
import { withFile } from "./with-file.ts";

/** A log as it was mended: it ends with its last whole batch, and that is durable. */
export interface MendedLog {
  /** The segments that hold batches, in order. Only the last may have room. */
  readonly segments: Segment[];
  /** The segment after those, if it is there: empty, and ready to be written. */
  readonly spare: Segment | undefined;
}

/** A log as it was found. Nothing was changed yet. */
export interface FoundLog {
  /** The segments, with batches or without; none if there is no log. */
  readonly segments: readonly Segment[];
  /** What the segments say; undefined if there are none. */
  readonly incarnation: Uint8Array | undefined;
  readonly replay: Replay;
  /** Where a write was cut short, if one was: what a start cuts off. */
  readonly torn: readonly TornPlace[];
  /** On the disk that was read: removes what was half-made, cuts what was torn, and syncs the rest. */
  mend(disk: Disk): Promise<MendedLog>;
}

/** What was cut short by a crash: never durable, and never acknowledged. */
export interface TornPlace {
  /** The file. */
  readonly name: string;
  /** Where its last whole batch ends. */
  readonly offset: number;
}

/** How a log is read. */
export interface LogReading {
  /**
   * Whose log it must be.
   *
   * @default whoever's its first segment says
   */
  readonly identity?: WalIdentity;
  /**
   * Whether the entries are to be in `replay`. Without them, a log of any length takes little memory.
   *
   * @default true
   */
  readonly keepsEntries?: boolean;
  /** Is told what is read, as far as the log is whole. */
  readonly watcher?: LogWatcher | undefined;
}

/** Is told what a log is made of, in order, while it is read. What it returns is waited for. */
export interface LogWatcher {
  /** A segment begins, of a file of `bytes` bytes. */
  onSegment(header: SegmentHeader, bytes: number): Promise<void>;
  /** The next batch of that segment, whole, which contradicts nothing before it. */
  onBatch(found: FoundBatch): Promise<void>;
}

/** A batch and where it stands. */
export interface FoundBatch {
  readonly batch: Batch;
  /** Where it starts in its file, and its length there. */
  readonly offset: number;
  readonly bytes: number;
}

/** A log as far as it could be read. */
export interface LogSoFar {
  readonly log: FoundLog;
  /** Why it is refused; undefined if it is not. */
  readonly damage: RaftError | undefined;
}

/** Where the batches of a segment end, and how. */
interface Stop {
  readonly segment: Segment;
  readonly read: Exclude<BatchRead, { readonly kind: "batch" }>;
}

/** The last whole batch, to be made durable once more. */
interface LastBatch {
  readonly segment: Segment;
  readonly trailer: Uint8Array;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads the log on `disk` in one pass and judges it, without changing anything.
 *
 * Throws `corrupt`, `wrong_identity`, `unsupported_version`, or what the disk throws.
 */
export async function readLog(disk: ReadableDisk, reading: LogReading): Promise<FoundLog> {
  const { log, damage } = await readLogSoFar(disk, reading);
  if (damage !== undefined) throw damage;
  return log;
}

/**
 * As `readLog`, but for a log that is refused as well: then `log` is what stands before the damage, and
 * is not to be mended. Throws what the disk throws.
 */
export async function readLogSoFar(disk: ReadableDisk, reading: LogReading): Promise<LogSoFar> {
  const recovery = new Recovery(disk, reading);
  try {
    await recovery.read();
    return { log: recovery, damage: undefined };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { log: recovery, damage: error };
  }
}

/** Codes by which files are refused for what is in them. */
const refusals: ReadonlySet<string> = new Set([
  "corrupt",
  "wrong_identity",
  "unsupported_version",
  "diverged",
]);

/** Whether `error` refuses files for what is in them, and not because they cannot be read. */
export function isRefusal(error: unknown): error is RaftError {
  return error instanceof RaftError && refusals.has(error.code);
}

/** The sequence numbers of all segments, which must have no gap, and the names of those half-made. */
export async function listSegments(
  disk: Pick<ReadableDisk, "list">,
): Promise<{ readonly sequences: readonly number[]; readonly temporaries: readonly string[] }> {
  const sequences: number[] = [];
  const temporaries: string[] = [];
  for (const name of await disk.list()) {
    const parsed = parseFileName(name);
    if (parsed?.kind !== "wal") continue;
    if (parsed.isTemporary) temporaries.push(name);
    else sequences.push(parsed.sequence);
  }
  sequences.sort((a, b) => a - b);
  let expected = sequences[0];
  for (const sequence of sequences) {
    if (sequence !== expected) {
      throw corrupt(segmentName(expected ?? 0), 0, "the segment is missing");
    }
    expected = sequence + 1;
  }
  return { sequences, temporaries };
}

class Recovery implements FoundLog {
  readonly #disk: ReadableDisk;
  readonly #watcher: LogWatcher | undefined;
  #identity: WalIdentity | undefined;
  #temporaries: readonly string[] = [];
  readonly replay: Replay;
  /** All segments seen so far, with batches or without. */
  readonly #segments: Segment[] = [];
  /** The ends of the segments from the last one with batches on; the earlier ones were gone past. */
  #stops: Stop[] = [];
  #lastBatch: LastBatch | undefined;

  constructor(disk: ReadableDisk, { identity, keepsEntries = true, watcher }: LogReading) {
    this.#disk = disk;
    this.#identity = identity;
    this.#watcher = watcher;
    this.replay = new Replay({ keepsEntries });
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get incarnation(): Uint8Array | undefined {
    return this.#segments[0]?.header.incarnation;
  }

  get torn(): readonly TornPlace[] {
    return this.#stops.flatMap(({ segment: { name }, read: { kind, offset } }) => {
      return kind === "torn" ? [{ name, offset }] : [];
    });
  }

  /** Reads all segments, and judges what was found. Called once. */
  async read(): Promise<void> {
    const { sequences, temporaries } = await listSegments(this.#disk);
    this.#temporaries = temporaries;
    for (const sequence of sequences) await this.#scan(sequence);
    await this.#judge();
  }

  /** Reads all batches of one segment. */
  async #scan(sequence: number): Promise<void> {
    const name = segmentName(sequence);
    await withFile(this.#disk, name, async (file) => {
      const header = decodeSegmentHeader(await file.read(0, segmentHeaderBytes), name);
      const incarnation = this.incarnation ?? header.incarnation;
      this.#identity ??= header.identity;
      const wanted = { sequence, identity: this.#identity, incarnation };
      checkFileHeader(segmentKind, { ...header, mark: header.fill }, name, wanted);
      const reader = new SegmentReader(file, header, await file.size());
      const segment = newSegment(header, reader.size);
      this.#segments.push(segment);
      await this.#watcher?.onSegment(header, reader.size);
      for (;;) {
        const read = await reader.readBatch(segment.end);
        if (read.kind !== "batch") {
          this.#stops.push({ segment, read });
          return;
        }
        this.#take(segment, read.batch);
        if (this.#watcher !== undefined) {
          const bytes = read.next - segment.end;
          await this.#watcher.onBatch({ batch: read.batch, offset: segment.end, bytes });
        }
        const trailer = encodeTrailer(read.batch.number, fileSeed(header));
        this.#lastBatch = { segment, trailer, offset: segment.end, bytes: read.bytes };
        noteBatch(this.#segments, read.batch, read.next);
        this.#stops = [];
      }
    });
  }

  /** Refuses the log if anything after its last whole batch is more than one write cut short. */
  async #judge(): Promise<void> {
    const number = this.replay.nextNumber;
    const [first, next, beyond] = this.#stops;
    // A segment is preceded by durable batches, in it or before it; all but the very first.
    const isNew = first?.segment.header.sequence === 1 && next === undefined;
    if (number === undefined && first !== undefined && !isNew) throw missing(first, noFirstBatch);
    if (next !== undefined && beyond !== undefined) {
      throw missing(next, "the segment has no batch, and another segment follows it");
    }
    // Two may be torn: one that was cut off, if the cut was not durable, and the one in its place.
    for (const stop of this.#stops) await this.#judgeStop(stop, number ?? 1);
  }

  /** Refuses the log unless `stop` is what a crash leaves of batch `expected`, if that is the last. */
  async #judgeStop(stop: Stop, expected: number): Promise<void> {
    const { segment, read } = stop;
    if (read.kind === "end") return;
    const later = await this.#findBatchAfter(segment, read.resume, expected);
    if (later !== undefined) throw followed(stop, `batch ${later}`);
    if (read.kind === "corrupt") throw corrupt(segment.name, read.offset, read.detail);
    this.#checkLastTrailer();
    if (read.header === undefined) return;
    if (read.header.number !== expected) {
      throw corrupt(segment.name, read.offset, misplaced(expected, read.header.number));
    }
    const isLast = await readSegment(this.#disk, segment, async (reader) => {
      return await reader.isUnwrittenFrom(read.resume);
    });
    if (!isLast) throw followed(stop, "something");
  }

  /** Refuses the log if its last whole batch lost its trailer: that was durable before more was written. */
  #checkLastTrailer(): void {
    if (this.#lastBatch === undefined) return;
    const { segment, trailer, offset, bytes } = this.#lastBatch;
    const end = segment.end - offset;
    if (sameBytes(bytes.subarray(end - trailerBytes, end), trailer)) return;
    throw corrupt(segment.name, offset, "the batch lost its trailer, and something follows it");
  }

  async mend(disk: Disk): Promise<MendedLog> {
    for (const name of this.#temporaries) await disk.remove(name);
    const segments = this.#segments.filter((segment) => segment.lowest !== undefined);
    const last = segments.at(-1);
    if (last !== undefined) await this.#mendLast(disk, last);

    let spare: Segment | undefined;
    for (const { segment, read } of this.#stops.toReversed()) {
      if (segment === last) continue;
      if (read.kind === "end" && segment.header.sequence === (last?.header.sequence ?? 0) + 1) {
        spare = segment;
      } else if (last !== undefined) {
        await disk.remove(segment.name);
        await disk.syncDirectory();
      }
      // The torn first segment of a new log is replaced, not removed: it alone knows the incarnation.
    }
    return { segments, spare };
  }

  /**
   * Writes the last batch once more and syncs it. It may never have been synced: the process was
   * killed before, or the sync failed and left bytes in memory that look clean and are on no disk.
   * What this log reports is acknowledged at once, so it must be durable now. On the way a damaged
   * trailer is restored, by which a later reader tells a torn batch from a rotten one.
   */
  async #mendLast(disk: Disk, last: Segment): Promise<void> {
    const torn = this.#stops.find((stop) => stop.segment === last && stop.read.kind === "torn");
    assert(this.#lastBatch !== undefined, "the last segment ends with the last batch");
    const { trailer, offset, bytes } = this.#lastBatch;
    const whole = new Uint8Array(last.end - offset);
    whole.set(bytes);
    whole.set(trailer, whole.length - trailerBytes);
    await withFile(disk, last.name, async (file) => {
      await file.write(offset, [whole]);
      // A later append goes to a new segment: it must not meet what is left of the torn batch.
      if (torn !== undefined) await file.truncate(last.end);
      await file.sync();
      last.size = await file.size();
    });
  }

  /** Adds a whole batch to the log, if it is the next one. */
  #take(segment: Segment, batch: Batch): void {
    const isFirst = segment.header.sequence === 1 && segment.lowest === undefined;
    const expected = isFirst ? 1 : this.replay.nextNumber;
    const [stop] = this.#stops;
    if (expected === undefined && stop !== undefined) throw missing(stop, noFirstBatch);
    if (expected !== undefined && batch.number !== expected) {
      const name = stop?.segment.name ?? segment.name;
      const offset = stop?.read.offset ?? segment.end;
      throw corrupt(name, offset, misplaced(expected, batch.number));
    }
    const isAtStart = batch.prev.index === 0 || batch.isReset;
    const problem = isFirst && !isAtStart ? "the log does not start at its start" : undefined;
    const contradiction = problem ?? this.replay.apply(batch);
    if (contradiction !== undefined) throw corrupt(segment.name, segment.end, contradiction);
  }

  /** Looks for a batch beyond `number`, from `offset` in `from` to the end of the log. */
  async #findBatchAfter(
    from: Segment,
    offset: number,
    number: number,
  ): Promise<number | undefined> {
    for (const segment of this.#segments.slice(this.#segments.indexOf(from))) {
      const start = segment === from ? offset : segmentHeaderBytes;
      const found = await readSegment(this.#disk, segment, async (reader) => {
        return await reader.findBatchAfter(start, number);
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

const noFirstBatch = "the log has no first batch";

/** The refusal of a log in which a batch must be where `read` found none: for what it found, or `detail`. */
function missing({ segment, read }: Stop, detail: string): RaftError {
  return corrupt(segment.name, read.offset, read.kind === "corrupt" ? read.detail : detail);
}

function misplaced(expected: number, found: number): string {
  return `batch ${expected} belongs here, and batch ${found} was found next`;
}

function followed({ segment, read }: Stop, what: string): RaftError {
  return corrupt(segment.name, read.offset, `a batch is damaged, and ${what} follows it`);
}
