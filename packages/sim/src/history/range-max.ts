/** A list of numbers that only grow, with the largest of any range in logarithmic time. */
export class RangeMax {
  #size = 1;
  /** A binary tree: node i has the nodes 2i and 2i + 1 below, and the numbers are the leaves. */
  #tree: number[] = [-Infinity, -Infinity];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a number at the end. */
  push(value: number): void {
    if (this.#length === this.#size) this.#double();
    this.#length += 1;
    this.raise(this.#length - 1, value);
  }

  /** Makes the number at `offset` at least `value`. */
  raise(offset: number, value: number): void {
    for (let node = this.#size + offset; node >= 1; node >>= 1) {
      if ((this.#tree[node] ?? -Infinity) >= value) return;
      this.#tree[node] = value;
    }
  }

  /** The largest from `start` up to and not including `end`; minus infinity if there is none. */
  max(start: number, end: number): number {
    let most = -Infinity;
    let low = this.#size + start;
    let high = this.#size + Math.min(end, this.#length);
    for (; low < high; low >>= 1, high >>= 1) {
      if ((low & 1) === 1) most = Math.max(most, this.#tree[low++] ?? -Infinity);
      if ((high & 1) === 1) most = Math.max(most, this.#tree[--high] ?? -Infinity);
    }
    return most;
  }

  #double(): void {
    const leaves = this.#tree.slice(this.#size);
    this.#size *= 2;
    this.#tree = Array.from({ length: 2 * this.#size }, () => -Infinity);
    for (const [offset, value] of leaves.entries()) this.raise(offset, value);
  }
}
