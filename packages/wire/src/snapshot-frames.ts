import {
  type ErrorCode,
  isErrorCode,
  isSafe,
  none,
  RaftError,
  type Snapshot,
  snapshotFlaw,
  type Term,
  termMax,
} from "@quorate/core";
import { errorCodeBytesMax, errorMessageBytesMax } from "./handshake.ts";
import { malformed, ProtoReader, viewOf } from "./protobuf.ts";
import { encodeRecord, readText } from "./record.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { encodeUtf8 } from "./utf8.ts";

/** How long the id of a snapshot is, in bytes. */
export const snapshotIdBytes = 16;

/** The largest CRC-32C. */
const checksumMax = 0xffff_ffff;

/** Begins to stream a snapshot, or goes on with one after the connection broke. */
export interface SnapshotOffer {
  /** The sender's name for this stream, which chunks and receipts give back. At least 1. */
  readonly streamId: number;
  /**
   * Drawn when the snapshot was taken: `snapshotIdBytes`. Under the same id the content is the same,
   * byte for byte, so a receiver that holds part of it needs only the rest.
   */
  readonly snapshotId: Uint8Array;
  /** The term that the sender leads. At least 1, at most `termMax`. */
  readonly term: Term;
  /** What the content stands for: of an entry, and of the sender's term at most. */
  readonly snapshot: Snapshot;
  /** The member table as of the snapshot: see `decodeMembers`. Not looked into here. */
  readonly members: Uint8Array;
  /** How long the content is, in bytes; 0 if it is not known beforehand. */
  readonly bytes: number;
}

/** A piece of the content of a snapshot. */
export type SnapshotChunk = SnapshotMiddle | SnapshotEnd;

/** A piece that others follow. */
export interface SnapshotMiddle {
  readonly streamId: number;
  /** Where the piece begins in the content, in bytes. */
  readonly offset: number;
  /** At least one byte. */
  readonly data: Uint8Array;
  readonly last: false;
}

/** The piece that completes the content. */
export interface SnapshotEnd {
  readonly streamId: number;
  /** Where the piece begins in the content, in bytes. */
  readonly offset: number;
  /** May be empty. */
  readonly data: Uint8Array;
  readonly last: true;
  /** The CRC-32C of the whole content, from its first byte: see `crc32c`. */
  readonly checksum: number;
}

/** How far a receiver is with a stream. Answers the offer, and then chunks. */
export type SnapshotReceipt = SnapshotProgress | SnapshotRefusal;

/** The receiver has `received` bytes; `installed` if that is all, durable and verified. */
export interface SnapshotProgress {
  readonly streamId: number;
  /** How many bytes of the content the receiver has, from the first one without a hole. */
  readonly received: number;
  readonly state: "more" | "installed";
}

/** The receiver does not want the snapshot, or not any more. Ends the stream. */
export interface SnapshotRefusal {
  readonly streamId: number;
  readonly received: number;
  readonly state: "refused";
  readonly code: ErrorCode;
  /** For people. */
  readonly message: string;
}

/** Numbers of the states on the wire: positions in this list. */
const receiptStates: readonly SnapshotReceipt["state"][] = ["more", "installed", "refused"];

/**
 * The payload of a `snapshot-offer` frame, as chunks. A large member table is not copied and must not
 * change. Throws `invalid_argument` if a field is out of its range.
 */
export function encodeSnapshotOffer(offer: SnapshotOffer): Uint8Array[] {
  refuseFlaw(offerFlaw(offer) ?? snapshotFlaw(offer.snapshot));
  return encodeRecord([
    offer.streamId,
    offer.snapshotId,
    offer.term,
    encodeSnapshot(offer.snapshot),
    offer.members,
    offer.bytes,
  ]);
}

/** The `SnapshotOffer` in the payload of a frame; its bytes alias it. Throws `malformed`. */
export function decodeSnapshotOffer(payload: Uint8Array): SnapshotOffer {
  const reader = new ProtoReader(payload);
  let streamId = 0;
  let snapshotId = viewOf(payload, 0, 0);
  let term = 0;
  let snapshot = snapshotId;
  let members = snapshotId;
  let bytes = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        streamId = reader.number();
        break;
      case 0x12:
        snapshotId = reader.bytes();
        break;
      case 0x18:
        term = reader.number();
        break;
      case 0x22:
        snapshot = reader.bytes();
        break;
      case 0x2a:
        members = reader.bytes();
        break;
      case 0x30:
        bytes = reader.number();
        break;
      default:
        reader.skipUnknown(tag, 6);
    }
  }
  const decoded = decodeSnapshot(snapshot);
  const offer = { streamId, snapshotId, term, snapshot: decoded, members, bytes };
  const flaw = offerFlaw(offer);
  if (flaw !== undefined) throw malformed(flaw);
  return offer;
}

function offerFlaw({
  streamId,
  snapshotId,
  term,
  snapshot,
  bytes,
}: SnapshotOffer): string | undefined {
  if (snapshotId.length !== snapshotIdBytes) {
    return `the id of a snapshot has ${snapshotIdBytes} bytes, not ${snapshotId.length}`;
  }
  if (!isSafe(term) || term === none || term > termMax) return `no leader has the term ${term}`;
  if (snapshot.index === none) return "a snapshot that is sent stands for an entry";
  if (snapshot.term > term) return "a snapshot is newer than the term of its sender";
  return isSafe(bytes) ? streamFlaw(streamId) : "a snapshot has an impossible length";
}

function streamFlaw(streamId: number): string | undefined {
  return isSafe(streamId) && streamId !== none ? undefined : `no stream has the id ${streamId}`;
}

/**
 * The payload of a `snapshot-chunk` frame, as chunks. Large data is not copied and must not change.
 * Throws `invalid_argument` if a field is out of its range, or there is no data though more is to follow.
 */
export function encodeSnapshotChunk(chunk: SnapshotChunk): Uint8Array[] {
  refuseFlaw(chunkFlaw(chunk));
  const { streamId, offset, data, last } = chunk;
  return encodeRecord([streamId, offset, data, last ? chunk.checksum : undefined]);
}

/** The `SnapshotChunk` in the payload of a frame; its data aliases it. Throws `malformed`. */
export function decodeSnapshotChunk(payload: Uint8Array): SnapshotChunk {
  const reader = new ProtoReader(payload);
  let streamId = 0;
  let offset = 0;
  let data = viewOf(payload, 0, 0);
  let checksum: number | undefined;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        streamId = reader.number();
        break;
      case 0x10:
        offset = reader.number();
        break;
      case 0x1a:
        data = reader.bytes();
        break;
      case 0x20:
        checksum = reader.number();
        break;
      default:
        reader.skipUnknown(tag, 4);
    }
  }
  const chunk: SnapshotChunk =
    checksum === undefined
      ? { streamId, offset, data, last: false }
      : { streamId, offset, data, last: true, checksum };
  const flaw = chunkFlaw(chunk);
  if (flaw !== undefined) throw malformed(flaw);
  return chunk;
}

function chunkFlaw(chunk: SnapshotChunk): string | undefined {
  const { streamId, offset, data } = chunk;
  if (!isSafe(offset) || !isSafe(offset + data.length)) {
    return `${data.length} bytes of a snapshot cannot begin at ${offset}`;
  }
  if (!chunk.last) return data.length > 0 ? streamFlaw(streamId) : "a chunk in the middle is empty";
  const { checksum } = chunk;
  if (!isSafe(checksum) || checksum > checksumMax) return `${checksum} is no CRC-32C`;
  return streamFlaw(streamId);
}

/**
 * The payload of a `snapshot-receipt` frame, as chunks. A long message is cut to `errorMessageBytesMax`.
 * Throws `invalid_argument` if a field is out of its range.
 */
export function encodeSnapshotReceipt(receipt: SnapshotReceipt): Uint8Array[] {
  const { streamId, received, state } = receipt;
  refuseFlaw(isSafe(received) ? streamFlaw(streamId) : "received is out of range");
  const progress = [streamId, received, receiptStates.indexOf(state)];
  if (receipt.state !== "refused") return encodeRecord(progress);
  const code = encodeUtf8(receipt.code, errorCodeBytesMax);
  const message = encodeUtf8(receipt.message, errorMessageBytesMax);
  return encodeRecord([...progress, code, message]);
}

/**
 * The `SnapshotReceipt` in the payload of a frame. Throws `malformed`, also if it is refused without a
 * code that this version knows, or has a code and is not refused.
 */
export function decodeSnapshotReceipt(payload: Uint8Array): SnapshotReceipt {
  const reader = new ProtoReader(payload);
  let streamId = 0;
  let received = 0;
  let stateNumber = 0;
  let code: string | undefined;
  let message = "";
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        streamId = reader.number();
        break;
      case 0x10:
        received = reader.number();
        break;
      case 0x18:
        stateNumber = reader.number();
        break;
      case 0x22:
        code = readText(reader, errorCodeBytesMax);
        break;
      case 0x2a:
        message = readText(reader, errorMessageBytesMax);
        break;
      default:
        reader.skipUnknown(tag, 5);
    }
  }
  const flaw = streamFlaw(streamId);
  if (flaw !== undefined) throw malformed(flaw);
  const state = receiptStates[stateNumber];
  if (state === undefined) throw malformed(`the state ${stateNumber} of a stream is unknown`);
  if (code === undefined) {
    if (state === "refused") throw malformed("a snapshot is refused without a code");
    return { streamId, received, state };
  }
  if (state !== "refused") throw malformed("a snapshot is not refused and has a code");
  if (!isErrorCode(code)) throw malformed(`the error code "${code}" is unknown`);
  return { streamId, received, state, code, message };
}

function refuseFlaw(flaw: string | undefined): void {
  if (flaw !== undefined) throw new RaftError("invalid_argument", flaw);
}
