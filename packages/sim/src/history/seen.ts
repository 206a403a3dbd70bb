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

/** Which operations a search put in order, and the state that they led to. */
export interface Configuration {
  /** The bits of the completed operations, from the word `low` on: all before are set, all behind clear. */
  readonly window: Int32Array;
  readonly low: number;
  /** A hash of the numbers of the completed operations whose bits are set. */
  readonly hash: number;
  /** The bits of the operations of unknown outcome: always as many words. */
  readonly unknownWords: Int32Array;
  /** The state, by a number of its own. */
  readonly state: number;
}

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
  readonly #unknownWordCount: number;
  readonly #bytesMax: number;
  /** Records, one behind the other. Offset 0 is not used: it ends a chain. */
  #arena: Int32Array = new Int32Array(firstArenaWords);
  #arenaEnd = 1;
  #buckets: Int32Array = new Int32Array(firstBucketCount);
  #count = 0;

  constructor(unknownWordCount: number, bytesMax: number) {
    this.#unknownWordCount = unknownWordCount;
    this.#bytesMax = bytesMax;
  }

  /** How much memory this takes. */
  get bytes(): number {
    return (this.#arena.length + this.#buckets.length) * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Shows a configuration. What it consists of is copied. */
  show(configuration: Configuration): Sighting {
    const { window, low, hash, unknownWords, state } = configuration;
    const mixed = mixWords(hash, state);
    if (this.#holds(configuration, mixed)) return "seen";
    const words = headWords + window.length + unknownWords.length;
    if (!this.#makeRoom(words)) return "full";
    const record = this.#arenaEnd;
    const arena = this.#arena;
    const bucket = mixed & (this.#buckets.length - 1);
    arena[record + nextAt] = this.#buckets[bucket] ?? 0;
    arena[record + hashAt] = mixed;
    arena[record + stateAt] = state;
    arena[record + lowAt] = low;
    arena[record + windowWordsAt] = window.length;
    arena.set(window, record + headWords);
    arena.set(unknownWords, record + headWords + window.length);
    this.#arenaEnd = record + words;
    this.#buckets[bucket] = record;
    this.#count += 1;
    return "new";
  }

  #holds(configuration: Configuration, mixed: number): boolean {
    const { window, low, state } = configuration;
    const arena = this.#arena;
    let record = this.#buckets[mixed & (this.#buckets.length - 1)] ?? 0;
    for (; record !== 0; record = arena[record + nextAt] ?? 0) {
      if (arena[record + hashAt] !== mixed) continue;
      if (arena[record + stateAt] !== state || arena[record + lowAt] !== low) continue;
      if (arena[record + windowWordsAt] !== window.length) continue;
      if (this.#standsFor(record + headWords, configuration)) return true;
    }
    return false;
  }

  /** Whether the record with bits at `offset` has the same window, and used no more of the unknown. */
  #standsFor(offset: number, { window, unknownWords }: Configuration): boolean {
    const arena = this.#arena;
    for (let at = 0; at < window.length; at++) {
      if (arena[offset + at] !== window[at]) return false;
    }
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
      record += headWords + (arena[record + windowWordsAt] ?? 0) + this.#unknownWordCount;
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
