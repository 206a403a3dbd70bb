import { assert, at } from "@quorate/core";
import type { Operation } from "./history.ts";
import type { Partition } from "./partition.ts";
import { mixWords, type Seen, type Sighting } from "./seen.ts";

/** No operation. */
export const nil = -1;

/**
 * Operations of one object put in an order, one after the other, and taken back in reverse. They go
 * by numbers: the completed ones by their offset, those of unknown outcome by theirs, further on.
 */
export class Arrangement<Input, Output> {
  readonly #part: Partition<Input, Output>;
  readonly #count: number;

  /**
   * Calls and ends of the completed operations that are not in the order, as a list in real time. The
   * call of operation i is node i, its end is node `#count + i`, and the head comes after these.
   */
  readonly #head: number;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  readonly #trail: number[] = [];
  #left: number;

  /** Which are in the order: words before `#low` have all bits set, those after `#high` none. */
  readonly #words: Int32Array;
  readonly #unknownWords: Int32Array;
  #low = 0;
  #high = -1;
  #hash = 0;

  constructor(part: Partition<Input, Output>) {
    this.#part = part;
    this.#count = part.completed.length;
    this.#left = this.#count;
    this.#head = 2 * this.#count;
    this.#next = new Int32Array(this.#head + 1);
    this.#previous = new Int32Array(this.#head + 1);
    this.#linkAll();
    this.#words = new Int32Array(Math.ceil(this.#count / 32));
    this.#unknownWords = new Int32Array(Math.ceil(part.unknown.length / 32));
  }

  /** How many words it takes to say which of those of unknown outcome are in the order. */
  get unknownWordCount(): number {
    return this.#unknownWords.length;
  }

  /** The numbers of the operations in the order. */
  get trail(): readonly number[] {
    return this.#trail;
  }

  /** How many completed operations are not in the order. */
  get left(): number {
    return this.#left;
  }

  /** The operation whose end comes next, of those not in the order. There must be one. */
  get due(): number {
    let node = this.#next[this.#head] ?? nil;
    while (node < this.#count) node = this.#next[node] ?? nil;
    return node - this.#count;
  }

  /**
   * The next operation behind `number`, or the first one after `nil`, that was called before the end
   * that comes next; `nil` if there is none. `number` may have been taken since it was handed out.
   */
  callAfter(number: number): number {
    const node = this.#next[number === nil ? this.#head : number] ?? nil;
    return node < this.#count ? node : nil;
  }

  /** Whether `number` is of unknown outcome and in the order. */
  hasUnknown(number: number): boolean {
    const offset = number - this.#count;
    return offset >= 0 && (((this.#unknownWords[offset >> 5] ?? 0) >> (offset & 31)) & 1) !== 0;
  }

  /** The operation with this number. */
  operation(number: number): Operation<Input, Output> {
    const { completed, unknown } = this.#part;
    return number < this.#count
      ? at(completed, number).operation
      : at(unknown, number - this.#count);
  }

  /** Puts an operation at the end of the order, in which it is not. */
  take(number: number): void {
    this.#trail.push(number);
    if (number >= this.#count) {
      const offset = number - this.#count;
      const word = offset >> 5;
      this.#unknownWords[word] = (this.#unknownWords[word] ?? 0) | (1 << (offset & 31));
      return;
    }
    // The end first: a call that is handed out still knows what comes after it.
    this.#unlink(this.#count + number);
    this.#unlink(number);
    this.#left -= 1;
    const word = number >> 5;
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (number & 31));
    this.#hash ^= mixWords(number, 0);
    if (word > this.#high) this.#high = word;
    while (this.#words[this.#low] === -1) this.#low += 1;
  }

  /** Takes operations back until only the first `length` are in the order. */
  cut(length: number): void {
    while (this.#trail.length > length) this.#putBack();
  }

  /** Shows the configuration that this and `state` are. */
  showTo(seen: Seen, state: number): Sighting {
    while (this.#high >= 0 && this.#words[this.#high] === 0) this.#high -= 1;
    const window = this.#words.subarray(this.#low, Math.max(this.#low, this.#high + 1));
    const unknownWords = this.#unknownWords;
    return seen.show({ window, low: this.#low, hash: this.#hash, unknownWords, state });
  }

  #putBack(): void {
    const number = this.#trail.pop();
    assert(number !== undefined, "what is undone was done");
    if (number >= this.#count) {
      const offset = number - this.#count;
      const word = offset >> 5;
      this.#unknownWords[word] = (this.#unknownWords[word] ?? 0) & ~(1 << (offset & 31));
      return;
    }
    this.#relink(number);
    this.#relink(this.#count + number);
    this.#left += 1;
    const word = number >> 5;
    this.#words[word] = (this.#words[word] ?? 0) & ~(1 << (number & 31));
    this.#hash ^= mixWords(number, 0);
    if (word < this.#low) this.#low = word;
  }

  #linkAll(): void {
    const { completed } = this.#part;
    const nodes = new Map<number, number>();
    for (const [offset, { operation, endOrder }] of completed.entries()) {
      nodes.set(operation.order, offset);
      nodes.set(endOrder, this.#count + offset);
    }
    assert(nodes.size === this.#head, "no two calls or ends are at the same time");
    let last = this.#head;
    for (const order of [...nodes.keys()].sort((a, b) => a - b)) {
      const node = nodes.get(order) ?? nil;
      this.#next[last] = node;
      this.#previous[node] = last;
      last = node;
    }
    this.#next[last] = nil;
  }

  #unlink(node: number): void {
    const previous = this.#previous[node] ?? nil;
    const next = this.#next[node] ?? nil;
    this.#next[previous] = next;
    if (next !== nil) this.#previous[next] = previous;
  }

  #relink(node: number): void {
    const previous = this.#previous[node] ?? nil;
    const next = this.#next[node] ?? nil;
    this.#next[previous] = node;
    if (next !== nil) this.#previous[next] = node;
  }
}
