import { crc32c } from "@quorate/wire";
import { ascii, viewOf } from "./bytes.ts";
import {
  decodeFileHeader,
  encodeFileHeader,
  fileHeaderBytes,
  fileSeed,
  type HeaderKind,
  sealFileHeader,
  type WalIdentity,
} from "./file-header.ts";
import { fileName } from "./file-name.ts";

/** What the head of a segment says. Layout: FORMAT.md, "Header". */
export interface SegmentHeader {
  /** The segment's place in the log, from 1, without gaps. */
  readonly sequence: number;
  readonly identity: WalIdentity;
  /** 16 bytes drawn when the log was created: a wiped disk under an old id has others. */
  readonly incarnation: Uint8Array;
  /** 16 bytes, never all zero, repeated wherever nothing was written yet. */
  readonly fill: Uint8Array;
}

/** The unit in which the disk keeps or loses unsynced bytes. */
export const sectorBytes = 512;
/** Batches start at multiples of this, so that each part of one in a sector shows at least one fill. */
export const alignmentBytes = 16;
/** The length of a segment's header, and so the offset of its first batch. */
export const segmentHeaderBytes: number = fileHeaderBytes;
/** How segments are told from other files. */
export const segmentKind: HeaderKind = { magic: ascii("QUORATE\0"), noun: "segment" };

/** The header of segment `sequence`, its fill derived from the incarnation and the sequence number. */
export function newSegmentHeader(
  identity: WalIdentity,
  incarnation: Uint8Array,
  sequence: number,
): SegmentHeader {
  const fill = new Uint8Array(alignmentBytes);
  const view = viewOf(fill);
  const seed = fileSeed({ incarnation, sequence });
  for (let word = 0; word < 4; word++) {
    view.setUint32(4 * word, crc32c(Uint8Array.of(word, 0xf1), seed), true);
  }
  view.setUint8(0, view.getUint8(0) | 1);
  return { sequence, identity, incarnation, fill };
}

/** The `segmentHeaderBytes` bytes of a header. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = encodeFileHeader(segmentKind, { ...header, mark: header.fill });
  sealFileHeader(bytes);
  return bytes;
}

/** Reads a header back. Throws as `decodeFileHeader` does; `name` is for the message. */
export function decodeSegmentHeader(bytes: Uint8Array, name: string): SegmentHeader {
  const { mark, ...header } = decodeFileHeader(segmentKind, bytes, name);
  return { ...header, fill: mark };
}

/** The name of segment `sequence`. */
export function segmentName(sequence: number): string {
  return fileName("wal", sequence);
}
