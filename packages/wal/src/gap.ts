import { at, type Entry, type EntryId, type HardState, type LogIndex, none } from "@quorate/core";
import {
  type Batch,
  batchBytes,
  encodeBatch,
  encodeTrailer,
  payloadBytesMax,
  payloadBytesOf,
  recordBytesOf,
  trailerBytes,
} from "./batch.ts";
import { sameBytes } from "./bytes.ts";
import type { Damage, MissingEntries, Place } from "./damage-kinds.ts";
import type { Disk } from "./disk.ts";
import { fileSeed } from "./file-header.ts";
import type { LogShape } from "./log-shape.ts";
import { rewriteSegment, type SegmentPart } from "./rewrite-segment.ts";
import type { Segment } from "./segment-file.ts";
import { type BatchRead, readSegment, type SegmentReader } from "./segment-reader.ts";
import { segmentHeaderBytes } from "./segment.ts";

/** The first batch after a gap, as its head tells it. */
export interface NextBatch extends Place {
  readonly number: number;
  readonly prev: EntryId;
  readonly entryCount: number;
  readonly isReset: boolean;
  readonly hardState: HardState;
}

/** A part of a log in which nothing can be read: heads are gone, and with them what batches there were. */
export interface Gap {
  readonly disk: Disk;
  readonly segments: readonly Segment[];
  /** Where what came before ends. */
  readonly start: Place;
  readonly next: NextBatch;
  /** The number of the first batch that is gone; undefined if nothing came before. */
  readonly expected: number | undefined;
  /** The log up to the gap. */
  readonly shape: LogShape;
  readonly hardState: HardState;
  /** What the newest snapshot stands for. */
  readonly snapshotIndex: LogIndex | undefined;
}

/**
 * What can be done about `gap`. The batch after it tells after which entry it stands, and the whole hard
 * state, so that only entries are lost, if any are:
 *
 * - None, if the log up to the gap holds that entry, or begins anew after it.
 * - None that count, if a snapshot stands for them: the log begins after the gap then.
 * - Else those from the commit index before the gap up to that entry: what came after the commit index may
 *   have been replaced in the gap. They are had from a log that holds that entry (§5.3, Log Matching).
 *
 * Batches take the place of those that are gone, as many as there were.
 */
export async function gapDamage(gap: Gap): Promise<Damage | undefined> {
  const { segments, start, next } = gap;
  const place = `${start.segment.name}, byte ${start.offset}`;
  if (segments.indexOf(next.segment) - segments.indexOf(start.segment) > 1) return undefined;
  const rest = await restAfter(gap);
  if (rest === undefined) return undefined;
  if (needsNothing(gap)) {
    const { expected = next.number, shape } = gap;
    const numbers = { from: expected, to: next.number };
    const batches = fillers(numbers, shape.last, hardStateIn(gap));
    return {
      place,
      missing: undefined,
      mend: async () => await close(gap, rest, batches),
    };
  }
  if (gap.snapshotIndex !== undefined && next.prev.index <= gap.snapshotIndex) {
    if (next.segment.header.sequence === 1) return undefined;
    return { place, missing: undefined, mend: async () => await beginAfter(gap, rest) };
  }
  const missing = missingIn(gap);
  if (missing === undefined) return undefined;
  return { place, missing, mend: async (entries) => await fill(gap, rest, missing, entries) };
}

/** Whether the log up to the gap, and batches that say nothing, are all that the next batch follows. */
function needsNothing({ expected, shape, next }: Gap): boolean {
  if (expected === undefined) return false;
  const { prev, entryCount, isReset } = next;
  if (isReset) return true;
  if (!shape.has(prev.index) || shape.idAt(prev.index).term !== prev.term) return false;
  return entryCount > 0 || prev.index === shape.last.index;
}

function missingIn({ expected, hardState, next }: Gap): MissingEntries | undefined {
  const first = hardState.commitIndex + 1;
  const { index: last, term: lastTerm } = next.prev;
  if (expected === undefined || next.number <= expected || last < first) return undefined;
  return { first, last, lastTerm };
}

/** Puts `entries` into the gap, if they are what is missing. */
async function fill(
  gap: Gap,
  rest: SegmentPart,
  missing: MissingEntries,
  entries: readonly Entry[],
): Promise<boolean> {
  const { shape, next, expected = next.number } = gap;
  const hardState = hardStateIn(gap);
  const prev = shape.idAt(missing.first - 1);
  if (!follow(prev, entries)) return false;
  const last = at(entries, entries.length - 1);
  if (last.index !== missing.last || last.term !== missing.lastTerm) return false;
  if (recordBytesOf(entries) > payloadBytesMax) return false;
  const isNewer = last.term > hardState.term;
  // A vote in that term, if there was one, is in the next batch.
  const state = isNewer ? { ...hardState, term: last.term, vote: none } : hardState;
  const first = { number: expected, prev, entries, hardState: state, isReset: false };
  const { term, index } = last;
  const others = fillers({ from: expected + 1, to: next.number }, { term, index }, state);
  return await close(gap, rest, [first, ...others]);
}

/**
 * What the batches in `gap` repeat: the hard state before it. Where the log begins tells of commits, too, and
 * perhaps of more than the batch after the gap knew.
 */
function hardStateIn({ hardState, next }: Gap): HardState {
  const commitIndex = Math.min(hardState.commitIndex, next.hardState.commitIndex);
  return { ...hardState, commitIndex };
}

/** Whether `entries` may follow `prev` in a log. */
function follow(prev: EntryId, entries: readonly Entry[]): boolean {
  let last = prev;
  for (const entry of entries) {
    if (entry.index !== last.index + 1 || entry.term < last.term) return false;
    last = entry;
  }
  return entries.length > 0;
}

/** Batches that say nothing new, with the numbers in `[from, to)`. */
function fillers(
  { from, to }: { readonly from: number; readonly to: number },
  prev: EntryId,
  hardState: HardState,
): Batch[] {
  const count = Math.max(0, to - from);
  return Array.from({ length: count }, (_, place) => {
    return { number: from + place, prev, entries: [], hardState, isReset: false };
  });
}

/** Puts `batches` in the place of the gap; the log is whole then, up to what follows the gap. */
async function close(gap: Gap, rest: SegmentPart, batches: readonly Batch[]): Promise<true> {
  const { disk, start, next } = gap;
  const before = { from: segmentHeaderBytes, to: start.offset };
  const middle = batches.map((batch) => encoded(batch, start.segment));
  if (start.segment === next.segment) {
    await rewriteSegment(disk, start.segment, [before, ...middle, rest]);
    return true;
  }
  // The later one first: until the other is done, there is the same gap.
  if (next.offset > segmentHeaderBytes) await rewriteSegment(disk, next.segment, [rest]);
  await rewriteSegment(disk, start.segment, [before, ...middle]);
  return true;
}

/** Lets the log begin with the batch after the gap. A crash on the way leaves a gap before it, as now. */
async function beginAfter(gap: Gap, rest: SegmentPart): Promise<true> {
  const { disk, segments, next } = gap;
  if (next.offset > segmentHeaderBytes) await rewriteSegment(disk, next.segment, [rest]);
  for (const { name } of segments.slice(0, segments.indexOf(next.segment))) {
    await disk.remove(name);
    await disk.syncDirectory();
  }
  return true;
}

function encoded(batch: Batch, segment: Segment): Uint8Array {
  const bytes = new Uint8Array(batchBytes(payloadBytesOf(batch.entries)));
  encodeBatch(batch, fileSeed(segment.header), bytes);
  return bytes;
}

/**
 * What stands in the segment of the next batch from there on: batches, whose payloads may be damaged too,
 * and nothing after them, unless that is what a crash leaves, which goes. Undefined if there is another
 * gap, which could not be told from a crash any more once it was moved to other sectors; and if the next
 * batch itself goes, which alone knows the hard state.
 */
async function restAfter(gap: Gap): Promise<SegmentPart | undefined> {
  const { segment, offset: from } = gap.next;
  return await readSegment(gap.disk, segment, async (reader) => {
    let to = from;
    let isWhole = false;
    for (;;) {
      const read = await reader.readBatch(to);
      if (read.kind === "end") return to <= reader.size ? { from, to } : undefined;
      if (read.kind === "batch") {
        isWhole = hasTrailer(read, segment);
        to = read.next;
      } else if (read.kind === "corrupt" && read.header !== undefined) {
        isWhole = false;
        to = read.resume;
      } else if (read.kind === "torn" && isWhole && (await isLast(gap, reader, read))) {
        return { from, to };
      } else return undefined;
    }
  });
}

/** Whether a batch that was read has its trailer, without which no other follows it. */
function hasTrailer(
  { batch, bytes }: Extract<BatchRead, { readonly kind: "batch" }>,
  { header }: Segment,
): boolean {
  const trailer = encodeTrailer(batch.number, fileSeed(header));
  return sameBytes(bytes.subarray(bytes.length - trailerBytes), trailer);
}

/** Whether nothing more was written than `torn`, by what is left. */
async function isLast(
  { disk, segments, next }: Gap,
  reader: SegmentReader,
  torn: Extract<BatchRead, { readonly kind: "torn" }>,
): Promise<boolean> {
  const { header, resume } = torn;
  if (header !== undefined && !(await reader.isUnwrittenFrom(resume))) return false;
  if ((await reader.findBatchAfter(resume, 0)) !== undefined) return false;
  for (const segment of segments.slice(segments.indexOf(next.segment) + 1)) {
    const more = await readSegment(disk, segment, async (later) => {
      return await later.findBatchAfter(segmentHeaderBytes, 0);
    });
    if (more !== undefined) return false;
  }
  return true;
}
