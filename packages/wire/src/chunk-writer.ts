import { assert } from "@quorate/core";
import { viewOf, writeField, writeRaw, writeVarint } from "./protobuf.ts";

/**
 * From this size on, in bytes, an encoded entry, a command or a result is not copied into a payload but
 * referenced. Below it, a copy costs less than one more chunk to write.
 */
export const referenceBytesMin = 1024;

/**
 * Collects bytes in chunks: what is small is copied into one buffer, what is large becomes a chunk of
 * its own and is not copied. The buffer has the size that its user counted beforehand.
 */
export class ChunkWriter {
  readonly #pieceBytesMin: number;
  readonly #buffer: Uint8Array;
  readonly #chunks: Uint8Array[] = [];
  /** What lies between `#start` and `#offset` is written and in no chunk yet. */
  #start = 0;
  #offset = 0;

  /** For `copiedBytes` to be copied; pieces of `pieceBytesMin` and more are not. */
  constructor(copiedBytes: number, pieceBytesMin: number) {
    this.#buffer = new Uint8Array(copiedBytes);
    this.#pieceBytesMin = pieceBytesMin;
  }

  /** Adds a one-byte tag and a varint. */
  field(tag: number, value: number): void {
    this.#offset = writeField(this.#buffer, this.#offset, tag, value);
  }

  /** Adds the length of `piece` and its bytes. */
  prefixed(piece: Uint8Array): void {
    this.#offset = writeVarint(this.#buffer, this.#offset, piece.length);
    this.raw(piece);
  }

  /** Adds the bytes of `piece`. If it is large, it must not be changed from now on. */
  raw(piece: Uint8Array): void {
    if (piece.length < this.#pieceBytesMin) {
      this.#offset = writeRaw(this.#buffer, this.#offset, piece);
    } else {
      this.#cut();
      this.#chunks.push(piece);
    }
  }

  /** The chunks, in order. Nothing may be added afterwards. */
  finish(): Uint8Array[] {
    this.#cut();
    assert(this.#offset === this.#buffer.length, "the chunks take the bytes that were counted");
    return this.#chunks;
  }

  #cut(): void {
    if (this.#start === this.#offset) return;
    // A view of the whole would cost more than the buffer itself, if that is small.
    const isWhole = this.#start === 0 && this.#offset === this.#buffer.length;
    this.#chunks.push(isWhole ? this.#buffer : viewOf(this.#buffer, this.#start, this.#offset));
    this.#start = this.#offset;
  }
}
