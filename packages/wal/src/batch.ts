import { assert, isSafe, RaftError, type Entry, type EntryId, type HardState } from "@quorate/core";
import { crc32c, decodeEntry, encodeEntries, encodeEntry } from "@quorate/wire";
import { alignmentBytes } from "./segment.ts";
import { ascii, getUint64, roundUp, setUint64, viewOf } from "./bytes.ts";

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
  readonly hardState: HardState;
}

/** The fixed part at the head of a batch. */
export interface BatchHeader extends Omit<Batch, "entries"> {
  readonly entryCount: number;
  /** The length of the payload, without padding. */
  readonly payloadBytes: number;
  readonly payloadCrc: number;
}

/** The length of a batch's header. */
export const batchHeaderBytes = 80;
/** The last bytes of every batch. Whatever the payload is, they tell a batch cut short from a whole one. */
export const trailer: Uint8Array = ascii("quorate wal end\n");

const marker = 0x48435442; // "BTCH"
const lengthBytes = 4;

/** The length of a batch on disk, padding and trailer included. */
export function batchBytes(payloadBytes: number): number {
  return roundUp(batchHeaderBytes + payloadBytes, alignmentBytes) + trailer.length;
}

/** The length of the payload that holds `entries`. Encodes those that are not encoded yet. */
export function payloadBytesOf(entries: readonly Entry[]): number {
  encodeEntries(entries);
  let length = 0;
  for (const entry of entries) length += lengthBytes + encodeEntry(entry).length;
  return length;
}

/** Writes `batch` over all of `into`, which must have the right length; `seed` is its segment's. */
export function encodeBatch(batch: Batch, seed: number, into: Uint8Array): void {
  const view = viewOf(into);
  let offset = batchHeaderBytes;
  for (const entry of batch.entries) {
    const bytes = encodeEntry(entry);
    view.setUint32(offset, bytes.length, true);
    into.set(bytes, offset + lengthBytes);
    offset += lengthBytes + bytes.length;
  }
  assert(
    into.length === batchBytes(offset - batchHeaderBytes),
    "the buffer has the length of the batch",
  );
  into.fill(0, offset, into.length - trailer.length);
  into.set(trailer, into.length - trailer.length);

  view.setUint32(0, marker, true);
  view.setUint32(8, crc32c(into.subarray(batchHeaderBytes, offset), seed), true);
  view.setUint32(12, offset - batchHeaderBytes, true);
  setUint64(view, 16, batch.number);
  setUint64(view, 24, batch.prev.term);
  setUint64(view, 32, batch.prev.index);
  setUint64(view, 40, batch.hardState.term);
  setUint64(view, 48, batch.hardState.vote);
  setUint64(view, 56, batch.hardState.commitIndex);
  view.setUint32(64, batch.entries.length, true);
  into.fill(0, 68, batchHeaderBytes);
  view.setUint32(4, crc32c(into.subarray(8, batchHeaderBytes), seed), true);
}

/** The header at `offset` of `bytes`, or undefined if there is none whose checksum holds. */
export function decodeBatchHeader(
  bytes: Uint8Array,
  offset: number,
  seed: number,
): BatchHeader | undefined {
  if (offset + batchHeaderBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, batchHeaderBytes);
  if (view.getUint32(0, true) !== marker) return undefined;
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
  return { number, prev, entries, hardState };
}

function malformed(detail: string): RaftError {
  return new RaftError("malformed", detail);
}
