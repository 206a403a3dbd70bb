import { assert, isSafe, RaftError, type Entry, type EntryId, type HardState } from "@quorate/core";
import { crc32c, decodeEntry, encodedEntryBytes, writeEntry } from "@quorate/wire";
import { alignmentBytes } from "./segment.ts";
import { getUint64, roundUp, setUint64, viewOf } from "./bytes.ts";

/**
 * What one append wrote, and one sync made durable. Each batch tells the hard state and where in the
 * log it stands, so a log may begin at any of them. Layout: FORMAT.md, "Batch".
 */
export interface Batch {
  /** Counts the batches of the log, from 1, across segments, without gaps. */
  readonly number: number;
  /** The entry before the first of `entries`; the last entry of the log if there are none. */
  readonly prev: EntryId;
  /** Replace everything after `prev`. */
  readonly entries: readonly Entry[];
  /** Whether the log begins anew after `prev`, whatever stood before: a snapshot takes its place. */
  readonly isReset: boolean;
  readonly hardState: HardState;
}

/** The fixed part at the head of a batch. */
export interface BatchHeader extends Omit<Batch, "entries" | "isReset"> {
  readonly entryCount: number;
  /** Of `resetFlag` and others, which this version does not know. */
  readonly flags: number;
  /** The length of the payload, without padding. */
  readonly payloadBytes: number;
  readonly payloadCrc: number;
}

/** The length of a batch's header. */
export const batchHeaderBytes = 80;
/**
 * The length of a batch's trailer. Whatever the payload is, it tells a batch cut short from a whole one;
 * and where the head is lost, that there was a batch, and which.
 */
export const trailerBytes = 16;

const headMarker = 0x48435442; // "BTCH"
const trailerMarker = 0x444e4542; // "BEND"
/** The first byte of either marker. */
const markerStart = headMarker & 0xff;
/** The log begins anew after `prev`. */
const resetFlag = 1;
const lengthBytes = 4;
/** The longest payload of a batch, in bytes. */
export const payloadBytesMax: number = 2 ** 30;

/** The length of a batch on disk, padding and trailer included. */
export function batchBytes(payloadBytes: number): number {
  return roundUp(batchHeaderBytes + payloadBytes, alignmentBytes) + trailerBytes;
}

/**
 * The length of the payload that holds `entries`, at most 1 GiB: its field has room for 4 GiB, and a file
 * is not read in longer pieces than 2.
 */
export function payloadBytesOf(entries: readonly Entry[]): number {
  const length = recordBytesOf(entries);
  assert(length <= payloadBytesMax, "a batch holds at most 1 GiB of entries");
  return length;
}

/** The length of `entries` as records, be they too long for a payload. */
export function recordBytesOf(entries: readonly Entry[]): number {
  let length = 0;
  for (const entry of entries) length += lengthBytes + encodedEntryBytes(entry);
  return length;
}

/** Writes `batch` over all of `into`, which must have the right length; `seed` is its segment's. */
export function encodeBatch(batch: Batch, seed: number, into: Uint8Array): void {
  const view = viewOf(into);
  let offset = batchHeaderBytes;
  for (const entry of batch.entries) {
    const end = writeEntry(into, offset + lengthBytes, entry);
    view.setUint32(offset, end - offset - lengthBytes, true);
    offset = end;
  }
  assert(
    into.length === batchBytes(offset - batchHeaderBytes),
    "the buffer has the length of the batch",
  );
  into.fill(0, offset, into.length - trailerBytes);
  into.set(encodeTrailer(batch.number, seed), into.length - trailerBytes);

  view.setUint32(0, headMarker, true);
  view.setUint32(8, crc32c(into.subarray(batchHeaderBytes, offset), seed), true);
  view.setUint32(12, offset - batchHeaderBytes, true);
  setUint64(view, 16, batch.number);
  setUint64(view, 24, batch.prev.term);
  setUint64(view, 32, batch.prev.index);
  setUint64(view, 40, batch.hardState.term);
  setUint64(view, 48, batch.hardState.vote);
  setUint64(view, 56, batch.hardState.commitIndex);
  view.setUint32(64, batch.entries.length, true);
  view.setUint32(68, batch.isReset ? resetFlag : 0, true);
  into.fill(0, 72, batchHeaderBytes);
  view.setUint32(4, crc32c(into.subarray(8, batchHeaderBytes), seed), true);
}

/** The trailer of batch `number` in the segment of `seed`. */
export function encodeTrailer(number: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(trailerBytes);
  const view = viewOf(bytes);
  view.setUint32(0, trailerMarker, true);
  setUint64(view, 8, number);
  view.setUint32(4, crc32c(bytes.subarray(8), seed), true);
  return bytes;
}

/** Whether a head or a trailer may begin at `offset` of `bytes`: a look at one byte. */
export function isMarker(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === markerStart;
}

/** The number of the batch whose head or trailer stands whole at `offset` of `bytes`, if one does. */
export function numberAt(bytes: Uint8Array, offset: number, seed: number): number | undefined {
  if (!isMarker(bytes, offset)) return undefined;
  return decodeBatchHeader(bytes, offset, seed)?.number ?? decodeTrailer(bytes, offset, seed);
}

function decodeTrailer(bytes: Uint8Array, offset: number, seed: number): number | undefined {
  if (offset + trailerBytes > bytes.length) return undefined;
  const view = viewOf(bytes.subarray(offset, offset + trailerBytes));
  if (view.getUint32(0, true) !== trailerMarker) return undefined;
  const crc = crc32c(bytes.subarray(offset + 8, offset + trailerBytes), seed);
  return view.getUint32(4, true) === crc ? getUint64(view, 8) : undefined;
}

/** The header at `offset` of `bytes`, or undefined if there is none whose checksum holds. */
export function decodeBatchHeader(
  bytes: Uint8Array,
  offset: number,
  seed: number,
): BatchHeader | undefined {
  if (offset + batchHeaderBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, batchHeaderBytes);
  if (view.getUint32(0, true) !== headMarker) return undefined;
  if (
    view.getUint32(4, true) !== crc32c(bytes.subarray(offset + 8, offset + batchHeaderBytes), seed)
  ) {
    return undefined;
  }
  return {
    payloadCrc: view.getUint32(8, true),
    payloadBytes: view.getUint32(12, true),
    number: getUint64(view, 16),
    prev: { term: getUint64(view, 24), index: getUint64(view, 32) },
    hardState: {
      term: getUint64(view, 40),
      vote: getUint64(view, 48),
      commitIndex: getUint64(view, 56),
    },
    entryCount: view.getUint32(64, true),
    flags: view.getUint32(68, true),
  };
}

/**
 * The batch of `header` and of its payload, whose checksum was verified. The entries alias `payload`.
 * Throws `malformed` if the two do not fit each other: then they were never written by this program.
 */
export function decodeBatch(header: BatchHeader, payload: Uint8Array): Batch {
  const { number, prev, hardState } = header;
  const numbers = [
    number,
    prev.term,
    prev.index,
    hardState.term,
    hardState.vote,
    hardState.commitIndex,
  ];
  if (!numbers.every(isSafe)) throw malformed("a number is out of range");
  if (header.flags > resetFlag) throw malformed("a flag is unknown");
  const view = viewOf(payload);
  const entries: Entry[] = [];
  let offset = 0;
  while (offset < payload.length) {
    if (offset + lengthBytes > payload.length) throw malformed("a length is cut short");
    const start = offset + lengthBytes;
    const end = start + view.getUint32(offset, true);
    if (end > payload.length) throw malformed("an entry is cut short");
    entries.push(decodeEntry(payload.subarray(start, end)));
    offset = end;
  }
  if (entries.length !== header.entryCount) throw malformed("the number of entries differs");
  return { number, prev, entries, hardState, isReset: beginsAnew(header) };
}

/** Whether the log begins anew with the batch of `header`. */
export function beginsAnew(header: BatchHeader): boolean {
  return header.flags === resetFlag;
}

function malformed(detail: string): RaftError {
  return new RaftError("malformed", detail);
}
