import type { Random } from "../ports.ts";

/** Random numbers that are the same for the same seed: splitmix32. Not for secrets. */
export class SeededRandom implements Random {
  #state: number;

  /** `seed` is an integer in `[0, 2^32)`. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }
}
