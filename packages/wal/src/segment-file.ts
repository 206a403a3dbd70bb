import { at, type EntryId, type LogIndex, none } from "@quorate/core";
import type { Batch } from "./batch.ts";
import { roundUp } from "./bytes.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { makeFile } from "./new-file.ts";
import {
  encodeSegmentHeader,
  sectorBytes,
  segmentHeaderBytes,
  segmentName,
  type SegmentHeader,
} from "./segment.ts";

/** One segment of a log in use: what its file holds. Invariant: `segmentHeaderBytes <= end <= size`. */
export interface Segment {
  readonly header: SegmentHeader;
  readonly name: string;
  /** The length of the file. */
  size: number;
  /** Where the next batch goes. */
  end: number;
  /** The earliest `prev` of its batches, from the last reset on; undefined while it holds none. */
  lowest: EntryId | undefined;
  /** The highest index of an entry in it, replaced later or not, from the last reset on; else `none`. */
  highestIndex: LogIndex;
}

/** A segment without batches, of a file of `size` bytes. */
export function newSegment(header: SegmentHeader, size: number): Segment {
  return {
    header,
    name: segmentName(header.sequence),
    size,
    end: segmentHeaderBytes,
    lowest: undefined,
    highestIndex: none,
  };
}

/**
 * Notes that `batch` was written to the last of `segments`, and ends at `end`. What a reset leaves
 * behind it counts for nothing any more, neither in this segment nor in those before.
 */
export function noteBatch(segments: readonly Segment[], batch: Batch, end: number): void {
  const { prev, entries, isReset } = batch;
  const segment = at(segments, segments.length - 1);
  if (segment.lowest === undefined || prev.index < segment.lowest.index) segment.lowest = prev;
  if (isReset) for (const before of segments) forget(before, prev);
  segment.highestIndex = Math.max(segment.highestIndex, entries.at(-1)?.index ?? none);
  segment.end = end;
}

/** Notes that the log begins anew after `base`, beyond what `segment` holds so far. */
function forget(segment: Segment, base: EntryId): void {
  if (segment.lowest === undefined) return;
  segment.lowest = base;
  segment.highestIndex = none;
}

/** How much is filled and synced at once, so that appends to the segment before do not wait long. */
const fillChunkBytes = 4 * 1024 * 1024;

/**
 * Writes a new segment with room for `size` bytes, all of it reserved on the disk, and gives it its
 * name only when whole and durable. A segment of that name, which must hold no batch, is replaced.
 *
 * Throws `disk_full` if there is no room: then nothing happened, and it may be tried again. Any other
 * error means that the state of the disk is unknown.
 */
export async function createSegment(
  disk: Disk,
  header: SegmentHeader,
  size: number,
): Promise<{ readonly segment: Segment; readonly file: DiskFile }> {
  const segment = newSegment(header, roundUp(size, sectorBytes));
  const file = await makeFile(disk, segment.name, (made) =>
    preallocate(made, header, segment.size),
  );
  return { segment, file };
}

async function preallocate(file: DiskFile, header: SegmentHeader, size: number): Promise<void> {
  const chunk = new Uint8Array(Math.min(size, fillChunkBytes));
  for (let offset = 0; offset < chunk.length; offset += header.fill.length) {
    chunk.set(header.fill, offset);
  }
  const head = encodeSegmentHeader(header);
  await file.write(0, [head, chunk.subarray(0, Math.min(size, chunk.length) - head.length)]);
  await file.sync();
  for (let offset = chunk.length; offset < size;) {
    const length = Math.min(chunk.length, size - offset);
    await file.write(offset, [chunk.subarray(0, length)]);
    await file.sync();
    offset += length;
  }
}
