import { assert } from "@quorate/core";
import type { Hash } from "./text-hash.ts";

/** The parent of the first state, and what `add` says of a state that is known. */
export const nowhere = -1;

/**
 * The states that were seen, by the 64 bits of their hashes, each with the state that it was reached
 * from. Twelve bytes a state, and eight to sixteen for finding it.
 */
export class StateSet {
  readonly #countMax: number;
  #count = 0;
  #low = new Int32Array(1024);
  #high = new Int32Array(1024);
  #parent = new Int32Array(1024);
  /** One more than the number of a state, or 0; open addressing, at most half full. */
  #slots = new Int32Array(4096);

  /** Room for at most `countMax` states. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.#countMax;
  }

  /** Adds a state that was reached from state `parent` and returns its number, or `nowhere` if known. */
  add(low: number, high: number, parent: number): number {
    const mask = this.#slots.length - 1;
    let slot = (low ^ (high >>> 7)) & mask;
    for (;;) {
      const number = (this.#slots[slot] ?? 0) - 1;
      if (number < 0) break;
      if (this.#low[number] === low && this.#high[number] === high) return nowhere;
      slot = (slot + 1) & mask;
    }
    assert(!this.isFull, "no state is added to a full set");
    const number = this.#count;
    if (number === this.#low.length) this.#growStates();
    this.#low[number] = low;
    this.#high[number] = high;
    this.#parent[number] = parent;
    this.#slots[slot] = number + 1;
    this.#count += 1;
    if (2 * this.#count > this.#slots.length) this.#growSlots();
    return number;
  }

  /** The hashes of the states that lead to state `number`, from the first, which is left out. */
  pathTo(number: number): readonly Hash[] {
    const path: Hash[] = [];
    for (let at = number; at > 0; at = this.#parent[at] ?? nowhere) {
      path.push({ low: this.#low[at] ?? 0, high: this.#high[at] ?? 0 });
    }
    return path.reverse();
  }

  #growStates(): void {
    const length = Math.min(2 * this.#low.length, this.#countMax);
    this.#low = grown(this.#low, length);
    this.#high = grown(this.#high, length);
    this.#parent = grown(this.#parent, length);
  }

  #growSlots(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      const low = this.#low[number] ?? 0;
      const high = this.#high[number] ?? 0;
      let slot = (low ^ (high >>> 7)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

function grown(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const result = new Int32Array(length);
  result.set(array);
  return result;
}
