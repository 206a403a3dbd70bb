import { RaftError } from "@quorate/core";
import { crc32c, decodeUtf8, encodeUtf8 } from "@quorate/wire";
import { malformed } from "./tape-reader.ts";

/** A state, and the inputs that followed on it, as bytes. */
export interface FlightPart {
  readonly image: Uint8Array;
  readonly inputs: Uint8Array;
}

/** What a file holds. */
export interface FlightFile {
  /** One or two, oldest first: the state of the second follows from the first. None if nothing was kept. */
  readonly parts: readonly FlightPart[];
  /** The state after the last input, unless the node failed. */
  readonly end: Uint8Array | undefined;
  /** How the node failed, if it did. */
  readonly failure: string | undefined;
}

/** What a file begins with: "QFLIGHT" and a line feed. */
const magic = Uint8Array.of(0x51, 0x46, 0x4c, 0x49, 0x47, 0x48, 0x54, 0x0a);
/** The version of the format, which stands behind it as a byte. */
const version = 1;
const headBytes = magic.length + 1;

/** The kinds of sections. Each is its kind (1 byte), its length (4), its bytes, and their checksum (4). */
const sections = { image: 1, inputs: 2, end: 3, failure: 4 } as const;
const sectionBytes = 9;

/** How much is kept of how a node failed. */
const failureBytesMax = 4096;

/** How a file tells an error. */
export function failureText({ name, message }: Error): string {
  return `${name}: ${message}`;
}

/** The bytes of a file. */
export function encodeFlight({ parts, end, failure }: FlightFile): Uint8Array {
  const pieces: [number, Uint8Array][] = [];
  for (const { image, inputs } of parts) {
    pieces.push([sections.image, image], [sections.inputs, inputs]);
  }
  if (end !== undefined) pieces.push([sections.end, end]);
  if (failure !== undefined) pieces.push([sections.failure, encodeUtf8(failure, failureBytesMax)]);
  const length = pieces.reduce((sum, [, piece]) => sum + sectionBytes + piece.length, headBytes);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  bytes[magic.length] = version;
  let offset = headBytes;
  for (const [kind, piece] of pieces) {
    bytes[offset] = kind;
    view.setUint32(offset + 1, piece.length, true);
    bytes.set(piece, offset + 5);
    const sumOffset = offset + 5 + piece.length;
    view.setUint32(sumOffset, crc32c(bytes.subarray(offset, sumOffset)), true);
    offset = sumOffset + 4;
  }
  return bytes;
}

/**
 * What is in the file of `bytes`, as views of them. Throws `malformed` for what is no such file, or was cut
 * short; `corrupt` where a checksum differs; `unsupported_version`.
 */
export function decodeFlight(bytes: Uint8Array): FlightFile {
  checkHead(bytes);
  const parts: FlightPart[] = [];
  let image: Uint8Array | undefined;
  let end: Uint8Array | undefined;
  let failure: string | undefined;
  for (const { kind, piece } of readSections(bytes)) {
    if (end !== undefined || failure !== undefined) throw malformed("something follows its end");
    if (kind === sections.image && image === undefined) {
      image = piece;
    } else if (kind === sections.inputs && image !== undefined) {
      parts.push({ image, inputs: piece });
      image = undefined;
    } else if (kind === sections.end && image === undefined) {
      end = piece;
    } else if (kind === sections.failure && image === undefined) {
      failure = decodeUtf8(piece);
    } else {
      throw malformed(`a section of kind ${kind} is out of place`);
    }
  }
  if (end === undefined && failure === undefined) throw malformed("it has no end");
  return { parts, end, failure };
}

function checkHead(bytes: Uint8Array): void {
  if (bytes.length < headBytes || magic.some((byte, offset) => bytes[offset] !== byte)) {
    throw malformed("it does not begin as one");
  }
  const found = bytes[magic.length];
  if (found === version) return;
  throw new RaftError("unsupported_version", `a flight record of version ${String(found)}`);
}

function* readSections(
  bytes: Uint8Array,
): Generator<{ readonly kind: number; readonly piece: Uint8Array }, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = headBytes; offset < bytes.length;) {
    const leftBytes = bytes.length - offset - sectionBytes;
    if (leftBytes < 0) throw malformed("a section is cut short");
    const kind = view.getUint8(offset);
    const length = view.getUint32(offset + 1, true);
    if (length > leftBytes) throw malformed("a section is cut short");
    const end = offset + 5 + length;
    if (crc32c(bytes.subarray(offset, end)) !== view.getUint32(end, true)) {
      throw new RaftError("corrupt", `the flight record has a wrong checksum at byte ${end}`);
    }
    yield { kind, piece: bytes.subarray(offset + 5, end) };
    offset = end + 4;
  }
}
