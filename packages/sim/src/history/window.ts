import { at } from "@quorate/core";
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import { type Completed, type Partition, prefixOf, relax } from "./partition.ts";
import type { Budget, SearchResult } from "./search.ts";
import { smallContradiction, Trials } from "./trials.ts";

/** Where and how a history contradicts its model. */
export interface OffendingWindow<State, Input, Output> {
  readonly key: string;
  /**
   * The operations that cannot all be as they were told, in the order of their calls: the results and
   * times of no other operation matter.
   */
  readonly operations: readonly Operation<Input, Output>[];
  /** Whether every one of them is needed: without it the rest could be. False if the budget ran out. */
  readonly isSmallest: boolean;
  /** How many other changes were called in time: they may come whenever they like, and it does not help. */
  readonly freeCount: number;
  /** With the end of this operation the history becomes illegal: before it, all was well. */
  readonly last: Operation<Input, Output>;
  /** The longest order of operations that leads up to that end. */
  readonly longest: readonly Operation<Input, Output>[];
  /** What the state could be there, at most 16 of the possibilities. */
  readonly reachable: readonly State[];
  /** Operations that were reported to have failed: if these had taken effect, all would be well. */
  readonly suspects: readonly Operation<Input, Output>[];
}

type Illegal<State, Input, Output> = Extract<
  SearchResult<State, Input, Output>,
  { readonly kind: "illegal" }
>;

/**
 * The smallest offending window of a part that is illegal, as `found` tells. Within the budget: when
 * it runs out, the window is larger than need be, and says so.
 */
export function offendingWindow<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  found: Illegal<State, Input, Output>,
  budget: Budget,
): OffendingWindow<State, Input, Output> {
  const trials = new Trials(model, budget);
  const { prefix, result, last } = shortestPrefix(model, part, found, trials);
  const wasCut = trials.cutCount > 0;
  const { kept, isSmallest } = smallestSet(model, prefix, last, trials);
  const operations = kept.map(({ operation }) => operation).sort((a, b) => a.order - b.order);
  return {
    key: part.key,
    operations,
    isSmallest: isSmallest && !wasCut,
    freeCount:
      changeCount(model, prefix) - changeCount(model, { ...prefix, completed: kept, unknown: [] }),
    last,
    longest: result.longest,
    reachable: result.reachable,
    suspects: suspectsOf(prefix, trials),
  };
}

/**
 * The part up to the first end with which it is illegal. The search got stuck at some end, so all was
 * well before; that it is illegal there is likely, but what was under way might have come out otherwise.
 */
function shortestPrefix<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  found: Illegal<State, Input, Output>,
  trials: Trials<State, Input, Output>,
): {
  readonly prefix: Partition<Input, Output>;
  readonly result: Illegal<State, Input, Output>;
  readonly last: Operation<Input, Output>;
} {
  const ends = [...part.completed].sort((a, b) => a.endOrder - b.endOrder);
  const orders = ends.map(({ endOrder }) => endOrder);
  let low = ends.findIndex(({ operation }) => operation === found.blocked);
  let high = ends.length - 1;
  let prefix = prefixOf(model, part, at(orders, high));
  let result = found;
  let middle = low;
  while (low < high) {
    const trial = prefixOf(model, part, at(orders, middle));
    const outcome = trials.run(trial);
    if (outcome.kind === "illegal") {
      high = middle;
      prefix = trial;
      result = outcome;
    } else {
      low = middle + 1;
    }
    middle = Math.floor((low + high) / 2);
  }
  return { prefix, result, last: at(ends, high).operation };
}

/**
 * A smallest set of operations that is illegal when nothing is demanded of the others: first a small
 * one, if there is, and then, in ever smaller pieces, without what is not needed. What cannot be
 * spared from a set cannot be spared from a smaller one, so one pass over single operations is enough.
 */
function smallestSet<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  last: Operation<Input, Output>,
  trials: Trials<State, Input, Output>,
): { readonly kept: readonly Completed<Input, Output>[]; readonly isSmallest: boolean } {
  const isIllegal = (demanded: readonly Completed<Input, Output>[]): boolean =>
    trials.isIllegal(part, demanded);
  const ended = [...part.completed].sort((a, b) => a.endOrder - b.endOrder);
  let kept = smallContradiction(model, part, last, trials) ?? ended;
  for (let size = Math.ceil(kept.length / 2); ; size = Math.ceil(size / 2)) {
    const cutBefore = trials.cutCount;
    let start = 0;
    while (start < kept.length) {
      const rest = [...kept.slice(0, start), ...kept.slice(start + size)];
      if (rest.length > 0 && isIllegal(rest)) kept = rest;
      else start += size;
    }
    if (size === 1) return { kept, isSmallest: trials.cutCount === cutBefore };
  }
}

/** Which of the operations that failed would explain everything, had they taken effect. */
function suspectsOf<State, Input, Output>(
  part: Partition<Input, Output>,
  trials: Trials<State, Input, Output>,
): readonly Operation<Input, Output>[] {
  if (part.failed.length === 0) return [];
  const unknown = [...part.unknown, ...part.failed].sort((a, b) => a.order - b.order);
  const result = trials.run({ ...part, unknown });
  if (result.kind !== "linearizable") return [];
  const failed = new Set(part.failed);
  return result.order.filter((operation) => failed.has(operation));
}

function changeCount<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
): number {
  return relax(model, part, () => true).unknown.length;
}
