import { assert } from "@quorate/core";

const chunkLength = 1 << 18;

/**
 * The states that wait to be explored, first in, first out, each as a few numbers. Memory follows what
 * waits: chunks that were read are let go.
 */
export class Frontier {
  readonly #chunks: Int32Array[] = [];
  /** Where the first chunk is read, and the last is written. */
  #head = 0;
  #tail = chunkLength;
  #count = 0;

  /** How many states wait. */
  get count(): number {
    return this.#count;
  }

  /** Adds the first `length` numbers of `state`; they must be fewer than a chunk holds. */
  push(state: Int32Array, length: number): void {
    assert(length < chunkLength, "a state fits into a chunk");
    if (this.#tail + length + 1 > chunkLength) {
      const last = this.#chunks.at(-1);
      // A length of 0 ends a chunk.
      if (last !== undefined && this.#tail < chunkLength) last[this.#tail] = 0;
      this.#chunks.push(new Int32Array(chunkLength));
      this.#tail = 0;
    }
    const chunk = this.#chunks.at(-1);
    assert(chunk !== undefined, "there is a chunk to write to");
    chunk[this.#tail] = length;
    for (let offset = 0; offset < length; offset++) {
      chunk[this.#tail + 1 + offset] = state[offset] ?? 0;
    }
    this.#tail += length + 1;
    this.#count += 1;
  }

  /** Takes the oldest state out, copies it to `state` and returns its length. */
  shift(state: Int32Array): number {
    assert(this.#count > 0, "a state waits");
    let chunk = this.#chunks[0];
    if (chunk !== undefined && (this.#head >= chunkLength || chunk[this.#head] === 0)) {
      this.#chunks.shift();
      this.#head = 0;
      chunk = this.#chunks[0];
    }
    assert(chunk !== undefined, "there is a chunk to read from");
    const length = chunk[this.#head] ?? 0;
    state.set(chunk.subarray(this.#head + 1, this.#head + 1 + length));
    this.#head += length + 1;
    this.#count -= 1;
    return length;
  }
}
