import { assert, isSafe, RaftError } from "@quorate/core";

/**
 * The part of protobuf's encoding that our messages use, over numbers up to 2^53 - 1 and without
 * `bigint`. Writing takes two steps: sizes first, then bytes into a buffer of exactly that size, since
 * a nested message is preceded by its length. So nothing is copied twice and nothing is kept between
 * calls. See `FORMAT.md`.
 */

/** Wire type 0: a number, an enum or a flag. */
export const wireVarint = 0;
/** Wire type 2: bytes, text or a nested message, preceded by the length. */
export const wireBytes = 2;

const wireFixed64 = 1;
const wireGroupStart = 3;
const wireGroupEnd = 4;
const wireFixed32 = 5;

/** The longest varint, in bytes: 64 bits in groups of seven. */
const varintBytesMax = 10;

/** The largest tag: field numbers end at 2^29 - 1. */
const tagMax = 0xffff_ffff;

/** How deep groups of unknown fields may nest. */
const groupDepthMax = 32;

/** Below this many bytes a plain loop copies faster than `set`, which has a fixed cost per call. */
const copyLoopBytesMax = 32;

/** The tag of field `number` with wire type `wire`. One byte up to field 15. */
export function tagOf(number: number, wire: number): number {
  return number * 8 + wire;
}

/** The error for bytes that cannot be what they claim to be. */
export function malformed(detail: string): RaftError {
  return new RaftError("malformed", detail);
}

/** How many bytes the varint of `value` takes. Asserts that it is a safe integer of at least 0. */
export function varintBytes(value: number): number {
  assert(isSafe(value), "only safe integers of at least 0 are encoded");
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 2 ** 35) return 5;
  if (value < 2 ** 42) return 6;
  return value < 2 ** 49 ? 7 : 8;
}

/** How many bytes a field of `length` bytes takes with its length, without its tag. */
export function prefixedBytes(length: number): number {
  return varintBytes(length) + length;
}

/** Writes the varint of `value` at `offset`, and returns the offset after it. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let next = offset;
  while (rest > 0x7fff_ffff) {
    bytes[next++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest > 0x7f) {
    bytes[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[next++] = rest;
  return next;
}

/** Writes a one-byte tag and a varint, and returns the offset after them. */
export function writeField(bytes: Uint8Array, offset: number, tag: number, value: number): number {
  bytes[offset] = tag;
  return writeVarint(bytes, offset + 1, value);
}

/** Copies `source` to `offset`, and returns the offset after it. */
export function writeRaw(bytes: Uint8Array, offset: number, source: Uint8Array): number {
  const length = source.length;
  if (length > copyLoopBytesMax) bytes.set(source, offset);
  else for (let i = 0; i < length; i++) bytes[offset + i] = source[i] ?? 0;
  return offset + length;
}

/** Writes a one-byte tag, the length of `source` and its bytes, and returns the offset after them. */
export function writeBytes(
  bytes: Uint8Array,
  offset: number,
  tag: number,
  source: Uint8Array,
): number {
  return writeRaw(bytes, writeField(bytes, offset, tag, source.length), source);
}

/**
 * A plain view of part of `bytes`. Unlike `subarray` it never makes a view of a subclass, such as
 * Node's `Buffer`, which costs more and compares otherwise.
 */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/**
 * Reads protobuf fields from bytes, from front to back. What it hands out aliases them. Every method
 * throws `malformed` where the bytes end too soon or say what cannot be, and reads nothing beyond
 * the end of the message that is open.
 */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** Whether the open message has more fields. */
  get more(): boolean {
    return this.#offset < this.#end;
  }

  /** Where the next byte is read, as an offset into the bytes. */
  get offset(): number {
    return this.#offset;
  }

  /** The tag of the next field: its number times eight, plus its wire type. */
  tag(): number {
    const tag = this.number();
    if (tag > tagMax || tag < 8) throw malformed(`the field tag ${tag} is out of range`);
    return tag;
  }

  /** A varint, at most 2^53 - 1. */
  number(): number {
    const bytes = this.#bytes;
    let offset = this.#offset;
    const limit = Math.min(this.#end, offset + varintBytesMax);
    let value = 0;
    // Numbers of up to four bytes stay in integer arithmetic; the rest, being rarer, do not.
    for (let shift = 0; shift < 28 && offset < limit; shift += 7) {
      const byte = bytes[offset++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#offset = offset;
        return value;
      }
    }
    for (let scale = 2 ** 28; offset < limit; scale *= 0x80) {
      const byte = bytes[offset++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        // A sum that leaves the safe integers is rounded, but never back among them.
        if (value > Number.MAX_SAFE_INTEGER) throw malformed("a number exceeds 2^53 - 1");
        this.#offset = offset;
        return value;
      }
    }
    throw malformed("a number is cut short or longer than ten bytes");
  }

  /** The bytes of a length-delimited field: a view, not a copy. */
  bytes(): Uint8Array {
    const end = this.#fieldEnd();
    const view = viewOf(this.#bytes, this.#offset, end);
    this.#offset = end;
    return view;
  }

  /** Opens the nested message of a length-delimited field. Returns what `leave` needs to close it. */
  enter(): number {
    const outer = this.#end;
    this.#end = this.#fieldEnd();
    return outer;
  }

  /** Closes a nested message of which every field was read. */
  leave(outer: number): void {
    assert(this.#offset === this.#end, "a nested message is read to its end");
    this.#end = outer;
  }

  /** A view of the bytes from `start` up to the next one to be read. */
  viewSince(start: number): Uint8Array {
    return viewOf(this.#bytes, start, this.#offset);
  }

  /**
   * Passes over a field that the caller does not read. Fields up to number `knownMax` are the
   * caller's: one that comes here has the wrong wire type.
   */
  skipUnknown(tag: number, knownMax: number): void {
    if (tag >>> 3 <= knownMax) throw malformed(`field ${tag >>> 3} has wire type ${tag & 7}`);
    this.skip(tag);
  }

  /** Passes over the field whose tag was just read, whatever its wire type. */
  skip(tag: number): void {
    this.#skip(tag, 0);
  }

  #skip(tag: number, depth: number): void {
    switch (tag & 7) {
      case wireVarint:
        this.#skipVarint();
        return;
      case wireFixed64:
        this.#skipBytes(8);
        return;
      case wireBytes:
        this.#offset = this.#fieldEnd();
        return;
      case wireGroupStart:
        this.#skipGroup(tag, depth + 1);
        return;
      case wireFixed32:
        this.#skipBytes(4);
        return;
      default:
        throw malformed(`wire type ${tag & 7} opens no field`);
    }
  }

  #skipGroup(start: number, depth: number): void {
    if (depth > groupDepthMax) throw malformed(`groups nest deeper than ${groupDepthMax}`);
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) !== wireGroupEnd) this.#skip(tag, depth);
      else if (tag >>> 3 === start >>> 3) return;
      else throw malformed("a group ends that did not begin");
    }
  }

  #skipVarint(): void {
    const limit = Math.min(this.#end, this.#offset + varintBytesMax);
    while (this.#offset < limit) {
      if ((this.#bytes[this.#offset++] ?? 0) < 0x80) return;
    }
    throw malformed("a number is cut short or longer than ten bytes");
  }

  #skipBytes(count: number): void {
    if (count > this.#end - this.#offset) throw malformed("a field is cut short");
    this.#offset += count;
  }

  /** Reads a length and returns where the field ends: at or before the end of the open message. */
  #fieldEnd(): number {
    const length = this.number();
    if (length > this.#end - this.#offset) {
      throw malformed(
        `a field of ${length} bytes exceeds the ${this.#end - this.#offset} that are left`,
      );
    }
    return this.#offset + length;
  }
}
