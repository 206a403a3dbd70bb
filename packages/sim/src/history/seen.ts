import { assert } from "@quorate/core";

/** What is remembered of each configuration, ahead of its bits: the fields of a record, in words. */
const nextAt = 0;
const hashAt = 1;
const stateAt = 2;
const lowAt = 3;
const windowWordsAt = 4;
const headWords = 5;

const firstArenaWords = 1 << 12;
const firstBucketCount = 1 << 10;

/** What came of showing a configuration: it is new, or nothing new can come of it, or there is no room. */
export type Sighting = "new" | "seen" | "full";

/**
 * The configurations that a search has been in: which operations it had linearized, and the state
 * that they led to. Its memory is bounded and counted to the byte.
 *
 * Of the operations with a known end, those called long ago are all linearized and those called
 * later are not, so only the words in between are kept. The others may come at any time or never: a
 * configuration that has used fewer of them can do all that this one can, so it stands for both.
 */
export class Seen {
  readonly #unknownWords: Int32Array;
  readonly #bytesMax: number;
  /** Records, one behind the other. Offset 0 is not used: it ends a chain. */
  #arena: Int32Array = new Int32Array(firstArenaWords);
  #arenaEnd = 1;
  #buckets: Int32Array = new Int32Array(firstBucketCount);
  #count = 0;

  /** `unknownWords` is looked at whenever a configuration is shown. */
  constructor(unknownWords: Int32Array, bytesMax: number) {
    this.#unknownWords = unknownWords;
    this.#bytesMax = bytesMax;
  }

  /** How much memory this takes. */
  get bytes(): number {
    return (this.#arena.length + this.#buckets.length) * Int32Array.BYTES_PER_ELEMENT;
  }

  /**
   * Shows a configuration: `window` are the words of its bits, from the word `low` on; all bits
   * before are set and all behind are clear. `hash` is of the set bits.
   */
  show(window: Int32Array, low: number, state: number, hash: number): Sighting {
    const mixed = mixWords(hash, state);
    if (this.#holds(window, low, state, mixed)) return "seen";
    if (!this.#makeRoom(headWords + window.length + this.#unknownWords.length)) return "full";
    const record = this.#arenaEnd;
    const arena = this.#arena;
    const bucket = mixed & (this.#buckets.length - 1);
    arena[record + nextAt] = this.#buckets[bucket] ?? 0;
    arena[record + hashAt] = mixed;
    arena[record + stateAt] = state;
    arena[record + lowAt] = low;
    arena[record + windowWordsAt] = window.length;
    arena.set(window, record + headWords);
    arena.set(this.#unknownWords, record + headWords + window.length);
    this.#arenaEnd = record + headWords + window.length + this.#unknownWords.length;
    this.#buckets[bucket] = record;
    this.#count += 1;
    return "new";
  }

  #holds(window: Int32Array, low: number, state: number, mixed: number): boolean {
    const arena = this.#arena;
    let record = this.#buckets[mixed & (this.#buckets.length - 1)] ?? 0;
    for (; record !== 0; record = arena[record + nextAt] ?? 0) {
      if (arena[record + hashAt] !== mixed) continue;
      if (arena[record + stateAt] !== state || arena[record + lowAt] !== low) continue;
      if (arena[record + windowWordsAt] !== window.length) continue;
      if (this.#agrees(record + headWords, window)) return true;
    }
    return false;
  }

  /** Whether the record with bits at `offset` has the same window, and used no more of the unknown. */
  #agrees(offset: number, window: Int32Array): boolean {
    const arena = this.#arena;
    for (let at = 0; at < window.length; at++) {
      if (arena[offset + at] !== window[at]) return false;
    }
    const unknownWords = this.#unknownWords;
    for (let at = 0; at < unknownWords.length; at++) {
      const used = arena[offset + window.length + at] ?? 0;
      if ((used & ~(unknownWords[at] ?? 0)) !== 0) return false;
    }
    return true;
  }

  #makeRoom(words: number): boolean {
    let arenaWords = this.#arena.length;
    while (this.#arenaEnd + words > arenaWords) arenaWords *= 2;
    const needsBuckets = this.#count >= this.#buckets.length;
    const bucketCount = needsBuckets ? this.#buckets.length * 2 : this.#buckets.length;
    if ((arenaWords + bucketCount) * Int32Array.BYTES_PER_ELEMENT > this.#bytesMax) return false;
    if (arenaWords > this.#arena.length) {
      const arena = new Int32Array(arenaWords);
      arena.set(this.#arena);
      this.#arena = arena;
    }
    if (needsBuckets) this.#rehash(bucketCount);
    return true;
  }

  #rehash(bucketCount: number): void {
    const arena = this.#arena;
    const buckets = new Int32Array(bucketCount);
    let record = 1;
    while (record < this.#arenaEnd) {
      const bucket = (arena[record + hashAt] ?? 0) & (bucketCount - 1);
      arena[record + nextAt] = buckets[bucket] ?? 0;
      buckets[bucket] = record;
      record += headWords + (arena[record + windowWordsAt] ?? 0) + this.#unknownWords.length;
    }
    assert(record === this.#arenaEnd, "records lie one behind the other");
    this.#buckets = buckets;
  }
}

/** Mixes two words into one, evenly. */
export function mixWords(a: number, b: number): number {
  let x = (a ^ Math.imul(b + 1, 0x9e3779b1)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
