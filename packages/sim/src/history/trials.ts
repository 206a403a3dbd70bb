import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import { type Completed, type Partition, relax } from "./partition.ts";
import { type Budget, search, type SearchResult } from "./search.ts";

/** A single trial may have this share of the budget. */
const trialShare = 1 / 8;

/** Searches of parts of a history, which share a budget. */
export class Trials<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #budget: Budget;
  #stepsLeft: number;
  #cutCount = 0;

  constructor(model: Model<State, Input, Output>, budget: Budget) {
    this.#model = model;
    this.#budget = budget;
    this.#stepsLeft = budget.stepsMax;
  }

  /** How many trials had no answer. */
  get cutCount(): number {
    return this.#cutCount;
  }

  /** How many steps the trials took. */
  get stepCount(): number {
    return this.#budget.stepsMax - this.#stepsLeft;
  }

  run(part: Partition<Input, Output>): SearchResult<State, Input, Output> {
    const stepsMax = Math.min(this.#stepsLeft, Math.ceil(this.#budget.stepsMax * trialShare));
    const result = search(this.#model, part, { ...this.#budget, stepsMax });
    this.#stepsLeft -= Math.min(this.#stepsLeft, result.stepCount);
    if (result.kind === "exhausted") this.#cutCount += 1;
    return result;
  }

  /** Whether `demanded` is found to be illegal, whatever all others of the part gave. */
  isIllegal(
    part: Partition<Input, Output>,
    demanded: readonly Completed<Input, Output>[],
  ): boolean {
    const set = new Set(demanded);
    return this.run(relax(this.#model, part, (one) => !set.has(one))).kind === "illegal";
  }
}

/** How many operations that are tied to the last one are tried with it: the latest. */
const tiedMax = 8;

/**
 * Some operations of a part that contradict each other, in the order of their ends: `last`, with which
 * the part ends, those tied to it, and as few as will do of those that ended before. Undefined if
 * there are none, or the budget did not suffice to show it.
 */
export function smallContradiction<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  last: Operation<Input, Output>,
  trials: Trials<State, Input, Output>,
): readonly Completed<Input, Output>[] | undefined {
  const ended = [...part.completed].sort((a, b) => a.endOrder - b.endOrder);
  const linkOf = ({ operation, output }: Completed<Input, Output>): string | number | undefined =>
    model.linkOf?.(operation.input, output);
  const whole = ended.find(({ operation }) => operation === last);
  const link = whole === undefined ? undefined : linkOf(whole);
  const tied =
    link === undefined ? [] : ended.filter((one) => linkOf(one) === link).slice(-tiedMax);
  for (let count = 1; count < ended.length; count *= 2) {
    const late = ended.slice(-count);
    const chosen = [...tied.filter((one) => !late.includes(one)), ...late];
    if (trials.isIllegal(part, chosen)) return chosen;
  }
  return undefined;
}
