import { assert, RaftError } from "@quorate/core";
import { crc32c, crc32cBetween } from "./crc32c.ts";
import { malformed, viewOf } from "./protobuf.ts";

/**
 * What a frame carries. `hello`, `welcome` and `refusal` belong to the handshake of a connection;
 * `raft` carries a batch of messages; `forward` and `forward-result` a command handed to the leader
 * and what became of it; the `snapshot-` ones the state that a follower needs in place of the log;
 * `call` and `call-result` what one replica asks of another beside these.
 */
export type FrameType = (typeof frameTypes)[number];

/** The types of frames. Their numbers in `FORMAT.md` are positions in this list plus one. */
export const frameTypes = [
  "hello",
  "welcome",
  "refusal",
  "raft",
  "forward",
  "forward-result",
  "snapshot-offer",
  "snapshot-chunk",
  "snapshot-receipt",
  "call",
  "call-result",
] as const;

/** Whether frames of `type` make up the handshake of a connection, and have no place after it. */
export function isOfHandshake(type: FrameType): boolean {
  return type === "hello" || type === "welcome" || type === "refusal";
}

/** One frame, whole and with its checksum verified. */
export interface Frame {
  readonly type: FrameType;
  readonly payload: Uint8Array;
}

/** How many bytes precede the payload of a frame. */
export const frameHeaderBytes = 16;

/** The version of the frame format that is written, and the only one that is read. */
export const frameVersion = 1;

/** The longest payload that a header can announce, in bytes. */
export const framePayloadBytesMax = 0xffff_ffff;

/** The first two bytes of every frame of every version: "QF". */
const magic = Uint8Array.of(0x51, 0x46);

/** Where the fields of a header begin. All numbers are big-endian. */
const versionOffset = 2;
const typeOffset = 3;
const lengthOffset = 4;
const payloadChecksumOffset = 8;
const headerChecksumOffset = 12;

/** What a header says of the payload that follows it. */
export interface FrameHeader {
  readonly type: FrameType;
  readonly payloadBytes: number;
  readonly payloadChecksum: number;
}

/**
 * A frame of `type` whose payload is `chunks` in a row: a header and the same chunks, uncopied. Throws
 * `too_large` if the payload exceeds `framePayloadBytesMax`; what receivers accept is less.
 */
export function encodeFrame(type: FrameType, chunks: readonly Uint8Array[]): Uint8Array[] {
  const payloadBytes = bytesOf(chunks);
  if (payloadBytes > framePayloadBytesMax) {
    throw new RaftError("too_large", `a frame cannot hold a payload of ${payloadBytes} bytes`);
  }
  let payloadChecksum = 0;
  for (const chunk of chunks) payloadChecksum = crc32c(chunk, payloadChecksum);
  return [encodeHeader({ type, payloadBytes, payloadChecksum }), ...chunks];
}

function encodeHeader(header: FrameHeader): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes);
  bytes.set(magic);
  bytes[versionOffset] = frameVersion;
  bytes[typeOffset] = frameTypes.indexOf(header.type) + 1;
  writeUint32(bytes, lengthOffset, header.payloadBytes);
  writeUint32(bytes, payloadChecksumOffset, header.payloadChecksum);
  writeUint32(bytes, headerChecksumOffset, crc32cBetween(bytes, 0, headerChecksumOffset));
  return bytes;
}

/**
 * The header at `start`, of which all bytes must be there. Throws `malformed` if it is none or does
 * not match its checksum, and `unsupported_version`.
 */
export function decodeHeader(bytes: Uint8Array, start: number): FrameHeader {
  assert(bytes.length - start >= frameHeaderBytes, "a header is decoded once it is whole");
  if (bytes[start] !== magic[0] || bytes[start + 1] !== magic[1]) {
    throw malformed("these bytes begin no frame");
  }
  const version = bytes[start + versionOffset] ?? 0;
  if (version !== frameVersion) {
    const detail = `a frame has version ${version}, not ${frameVersion}`;
    throw new RaftError("unsupported_version", detail);
  }
  const checksum = crc32cBetween(bytes, start, start + headerChecksumOffset);
  if (checksum !== readUint32(bytes, start + headerChecksumOffset)) {
    throw malformed("the header of a frame does not match its checksum");
  }
  const number = bytes[start + typeOffset] ?? 0;
  const type = frameTypes[number - 1];
  if (type === undefined) throw malformed(`the frame type ${number} is unknown`);
  return {
    type,
    payloadBytes: readUint32(bytes, start + lengthOffset),
    payloadChecksum: readUint32(bytes, start + payloadChecksumOffset),
  };
}

/**
 * The type of a frame as `encodeFrame` made it, for those who pass it on; undefined if its first chunk
 * holds no whole header. Verifies nothing.
 */
export function frameTypeOf(frame: readonly Uint8Array[]): FrameType | undefined {
  const header = frame[0];
  if (header === undefined || header.length < frameHeaderBytes) return undefined;
  return frameTypes[(header[typeOffset] ?? 0) - 1];
}

// Byte by byte: to make a DataView of so few bytes takes longer than all else that is done with them.
function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = value * 0x100 + (bytes[offset + i] ?? 0);
  return value;
}

/** The frame of `header` and `payload`. Throws `malformed` if the checksum does not match. */
export function verifyFrame(header: FrameHeader, payload: Uint8Array): Frame {
  assert(payload.length === header.payloadBytes, "a frame is verified once it is whole");
  if (crc32c(payload) !== header.payloadChecksum) {
    throw malformed("the payload of a frame does not match its checksum");
  }
  return { type: header.type, payload };
}

/**
 * The one frame that `frame` holds, for networks that carry frames whole. Given bytes, the payload
 * aliases them; given chunks, as from `encodeFrame`, they are copied together first.
 *
 * Throws `malformed`, also if there are fewer or more bytes than the frame has, and
 * `unsupported_version`.
 */
export function decodeFrame(frame: Uint8Array | readonly Uint8Array[]): Frame {
  const bytes = frame instanceof Uint8Array ? frame : join(frame);
  if (bytes.length < frameHeaderBytes) throw malformed("a frame is cut short");
  const header = decodeHeader(bytes, 0);
  if (bytes.length - frameHeaderBytes !== header.payloadBytes) {
    throw malformed(
      `a frame announces ${header.payloadBytes} bytes and has another number of them`,
    );
  }
  return verifyFrame(header, viewOf(bytes, frameHeaderBytes, bytes.length));
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(bytesOf(chunks));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

function bytesOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
