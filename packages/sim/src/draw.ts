import { at, SeededRandom } from "@quorate/core";

/** Decisions drawn from a seed: the only source of chance in a simulation. */
export class Draw {
  readonly #random: SeededRandom;

  /** Other streams of one seed are other sequences, so that they do not shift one another. */
  constructor(seed: number, stream: number) {
    this.#random = new SeededRandom(seed, stream);
  }

  /** An integer from 0 up to and not including `bound`. */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.#random.below(most - least + 1);
  }

  /** True in `perMille` of a thousand cases. Draws nothing where the answer is certain. */
  chance(perMille: number): boolean {
    return perMille > 0 && this.#random.below(1000) < perMille;
  }

  /** One of `items`, of which there must be some. */
  pick<T>(items: readonly T[]): T {
    return at(items, this.#random.below(items.length));
  }

  /** `count` of `items`, at random and in random order. */
  some<T>(items: readonly T[], count: number): T[] {
    const rest = [...items];
    const chosen: T[] = [];
    while (chosen.length < count && rest.length > 0) {
      chosen.push(...rest.splice(this.#random.below(rest.length), 1));
    }
    return chosen;
  }
}
