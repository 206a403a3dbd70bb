import { isSafe, RaftError, type NodeId } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { ascii, getUint64, sameBytes, setUint64, viewOf } from "./bytes.ts";

/** Whose log this is. All segments of a log agree on it. */
export interface WalIdentity {
  /** Names the cluster: 1 to 255 UTF-16 code units. */
  readonly clusterId: string;
  readonly nodeId: NodeId;
}

/** What the head of a segment says. Layout: FORMAT.md, "Segment header". */
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
export const segmentHeaderBytes = 1024;
/** The length of an incarnation. */
export const incarnationBytes = 16;
/** The longest cluster id, in UTF-16 code units. */
export const clusterIdUnitsMax = 255;

const formatVersion = 3;
const magic = ascii("QUORATE\0");
const crcOffset = 12;
const clusterIdOffset = 68;

/** The header of segment `sequence`, its fill derived from the incarnation and the sequence number. */
export function newSegmentHeader(
  identity: WalIdentity,
  incarnation: Uint8Array,
  sequence: number,
): SegmentHeader {
  const fill = new Uint8Array(alignmentBytes);
  const view = viewOf(fill);
  const seed = segmentSeed({ incarnation, sequence });
  for (let word = 0; word < 4; word++) {
    view.setUint32(4 * word, crc32c(Uint8Array.of(word, 0xf1), seed), true);
  }
  view.setUint8(0, view.getUint8(0) | 1);
  return { sequence, identity, incarnation, fill };
}

/** What the checksums of all batches in a segment start from: a batch is valid in no other segment. */
export function segmentSeed(segment: Pick<SegmentHeader, "incarnation" | "sequence">): number {
  const sequence = new Uint8Array(8);
  setUint64(viewOf(sequence), 0, segment.sequence);
  return crc32c(sequence, crc32c(segment.incarnation));
}

/** The `segmentHeaderBytes` bytes of a header. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes);
  const view = viewOf(bytes);
  const { clusterId, nodeId } = header.identity;
  bytes.set(magic, 0);
  view.setUint32(8, formatVersion, true);
  setUint64(view, 16, header.sequence);
  setUint64(view, 24, nodeId);
  bytes.set(header.incarnation, 32);
  bytes.set(header.fill, 48);
  view.setUint32(64, clusterId.length, true);
  for (let unit = 0; unit < clusterId.length; unit++) {
    view.setUint16(clusterIdOffset + 2 * unit, clusterId.charCodeAt(unit), true);
  }
  view.setUint32(crcOffset, headerCrc(bytes), true);
  return bytes;
}

/**
 * Reads a header back. Throws `corrupt` for bytes that are no header or do not match their checksum,
 * and `unsupported_version` for a whole header of another version; `name` is for the message.
 */
export function decodeSegmentHeader(bytes: Uint8Array, name: string): SegmentHeader {
  if (bytes.length < segmentHeaderBytes) throw corrupt(name, 0, "the segment header is cut short");
  const view = viewOf(bytes);
  if (!sameBytes(bytes.subarray(0, 8), magic)) {
    throw corrupt(name, 0, "this is no segment of a log");
  }
  if (view.getUint32(crcOffset, true) !== headerCrc(bytes)) {
    throw corrupt(name, 0, "the segment header does not match its checksum");
  }
  const version = view.getUint32(8, true);
  if (version !== formatVersion) {
    throw new RaftError(
      "unsupported_version",
      `${name} has format version ${version}, this program reads version ${formatVersion}`,
    );
  }
  const sequence = getUint64(view, 16);
  const nodeId = getUint64(view, 24);
  const units = view.getUint32(64, true);
  if (!isSafe(sequence) || !isSafe(nodeId) || units > clusterIdUnitsMax) {
    throw corrupt(name, 0, "the segment header holds a number out of range");
  }
  let clusterId = "";
  for (let unit = 0; unit < units; unit++) {
    clusterId += String.fromCharCode(view.getUint16(clusterIdOffset + 2 * unit, true));
  }
  return {
    sequence,
    identity: { clusterId, nodeId },
    incarnation: bytes.slice(32, 48),
    fill: bytes.slice(48, 64),
  };
}

function headerCrc(bytes: Uint8Array): number {
  const start = crc32c(bytes.subarray(0, crcOffset));
  return crc32c(bytes.subarray(crcOffset + 4, segmentHeaderBytes), start);
}

/** The name of segment `sequence`: its number as 16 hexadecimal digits. */
export function segmentName(sequence: number): string {
  return `${sequence.toString(16).padStart(16, "0")}.wal`;
}

/** The name under which segment `sequence` is written, before it is complete. */
export function temporaryName(sequence: number): string {
  return `${segmentName(sequence)}.tmp`;
}

/** What a file in the log's directory is, by its name. */
export function parseName(
  name: string,
):
  | { readonly kind: "segment"; readonly sequence: number }
  | { readonly kind: "temporary" | "foreign" } {
  const match = /^([0-9a-f]{16})\.wal(\.tmp)?$/.exec(name);
  const sequence = Number.parseInt(match?.[1] ?? "", 16);
  if (match === null || !isSafe(sequence) || sequence === 0) return { kind: "foreign" };
  return match[2] === undefined ? { kind: "segment", sequence } : { kind: "temporary" };
}

/**
 * What to do about damage that no replica can repair by itself. An older copy would forget what was
 * acknowledged since, and so would an empty disk under the same id: both could lose committed entries.
 */
const remedy =
  "restore this file exactly as it was last written, or else " +
  "remove this node from the cluster and add one with a new id and an empty disk";

/** The refusal to start from a log that lost what once was durable. */
export function corrupt(name: string, offset: number, detail: string, cause?: unknown): RaftError {
  return new RaftError("corrupt", `${name}, byte ${offset}: ${detail}; ${remedy}`, { cause });
}
