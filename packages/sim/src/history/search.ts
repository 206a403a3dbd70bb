import { assert, at } from "@quorate/core";
import type { Operation } from "./history.ts";
import { illegal, type Model } from "./model.ts";
import type { Partition } from "./partition.ts";
import { rankChanges } from "./ranking.ts";
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
 * Some things are done beyond that, all without effect on the answer. An operation that only reads
 * is put in its place as soon as it fits: later it could fit no better. The others are tried in a
 * promising order (see `rankChanges`). And of two configurations that differ only in the operations
 * of unknown outcome that they used, the one that used fewer stands for both (see `Seen`).
 */
export function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  budget: Budget,
): SearchResult<State, Input, Output> {
  return new Search(model, part, budget).run();
}

/** A change and the reads that it made possible. */
interface Move<State> {
  /** Where on the trail they begin. */
  readonly start: number;
  /** The rank of the change, and the state before it. */
  readonly rank: number;
  readonly from: State;
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #part: Partition<Input, Output>;
  readonly #budget: Budget;
  readonly #isRead: readonly boolean[];
  readonly #hasReads: boolean;
  /** For each change, completed ones before the unknown, when to try it. */
  readonly #ranks: Int32Array;
  /** The offsets of the unknown ones, by rank. */
  readonly #unknownByRank: readonly number[];

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
  readonly #moves: Move<State>[] = [];
  #state: State;
  /** The rank of the change that was tried last in this configuration. */
  #lastRank = nil;
  /** What `#advance` found: an operation that may come next, and the state after it. */
  #candidate = nil;
  #candidateState: State;

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
      ({ operation, output }) => model.isReadOnly?.(operation.input, output) === true,
    );
    this.#hasReads = this.#isRead.includes(true);
    this.#ranks = rankChanges(model, part);
    this.#unknownByRank = [...part.unknown.keys()].sort((a, b) => {
      return this.#rank(this.#head + 1 + a) - this.#rank(this.#head + 1 + b);
    });
    this.#next = new Int32Array(this.#head + 1);
    this.#previous = new Int32Array(this.#head + 1);
    this.#linkAll();
    this.#words = new Int32Array(Math.ceil(this.#count / 32));
    this.#unknownWords = new Int32Array(Math.ceil(part.unknown.length / 32));
    this.#seen = new Seen(this.#unknownWords, budget.cacheBytesMax);
    this.#state = model.initial();
    this.#candidateState = this.#state;
  }

  run(): SearchResult<State, Input, Output> {
    this.#absorbReads();
    for (;;) {
      if (this.#left === 0) return this.#linearizable();
      if (this.#stepCount >= this.#budget.stepsMax) return this.#exhausted("steps");
      if (!this.#advance()) {
        this.#noteDeadEnd();
        if (!this.#backtrack()) return this.#illegal();
        continue;
      }
      this.#moves.push({ start: this.#trail.length, from: this.#state, rank: this.#lastRank });
      this.#take(this.#candidate);
      this.#state = this.#candidateState;
      this.#lastRank = nil;
      this.#absorbReads();
      const sighting = this.#show();
      if (sighting === "full") return this.#exhausted("memory");
      if (sighting === "seen") this.#backtrack();
    }
  }

  /** Finds the next change that may come next, if there is one. */
  #advance(): boolean {
    const due = this.#due();
    for (;;) {
      const number = this.#nextRanked(due);
      if (number === nil) return false;
      this.#lastRank = this.#rank(number);
      const state = this.#step(number);
      if (state === illegal) continue;
      this.#candidate = number;
      this.#candidateState = state;
      return true;
    }
  }

  /** The operation whose end comes next: it cannot wait any longer than that. */
  #due(): number {
    let node = this.#next[this.#head] ?? nil;
    while (node < this.#count) node = this.#next[node] ?? nil;
    return node - this.#count;
  }

  /** Of the changes called before the end that is due, the one with the lowest rank above that tried last. */
  #nextRanked(due: number): number {
    const rank = this.#lastRank;
    let found = nil;
    let foundRank = Infinity;
    let node = this.#next[this.#head] ?? nil;
    for (; node < this.#count; node = this.#next[node] ?? nil) {
      const own = this.#rank(node);
      if (own <= rank || own >= foundRank || this.#isRead[node] === true) continue;
      found = node;
      foundRank = own;
    }
    const { unknown } = this.#part;
    const dueOrder = this.#endOrder(due);
    for (let place = this.#firstAbove(rank); place < unknown.length; place++) {
      const offset = at(this.#unknownByRank, place);
      const number = this.#head + 1 + offset;
      if (this.#rank(number) >= foundRank) break;
      if (at(unknown, offset).order > dueOrder) continue;
      const isTaken = (((this.#unknownWords[offset >> 5] ?? 0) >> (offset & 31)) & 1) !== 0;
      if (!isTaken) return number;
    }
    return found;
  }

  /** Where the changes of unknown outcome begin that have a rank above `rank`. */
  #firstAbove(rank: number): number {
    let low = 0;
    let high = this.#unknownByRank.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const offset = at(this.#unknownByRank, middle);
      if (this.#rank(this.#head + 1 + offset) <= rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #rank(number: number): number {
    return this.#ranks[number > this.#head ? number - 1 - this.#count : number] ?? nil;
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
    while (this.#trail.length > move.start) this.#putBack();
    this.#state = move.from;
    this.#lastRank = move.rank;
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

  /** Takes the last operation from the order. */
  #putBack(): void {
    const number = this.#trail.pop();
    assert(number !== undefined, "what is undone was done");
    if (number > this.#head) {
      const unknown = number - this.#head - 1;
      this.#unknownWords[unknown >> 5] =
        (this.#unknownWords[unknown >> 5] ?? 0) & ~(1 << (unknown & 31));
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
    const reached = this.#endOrder(this.#due());
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

  #endOrder(number: number): number {
    return at(this.#part.completed, number).endOrder;
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
