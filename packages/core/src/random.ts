/**
 * A seeded generator of uniform 32-bit numbers. The same seed gives the same sequence on every
 * platform, which is what replay and simulation stand on. Not for secrets.
 */
export class SeededRandom {
  #state: number;

  /** `seed` and `stream` are safe integers; other streams of one seed are other sequences. */
  constructor(seed: number, stream = 0) {
    const high = Math.floor(seed / 2 ** 32);
    this.#state = mix(mix(mix(seed) ^ high) ^ stream);
  }

  /** A generator that gives the same numbers from here on, and goes its own way. */
  copy(): SeededRandom {
    return SeededRandom.at(this.#state);
  }

  /** A generator that gives the numbers which another gives after its `state` was this. */
  static at(state: number): SeededRandom {
    const random = new SeededRandom(0);
    random.#state = state;
    return random;
  }

  /** All that decides the numbers to come: an integer in `[0, 2^32)`. */
  get state(): number {
    return this.#state;
  }

  /** The next number in `[0, 2^32)`. A counter through a mixer: no state is ever a bad one. */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    return mix(this.#state);
  }

  /** The next number in `[0, bound)`, for a `bound` of at least 1. */
  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound);
  }
}

/** Spreads every bit of a 32-bit number over all of them; one to one. */
function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
