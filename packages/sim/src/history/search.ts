import { assert, at } from "@quorate/core";
import { Arrangement, nil } from "./arrangement.ts";
import type { Operation } from "./history.ts";
import { illegal, type Model } from "./model.ts";
import type { Partition } from "./partition.ts";
import { rankChanges } from "./ranking.ts";
import { Seen, type Sighting } from "./seen.ts";

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
  | {
      readonly kind: "exhausted";
      readonly stepCount: number;
      readonly resource: Exhausted;
      /** The search got to the end of this operation, and not past it; undefined if it never got stuck. */
      readonly blocked: Operation<Input, Output> | undefined;
    };

/** How many states are kept to show where a history got stuck. */
export const reachableMax = 16;

/** What a name of a state takes in memory beside its characters, roughly, and what a variant does. */
const nameBytes = 64;
const variantBytes = 64;
const numberBytes = 8;

/**
 * Looks for an order in which the operations of one object may have taken effect: the search of Wing
 * and Gong with Lowe's memory of configurations, depth first, always in the same order.
 *
 * Some things are done beyond that, all without effect on the answer. An operation that only reads
 * is put in its place as soon as it fits: later it could fit no better. The others are tried in a
 * promising order (see `rankChanges`). Of two configurations that differ only in the operations of
 * unknown outcome that they used, the one that used fewer stands for both (see `Seen`). So that it
 * comes first, those of which nothing shows that they took effect are tried in breadth: first one of
 * them, then two, where no other change leads on.
 */
export function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  budget: Budget,
): SearchResult<State, Input, Output> {
  return new Search(model, part, budget).run();
}

/** One level of the search: what a change, and the reads that it made possible, led to. */
interface Level<State> {
  /** How long the order was before the change, and how long it was after the reads. */
  readonly start: number;
  readonly base: number;
  /** The state before the change, and its rank. */
  readonly from: State;
  readonly rank: number;
  /** Configurations that lie behind this one without any change that ended or that shows. */
  readonly variants: Variant<State>[];
  /** How many of these were tried. */
  tried: number;
}

/** A configuration to come back to. */
interface Variant<State> {
  /** What is in the order behind the base of the level. */
  readonly numbers: readonly number[];
  readonly state: State;
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #part: Partition<Input, Output>;
  readonly #budget: Budget;
  readonly #count: number;
  readonly #isRead: readonly boolean[];
  readonly #hasReads: boolean;
  readonly #ranks: Int32Array;
  readonly #unshownFrom: number;
  /** The numbers of the changes of unknown outcome that show, by rank, and of those that do not. */
  readonly #shown: readonly number[];
  readonly #unshown: readonly number[];
  /** Of the latter, those that are not blind. */
  readonly #unshownSighted: readonly number[];

  readonly #order: Arrangement<Input, Output>;
  readonly #levels: Level<State>[] = [];
  #state: State;
  /** The rank of the change that was tried last in this configuration. */
  #lastRank = nil;
  /** What `#advance` found: a change that may come next, and the state after it. */
  #candidate = nil;
  #candidateState: State;

  readonly #seen: Seen;
  readonly #stateIds = new Map<string | number, number>();
  /** What names and variants take in memory. */
  #otherBytes = 0;
  #isFull = false;
  #stepCount = 0;

  #furthest = nil;
  #longest: readonly number[] = [];
  readonly #reachable = new Map<string | number, State>();

  constructor(model: Model<State, Input, Output>, part: Partition<Input, Output>, budget: Budget) {
    this.#model = model;
    this.#part = part;
    this.#budget = budget;
    this.#count = part.completed.length;
    this.#isRead = part.completed.map(
      ({ operation, output }) => model.isReadOnly?.(operation.input, output) === true,
    );
    this.#hasReads = this.#isRead.includes(true);
    const { ranks, unshownFrom } = rankChanges(model, part);
    this.#ranks = ranks;
    this.#unshownFrom = unshownFrom;
    const unknown = [...part.unknown.keys()].map((offset) => this.#count + offset);
    const byRank = unknown.sort((a, b) => this.#rank(a) - this.#rank(b));
    this.#shown = byRank.filter((number) => !this.#isUnshown(number));
    this.#unshown = byRank.filter((number) => this.#isUnshown(number));
    this.#order = new Arrangement(part);
    this.#unshownSighted = this.#unshown.filter((number) => {
      return model.isBlind?.(this.#order.operation(number).input) !== true;
    });
    this.#seen = new Seen(this.#order.unknownWordCount, budget.cacheBytesMax);
    this.#state = model.initial();
    this.#candidateState = this.#state;
  }

  run(): SearchResult<State, Input, Output> {
    this.#absorbReads();
    this.#show();
    this.#openLevel({ start: 0, from: this.#state, rank: nil });
    for (;;) {
      if (this.#order.left === 0) return this.#linearizable();
      if (this.#isFull) return this.#exhausted("memory");
      if (this.#stepCount >= this.#budget.stepsMax) return this.#exhausted("steps");
      if (this.#advance()) {
        this.#goOn();
        continue;
      }
      this.#noteDeadEnd();
      this.#gatherVariants();
      if (this.#nextVariant() || this.#closeLevel()) continue;
      return this.#isFull ? this.#exhausted("memory") : this.#illegal();
    }
  }

  /** Finds the next change that may come next, if there is one; those that do not show are no matter. */
  #advance(): boolean {
    const dueOrder = this.#dueOrder();
    for (;;) {
      const number = this.#nextRanked(dueOrder);
      if (number === nil) return false;
      this.#lastRank = this.#rank(number);
      const state = this.#step(number);
      if (state === illegal) continue;
      this.#candidate = number;
      this.#candidateState = state;
      return true;
    }
  }

  /** Of the changes called before the end that is due, the one with the lowest rank above the last. */
  #nextRanked(dueOrder: number): number {
    let found = nil;
    let foundRank = Infinity;
    const order = this.#order;
    for (let number = order.callAfter(nil); number !== nil; number = order.callAfter(number)) {
      const rank = this.#rank(number);
      if (rank <= this.#lastRank || rank >= foundRank || this.#isRead[number] === true) continue;
      found = number;
      foundRank = rank;
    }
    for (let place = this.#firstShown(); place < this.#shown.length; place++) {
      const number = at(this.#shown, place);
      if (this.#rank(number) >= foundRank) break;
      if (order.operation(number).order < dueOrder && !order.hasUnknown(number)) return number;
    }
    return found;
  }

  /** Where those begin, of unknown outcome, that show and have a rank above the last. */
  #firstShown(): number {
    let low = 0;
    let high = this.#shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rank(at(this.#shown, middle)) <= this.#lastRank) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts the candidate in the order, unless the search has been there. */
  #goOn(): void {
    const start = this.#order.trail.length;
    const from = this.#state;
    this.#order.take(this.#candidate);
    this.#state = this.#candidateState;
    this.#absorbReads();
    if (this.#show() === "new") {
      this.#openLevel({ start, from, rank: this.#lastRank });
    } else {
      this.#order.cut(start);
      this.#state = from;
    }
  }

  /** Puts all reads in the order that fit now. They change nothing, so one look at each will do. */
  #absorbReads(): void {
    if (!this.#hasReads) return;
    const order = this.#order;
    for (let number = order.callAfter(nil); number !== nil; number = order.callAfter(number)) {
      if (this.#isRead[number] === true && this.#step(number) !== illegal) order.take(number);
    }
  }

  #openLevel(change: Pick<Level<State>, "start" | "from" | "rank">): void {
    this.#levels.push({ ...change, base: this.#order.trail.length, variants: [], tried: 0 });
    this.#lastRank = nil;
  }

  /** Goes back to where the last level began, to try what comes behind its change. */
  #closeLevel(): boolean {
    const level = this.#levels.pop();
    assert(level !== undefined, "a level that is closed is open");
    for (const { numbers } of level.variants) this.#otherBytes -= variantSize(numbers);
    this.#order.cut(level.start);
    this.#state = level.from;
    this.#lastRank = level.rank;
    return this.#levels.length > 0;
  }

  /** Lines up what is one change away that does not show, if the search has not been there. */
  #gatherVariants(): void {
    const order = this.#order;
    const level = at(this.#levels, this.#levels.length - 1);
    const dueOrder = this.#dueOrder();
    const from = this.#state;
    const length = order.trail.length;
    // A blind one would undo what came before it unseen, which may then as well be left out.
    const isPending = this.#isUnshown(order.trail.at(-1) ?? nil);
    const left = new Set<string | number>();
    const choices = isPending ? this.#unshownSighted : this.#unshown;
    for (const number of choices) {
      const { order: called, input } = order.operation(number);
      if (called > dueOrder) break;
      if (order.hasUnknown(number)) continue;
      // Of blind ones that leave the same, the first will do for all.
      const link =
        this.#model.isBlind?.(input) === true ? this.#model.linkOf?.(input, undefined) : undefined;
      if (link !== undefined && left.has(link)) continue;
      if (link !== undefined) left.add(link);
      const state = this.#step(number);
      if (state === illegal) continue;
      order.take(number);
      this.#state = state;
      if (this.#show() === "new") {
        const numbers = order.trail.slice(level.base);
        this.#otherBytes += variantSize(numbers);
        level.variants.push({ numbers, state });
      }
      order.cut(length);
      this.#state = from;
    }
  }

  /** Goes to the next variant of the last level. */
  #nextVariant(): boolean {
    const order = this.#order;
    const level = at(this.#levels, this.#levels.length - 1);
    while (level.tried < level.variants.length) {
      const { numbers, state } = at(level.variants, level.tried);
      level.tried += 1;
      order.cut(level.base);
      for (const number of numbers) order.take(number);
      this.#state = state;
      this.#lastRank = nil;
      this.#absorbReads();
      const isFurther = order.trail.length > level.base + numbers.length;
      if (!isFurther || this.#show() === "new") return true;
    }
    return false;
  }

  #step(number: number): State | typeof illegal {
    this.#stepCount += 1;
    if (number >= this.#count) {
      return this.#model.step(this.#state, this.#order.operation(number).input, undefined);
    }
    const { operation, output } = at(this.#part.completed, number);
    return this.#model.step(this.#state, operation.input, output);
  }

  /** Remembers the configuration that the search is in. */
  #show(): Sighting {
    const name = this.#model.nameOf(this.#state);
    let id = this.#stateIds.get(name);
    if (id === undefined) {
      id = this.#stateIds.size;
      this.#stateIds.set(name, id);
      this.#otherBytes += nameBytes + (typeof name === "string" ? 2 * name.length : 0);
    }
    const sighting = this.#order.showTo(this.#seen, id);
    const bytes = this.#seen.bytes + this.#otherBytes;
    if (sighting === "full" || bytes > this.#budget.cacheBytesMax) this.#isFull = true;
    return sighting;
  }

  /** Nothing fits here. Keeps the places where most was in order. */
  #noteDeadEnd(): void {
    const reached = this.#dueOrder();
    if (reached < this.#furthest) return;
    if (reached > this.#furthest) {
      this.#furthest = reached;
      this.#longest = [];
      this.#reachable.clear();
    }
    const { trail } = this.#order;
    if (trail.length > this.#longest.length) this.#longest = [...trail];
    if (this.#reachable.size < reachableMax) {
      this.#reachable.set(this.#model.nameOf(this.#state), this.#state);
    }
  }

  #linearizable(): SearchResult<State, Input, Output> {
    const order = this.#named(this.#order.trail);
    return { kind: "linearizable", stepCount: this.#stepCount, order };
  }

  #illegal(): SearchResult<State, Input, Output> {
    const blocked = this.#blocked();
    assert(blocked !== undefined, "the search got stuck at the end of an operation");
    return {
      kind: "illegal",
      stepCount: this.#stepCount,
      blocked,
      longest: this.#named(this.#longest),
      reachable: [...this.#reachable.values()],
    };
  }

  #exhausted(resource: Exhausted): SearchResult<State, Input, Output> {
    return { kind: "exhausted", stepCount: this.#stepCount, resource, blocked: this.#blocked() };
  }

  #blocked(): Operation<Input, Output> | undefined {
    return this.#part.completed.find(({ endOrder }) => endOrder === this.#furthest)?.operation;
  }

  #named(trail: readonly number[]): readonly Operation<Input, Output>[] {
    return trail.map((number) => this.#order.operation(number));
  }

  #isUnshown(number: number): boolean {
    return number >= this.#count && this.#rank(number) >= this.#unshownFrom;
  }

  #rank(number: number): number {
    return this.#ranks[number] ?? nil;
  }

  #dueOrder(): number {
    return at(this.#part.completed, this.#order.due).endOrder;
  }
}

function variantSize(numbers: readonly number[]): number {
  return variantBytes + numberBytes * numbers.length;
}
