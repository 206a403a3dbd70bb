import { randomFillSync } from "node:crypto";
import type { Random } from "@quorate/runtime";

/** Unpredictable numbers from the operating system, fetched 64 at a time. */
export class NodeRandom implements Random {
  readonly #pool = new Uint32Array(64);
  #used = this.#pool.length;

  uint32(): number {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const value = this.#pool[this.#used];
    this.#used++;
    return value ?? 0;
  }
}
