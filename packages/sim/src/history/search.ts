import { assert, at } from "@quorate/core";
import type { Operation } from "./history.ts";
import { illegal, type Model } from "./model.ts";
import type { Partition } from "./partition.ts";
import { mixWords, Seen } from "./seen.ts";

/** How much a search may cost. */
export interface Budget {
  /** Steps of the model. A safe integer of at least 1. */
  readonly stepsMax: number;
  /** Memory for the configurations seen, in bytes, beside the states themselves. */
  readonly cacheBytesMax: number;
}

/** Which part of the budget ran out. */
export type Exhausted = "steps" | "memory";

/** What a search found out about one object. */
export type SearchResult<State, Input, Output> =
  /** `order` is one in which the operations may have taken effect. Unknown ones not in it did not. */
  | {
      readonly kind: "linearizable";
      readonly stepCount: number;
      readonly order: readonly Operation<Input, Output>[];
    }
  | {
      readonly kind: "illegal";
      readonly stepCount: number;
      /** No order gets past the end of this operation, but some get there. */
      readonly blocked: Operation<Input, Output>;
      /** The longest order that gets there. */
      readonly longest: readonly Operation<Input, Output>[];
      /** Where such orders lead to, at most `reachableMax` of them. */
      readonly reachable: readonly State[];
    }
  | { readonly kind: "exhausted"; readonly stepCount: number; readonly resource: Exhausted };

/** How many states are kept to show where a history got stuck. */
export const reachableMax = 16;

/** What a name of a state takes in memory beside its characters, roughly. */
const nameBytes = 64;

/** No node of the list of calls and ends. */
const nil = -1;

/**
 * Looks for an order in which the operations of one object may have taken effect: the search of Wing
 * and Gong with Lowe's memory of configurations, depth first, always in the same order.
 *
 * Three things are done beyond that, all without effect on the answer. An operation that only reads
 * is put in its place as soon as it fits: later it could fit no better. One of unknown outcome is
 * tried after all others. And of two configurations that differ only in that, the one that has
 * used fewer of them stands for both (see `Seen`).
 */
export function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  budget: Budget,
): SearchResult<State, Input, Output> {
  return new Search(model, part, budget).run();
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #part: Partition<Input, Output>;
  readonly #budget: Budget;
  readonly #isRead: readonly boolean[];
  readonly #hasReads: boolean;

  /**
   * Calls and ends of the completed operations that are not yet in the order, as a list in real time.
   * Of the operation at offset i the call is node i and the end is node `#count + i`; the head comes
   * after these. Unknown operation j goes by `#head + 1 + j`.
   */
  readonly #count: number;
  readonly #head: number;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #left: number;

  /** The operations in the order so far, by their numbers as above. */
  readonly #trail: number[] = [];
  /** A move is a change and the reads that it made possible. For each: where on the trail, and from what. */
  readonly #moves: { readonly start: number; readonly from: State }[] = [];
  #state: State;
  /** What was tried last at this place: later numbers are still to be tried. */
  #cursor: number;
  /** The first end in the list, once the cursor has passed the calls before it. */
  #boundary = nil;

  /** Which are in the order: words before `#low` have all bits set, those after `#high` none. */
  readonly #words: Int32Array;
  readonly #unknownWords: Int32Array;
  #low = 0;
  #high = -1;
  #hash = 0;
  readonly #seen: Seen;
  readonly #stateIds = new Map<string | number, number>();
  #nameBytes = 0;

  #stepCount = 0;
  #furthest = nil;
  #longest: readonly number[] = [];
  readonly #reachable = new Map<string | number, State>();

  constructor(model: Model<State, Input, Output>, part: Partition<Input, Output>, budget: Budget) {
    this.#model = model;
    this.#part = part;
    this.#budget = budget;
    this.#count = part.completed.length;
    this.#head = 2 * this.#count;
    this.#left = this.#count;
    this.#isRead = part.completed.map(
      ({ operation }) => model.isReadOnly?.(operation.input) === true,
    );
    this.#hasReads = this.#isRead.includes(true);
    this.#next = new Int32Array(this.#head + 1);
    this.#previous = new Int32Array(this.#head + 1);
    this.#linkAll();
    this.#words = new Int32Array(Math.ceil(this.#count / 32));
    this.#unknownWords = new Int32Array(Math.ceil(part.unknown.length / 32));
    this.#seen = new Seen(this.#unknownWords, budget.cacheBytesMax);
    this.#state = model.initial();
    this.#cursor = this.#head;
  }

  run(): SearchResult<State, Input, Output> {
    this.#absorbReads();
    for (;;) {
      if (this.#left === 0) return this.#linearizable();
      if (!this.#advance()) {
        this.#noteDeadEnd();
        if (!this.#backtrack()) return this.#illegal();
        continue;
      }
      if (this.#stepCount >= this.#budget.stepsMax) return this.#exhausted("steps");
      const state = this.#step(this.#cursor);
      if (state === illegal) continue;
      this.#moves.push({ start: this.#trail.length, from: this.#state });
      this.#take(this.#cursor);
      this.#state = state;
      this.#absorbReads();
      const sighting = this.#show();
      if (sighting === "full") return this.#exhausted("memory");
      if (sighting === "seen") this.#backtrack();
      else this.#cursor = this.#head;
    }
  }

  /** Moves the cursor to the next operation that may come next, if there is one. */
  #advance(): boolean {
    let unknown = this.#cursor - this.#head;
    if (this.#cursor <= this.#head) {
      let node = this.#next[this.#cursor] ?? nil;
      while (node < this.#count && this.#isRead[node] === true) node = this.#next[node] ?? nil;
      if (node < this.#count) {
        this.#cursor = node;
        return true;
      }
      this.#boundary = node;
      unknown = 0;
    }
    const operations = this.#part.unknown;
    const boundaryOrder = this.#endOrder(this.#boundary);
    for (; unknown < operations.length; unknown++) {
      if (at(operations, unknown).order > boundaryOrder) break;
      if ((((this.#unknownWords[unknown >> 5] ?? 0) >> (unknown & 31)) & 1) !== 0) continue;
      this.#cursor = this.#head + 1 + unknown;
      return true;
    }
    return false;
  }

  /** Puts all reads in the order that fit now. They change nothing, so one look at each will do. */
  #absorbReads(): void {
    if (!this.#hasReads) return;
    let node = this.#next[this.#head] ?? nil;
    while (node !== nil && node < this.#count) {
      if (this.#isRead[node] === true && this.#step(node) !== illegal) this.#take(node);
      node = this.#next[node] ?? nil;
    }
  }

  /** Undoes the last move, and goes on behind it. False if there is none. */
  #backtrack(): boolean {
    const move = this.#moves.pop();
    if (move === undefined) return false;
    while (this.#trail.length > move.start + 1) this.#putBack();
    this.#cursor = this.#putBack();
    this.#state = move.from;
    if (this.#cursor > this.#head) {
      let node = this.#next[this.#head] ?? nil;
      while (node < this.#count) node = this.#next[node] ?? nil;
      this.#boundary = node;
    }
    return true;
  }

  #step(number: number): State | typeof illegal {
    this.#stepCount += 1;
    const { completed, unknown } = this.#part;
    if (number > this.#head) {
      const { input } = at(unknown, number - this.#head - 1);
      return this.#model.step(this.#state, input, undefined);
    }
    const { operation, output } = at(completed, number);
    return this.#model.step(this.#state, operation.input, output);
  }

  #take(number: number): void {
    this.#trail.push(number);
    if (number > this.#head) {
      const unknown = number - this.#head - 1;
      this.#unknownWords[unknown >> 5] =
        (this.#unknownWords[unknown >> 5] ?? 0) | (1 << (unknown & 31));
      return;
    }
    this.#unlink(this.#count + number);
    this.#unlink(number);
    this.#left -= 1;
    const word = number >> 5;
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (number & 31));
    this.#hash ^= mixWords(number, 0);
    if (word > this.#high) this.#high = word;
    while (this.#words[this.#low] === -1) this.#low += 1;
  }

  /** Takes the last operation from the order. Returns its number. */
  #putBack(): number {
    const number = this.#trail.pop();
    assert(number !== undefined, "what is undone was done");
    if (number > this.#head) {
      const unknown = number - this.#head - 1;
      this.#unknownWords[unknown >> 5] =
        (this.#unknownWords[unknown >> 5] ?? 0) & ~(1 << (unknown & 31));
      return number;
    }
    this.#relink(number);
    this.#relink(this.#count + number);
    this.#left += 1;
    const word = number >> 5;
    this.#words[word] = (this.#words[word] ?? 0) & ~(1 << (number & 31));
    this.#hash ^= mixWords(number, 0);
    if (word < this.#low) this.#low = word;
    return number;
  }

  /** Remembers the configuration that the search is in. */
  #show(): "new" | "seen" | "full" {
    while (this.#high >= 0 && this.#words[this.#high] === 0) this.#high -= 1;
    const window = this.#words.subarray(this.#low, Math.max(this.#low, this.#high + 1));
    const name = this.#model.nameOf(this.#state);
    let id = this.#stateIds.get(name);
    if (id === undefined) {
      id = this.#stateIds.size;
      this.#stateIds.set(name, id);
      this.#nameBytes += nameBytes + (typeof name === "string" ? 2 * name.length : 0);
      if (this.#nameBytes + this.#seen.bytes > this.#budget.cacheBytesMax) return "full";
    }
    return this.#seen.show(window, this.#low, id, this.#hash);
  }

  /** Nothing fits here. Keeps the places where most was in order. */
  #noteDeadEnd(): void {
    const reached = this.#endOrder(this.#boundary);
    if (reached < this.#furthest) return;
    if (reached > this.#furthest) {
      this.#furthest = reached;
      this.#longest = [];
      this.#reachable.clear();
    }
    if (this.#trail.length > this.#longest.length) this.#longest = [...this.#trail];
    if (this.#reachable.size < reachableMax) {
      this.#reachable.set(this.#model.nameOf(this.#state), this.#state);
    }
  }

  #linearizable(): SearchResult<State, Input, Output> {
    return { kind: "linearizable", stepCount: this.#stepCount, order: this.#named(this.#trail) };
  }

  #illegal(): SearchResult<State, Input, Output> {
    const blocked = this.#part.completed.find(({ endOrder }) => endOrder === this.#furthest);
    assert(blocked !== undefined, "the search got stuck at the end of an operation");
    return {
      kind: "illegal",
      stepCount: this.#stepCount,
      blocked: blocked.operation,
      longest: this.#named(this.#longest),
      reachable: [...this.#reachable.values()],
    };
  }

  #exhausted(resource: Exhausted): SearchResult<State, Input, Output> {
    return { kind: "exhausted", stepCount: this.#stepCount, resource };
  }

  #named(trail: readonly number[]): readonly Operation<Input, Output>[] {
    const { completed, unknown } = this.#part;
    return trail.map((number) =>
      number > this.#head ? at(unknown, number - this.#head - 1) : at(completed, number).operation,
    );
  }

  #endOrder(node: number): number {
    return at(this.#part.completed, node - this.#count).endOrder;
  }

  #linkAll(): void {
    const { completed } = this.#part;
    const orders = new Map<number, number>();
    completed.forEach(({ operation, endOrder }, offset) => {
      orders.set(operation.order, offset);
      orders.set(endOrder, this.#count + offset);
    });
    assert(orders.size === this.#head, "no two calls or ends are at the same time");
    let last = this.#head;
    for (const order of [...orders.keys()].sort((a, b) => a - b)) {
      const node = orders.get(order) ?? nil;
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
