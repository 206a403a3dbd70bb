import { type Entry, type LogIndex, none, type Term } from "@quorate/core";
import {
  batchBytes,
  batchHeaderBytes,
  type BatchHeader,
  beginsAnew,
  encodeBatch,
  encodeTrailer,
  recordBytesOf,
  trailerBytes,
} from "./batch.ts";
import { sameBytes } from "./bytes.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { fileSeed } from "./file-header.ts";
import type { Segment } from "./segment-file.ts";
import { encodeSegmentHeader, type SegmentHeader, segmentName } from "./segment.ts";
import { withFile } from "./with-file.ts";

/** Entries that a damaged log has lost. */
export interface MissingEntries {
  readonly first: LogIndex;
  readonly last: LogIndex;
  /**
   * The term of the last one: a log that holds an entry of this term at `last` holds all of them, as they
   * were here (§5.3). Or `none`: then a checksum tells whether entries are those that were here.
   */
  readonly lastTerm: Term;
}

/** One damage of a log that can be mended. */
export interface Damage {
  /** File and byte, for people. */
  readonly place: string;
  /** What must be had from elsewhere; undefined if the log itself says all that is needed. */
  readonly missing: MissingEntries | undefined;
  /**
   * Puts right what is damaged, with `entries`, which are all that is `missing`; false, and nothing was
   * changed, if they are not what was here. Rejects with what the disk rejects with: then the damage, or
   * none, is left.
   */
  readonly mend: (entries: readonly Entry[]) => Promise<boolean>;
}

/** Where a batch stands, or should. */
export interface Place {
  readonly segment: Segment;
  readonly offset: number;
}

/** A batch that stands whole, but for its trailer perhaps. */
export interface WholeBatch extends Place {
  readonly number: number;
  /** Where it ends, which may lie beyond the end of the file. */
  readonly next: number;
  readonly bytes: Uint8Array;
}

/** The header of a segment is damaged: everything in it is known from elsewhere. */
export function headerDamage(disk: Disk, header: SegmentHeader): Damage {
  const name = segmentName(header.sequence);
  return {
    place: `${name}, byte 0`,
    missing: undefined,
    mend: async () => {
      await overwrite(disk, name, 0, encodeSegmentHeader(header));
      return true;
    },
  };
}

/**
 * A batch was written after the last whole one, whose trailer went bad. Undefined if it did not; and if it
 * looks as if it was never written: then its sector was lost, perhaps with all that was to be seen of
 * another batch, which would be taken for a torn one once nothing told of it any more.
 */
export function lostTrailer(disk: Disk, batch: WholeBatch): Damage | undefined {
  const { segment, offset, number, bytes } = batch;
  const at = bytes.length - trailerBytes;
  const trailer = encodeTrailer(number, fileSeed(segment.header));
  const found = bytes.subarray(at);
  if (batch.next > offset + bytes.length) return undefined;
  if (sameBytes(found, trailer) || sameBytes(found, segment.header.fill)) return undefined;
  return {
    place: `${segment.name}, byte ${offset + at}`,
    missing: undefined,
    mend: async () => {
      await overwrite(disk, segment.name, offset + at, trailer);
      return true;
    },
  };
}

/** The payload of a batch is damaged, and its head is not, which tells what it must be, bit for bit. */
export function rottenPayload(disk: Disk, place: Place, header: BatchHeader): Damage | undefined {
  const { segment, offset } = place;
  const { number, prev, hardState, entryCount } = header;
  if (entryCount === 0) return undefined;
  const missing = { first: prev.index + 1, last: prev.index + entryCount, lastTerm: none };
  return {
    place: `${segment.name}, byte ${offset}`,
    missing,
    mend: async (entries) => {
      if (recordBytesOf(entries) !== header.payloadBytes) return false;
      const bytes = new Uint8Array(batchBytes(header.payloadBytes));
      const seed = fileSeed(segment.header);
      const batch = { number, prev, entries, hardState, isReset: beginsAnew(header) };
      encodeBatch(batch, seed, bytes);
      const head = await withFile(disk, segment.name, async (file) => {
        return await file.read(offset, batchHeaderBytes);
      });
      // With the checksum of the payload.
      if (!sameBytes(bytes.subarray(0, batchHeaderBytes), head)) return false;
      await overwrite(disk, segment.name, offset, bytes);
      return true;
    },
  };
}

/** What is written over cannot be trusted anyway: a crash meanwhile leaves it damaged. */
async function overwrite(
  disk: Disk,
  name: string,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  await withFile(disk, name, async (file: DiskFile) => {
    await file.write(offset, [bytes]);
    await file.sync();
  });
}
