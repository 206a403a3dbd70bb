import type { History, Operation } from "./history.ts";
import type { Model } from "./model.ts";

/** An operation with a known result, and when its client was told. */
export interface Completed<Input, Output> {
  readonly operation: Operation<Input, Output>;
  readonly output: Output;
  readonly endOrder: number;
}

/** What happened to one object, or a part of it. All lists are in the order of the calls. */
export interface Partition<Input, Output> {
  readonly key: string;
  readonly completed: readonly Completed<Input, Output>[];
  /** Those that may come at any time after their call, or never. */
  readonly unknown: readonly Operation<Input, Output>[];
  /** Those that never happened. */
  readonly failed: readonly Operation<Input, Output>[];
}

/**
 * The parts of a history that have nothing to do with one another, in the order in which their keys
 * first occur. An operation that changes nothing and of which nobody knows the result is left out.
 */
export function partitionByKey<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
): readonly Partition<Input, Output>[] {
  const parts = new Map<string, MutablePartition<Input, Output>>();
  for (const operation of history) {
    let part = parts.get(operation.key);
    if (part === undefined) {
      part = { key: operation.key, completed: [], unknown: [], failed: [] };
      parts.set(operation.key, part);
    }
    const { end } = operation;
    if (end.kind === "ok") {
      part.completed.push({ operation, output: end.output, endOrder: end.order });
    } else if (!isReadOnly(model, operation)) {
      (end.kind === "fail" ? part.failed : part.unknown).push(operation);
    }
  }
  return [...parts.values()];
}

interface MutablePartition<Input, Output> extends Partition<Input, Output> {
  readonly completed: Completed<Input, Output>[];
  readonly unknown: Operation<Input, Output>[];
  readonly failed: Operation<Input, Output>[];
}

/** What had happened at `order`: what ended later had not yet, so that its result was not known. */
export function prefixOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  order: number,
): Partition<Input, Output> {
  const hadBegun = (operation: Operation<Input, Output>): boolean => operation.order <= order;
  const begun = {
    ...part,
    completed: part.completed.filter(({ operation }) => hadBegun(operation)),
    unknown: part.unknown.filter(hadBegun),
    failed: part.failed.filter(hadBegun),
  };
  return relax(model, begun, ({ endOrder }) => endOrder > order);
}

/**
 * The same with less demanded: nothing is expected of the operations that `isFree` names, and they
 * may come at any time after their call, or never. What is illegal still was illegal before.
 */
export function relax<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  isFree: (completed: Completed<Input, Output>) => boolean,
): Partition<Input, Output> {
  const freed = part.completed.filter(isFree).map(({ operation }) => operation);
  if (freed.length === 0) return part;
  const unknown = [...part.unknown, ...freed.filter((one) => !isReadOnly(model, one))];
  return {
    ...part,
    completed: part.completed.filter((completed) => !isFree(completed)),
    unknown: unknown.sort((a, b) => a.order - b.order),
  };
}

function isReadOnly<State, Input, Output>(
  model: Model<State, Input, Output>,
  { input }: Operation<Input, Output>,
): boolean {
  return model.isReadOnly?.(input, undefined) ?? false;
}
