/** The most that a number takes, in bytes: 53 bits in groups of seven. */
export const numberBytesMax = 8;

/** How many bytes the count takes that `padded` writes. */
export const paddedBytes = 3;

/** The largest count that `padded` takes. */
export const paddedMax: number = 2 ** 21 - 1;

/**
 * Writes numbers and bytes into a buffer, one after the other, and allocates nothing. What goes beyond its
 * end is lost, and only `fits` tells: so whoever writes need not know beforehand how much it will be.
 */
export class TapeWriter {
  readonly bytes: Uint8Array;
  /** Where the next byte goes. */
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether all that was written is in the buffer. */
  get fits(): boolean {
    return this.offset <= this.bytes.length;
  }

  /** Writes a varint. What is no safe integer of at least 0 becomes the largest there is. */
  number(value: number): void {
    const { bytes } = this;
    if (value >= 0 && value < 0x80) {
      bytes[this.offset++] = value;
      return;
    }
    let rest = Number.isSafeInteger(value) && value >= 0 ? value : Number.MAX_SAFE_INTEGER;
    while (rest > 0x7fff_ffff) {
      bytes[this.offset++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      bytes[this.offset++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[this.offset++] = rest;
  }

  /** Writes a varint of three bytes at `offset`, whatever its value, so that it can be written again. */
  padded(offset: number, value: number): void {
    const { bytes } = this;
    bytes[offset] = (value & 0x7f) | 0x80;
    bytes[offset + 1] = ((value >>> 7) & 0x7f) | 0x80;
    bytes[offset + 2] = (value >>> 14) & 0x7f;
  }

  flag(value: boolean): void {
    this.number(value ? 1 : 0);
  }

  /** Writes the length of `source` and its bytes. */
  prefixed(source: Uint8Array): void {
    this.number(source.length);
    if (this.offset + source.length <= this.bytes.length) this.bytes.set(source, this.offset);
    this.offset += source.length;
  }
}
