import { RaftError } from "@quorate/core";
import type { History } from "./history.ts";
import type { Model } from "./model.ts";
import { type Partition, partitionByKey, prefixOf, relax } from "./partition.ts";
import { type Budget, type Exhausted, search, type SearchResult } from "./search.ts";
import { smallContradiction, Trials } from "./trials.ts";
import { offendingWindow, type OffendingWindow } from "./window.ts";

/** What `checkHistory` found. */
export type HistoryVerdict<State, Input, Output> =
  /** There is an order in which all is as the clients were told. */
  | { readonly kind: "ok"; readonly stepCount: number }
  /** There is none. */
  | {
      readonly kind: "illegal";
      readonly stepCount: number;
      readonly window: OffendingWindow<State, Input, Output>;
    }
  /** The budget ran out before some keys were decided; all others are as they should be. */
  | {
      readonly kind: "unknown";
      readonly stepCount: number;
      readonly undecided: readonly { readonly key: string; readonly resource: Exhausted }[];
    };

/** How much a check may cost, beside the history itself. */
export interface CheckOptions {
  /** Steps of the model for the verdict, a safe integer of at least 1. Default 20,000,000. */
  readonly stepsMax?: number;
  /** Steps for finding the smallest window, a safe integer of at least 0. Default 1,000,000. */
  readonly windowStepsMax?: number;
  /**
   * Memory for the configurations seen, in bytes; one key at a time has all of it. A safe integer of
   * at least 65,536. Default 256 MiB. States themselves are not counted, but for their names.
   */
  readonly cacheBytesMax?: number;
}

const stepsMaxDefault = 20_000_000;
const windowStepsMaxDefault = 1_000_000;
const cacheBytesMaxDefault: number = 256 * 1024 * 1024;
const cacheBytesLeast = 65_536;

/**
 * Whether `history` is linearizable: whether all of its operations can have taken effect one after
 * the other, each between its call and its end, with the results that `model` allows. Operations that
 * failed had no effect; those of unknown outcome have one at any time after their call, or none.
 *
 * The same arguments give the same verdict, to the last detail. Throws `invalid_options`.
 */
export function checkHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
  options: CheckOptions = {},
): HistoryVerdict<State, Input, Output> {
  const { stepsMax, windowStepsMax, cacheBytesMax } = complete(options);
  // Small ones first: what they leave over is for the large ones.
  const parts = partitionByKey(model, history).toSorted(
    (a, b) => a.completed.length - b.completed.length,
  );
  const undecided: { key: string; resource: Exhausted }[] = [];
  let stepCount = 0;
  for (const [offset, part] of parts.entries()) {
    const share = Math.ceil((stepsMax - stepCount) / (parts.length - offset));
    const result = decide(model, part, { stepsMax: Math.max(1, share), cacheBytesMax });
    stepCount += result.stepCount;
    if (result.kind === "illegal") {
      const budget: Budget = { stepsMax: windowStepsMax, cacheBytesMax };
      const window = offendingWindow(model, result.part, result.found, budget);
      return { kind: "illegal", stepCount, window };
    }
    if (result.kind === "exhausted") undecided.push({ key: part.key, resource: result.resource });
  }
  if (undecided.length > 0) return { kind: "unknown", stepCount, undecided };
  return { kind: "ok", stepCount };
}

/** What is known of one key. When illegal: of which part, in which nothing is demanded of some. */
type Decision<State, Input, Output> =
  | Exclude<SearchResult<State, Input, Output>, { readonly kind: "illegal" }>
  | {
      readonly kind: "illegal";
      readonly stepCount: number;
      readonly part: Partition<Input, Output>;
      readonly found: Extract<SearchResult<State, Input, Output>, { readonly kind: "illegal" }>;
    };

/** The first search gets this share of the steps, and so does the look for a small contradiction. */
const firstShare = 1 / 16;

/**
 * Searches one part. To show that there is no order takes long where many calls overlap, and yet few
 * operations may be enough to show it: so these are tried before the budget is spent on all.
 */
function decide<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: Partition<Input, Output>,
  { stepsMax, cacheBytesMax }: Budget,
): Decision<State, Input, Output> {
  const few: Budget = { stepsMax: Math.ceil(stepsMax * firstShare), cacheBytesMax };
  const first = search(model, part, few);
  if (first.kind === "illegal") return { ...first, part, found: first };
  if (first.kind === "linearizable") return first;

  const trials = new Trials(model, few);
  const { blocked } = first;
  if (blocked?.end.kind === "ok") {
    const prefix = prefixOf(model, part, blocked.end.order);
    const some = smallContradiction(model, prefix, blocked, trials);
    if (some !== undefined) {
      const relaxed = relax(model, prefix, (one) => !some.includes(one));
      const found = trials.run(relaxed);
      const stepCount = first.stepCount + trials.stepCount;
      if (found.kind === "illegal") return { kind: "illegal", stepCount, part: relaxed, found };
    }
  }
  const before = first.stepCount + trials.stepCount;
  const rest = search(model, part, { stepsMax: Math.max(1, stepsMax - before), cacheBytesMax });
  const stepCount = before + rest.stepCount;
  if (rest.kind === "illegal") return { kind: "illegal", stepCount, part, found: rest };
  return { ...rest, stepCount };
}

function complete(options: CheckOptions): Required<CheckOptions> {
  const {
    stepsMax = stepsMaxDefault,
    windowStepsMax = windowStepsMaxDefault,
    cacheBytesMax = cacheBytesMaxDefault,
  } = options;
  atLeast("stepsMax", stepsMax, 1);
  atLeast("windowStepsMax", windowStepsMax, 0);
  atLeast("cacheBytesMax", cacheBytesMax, cacheBytesLeast);
  return { stepsMax, windowStepsMax, cacheBytesMax };
}

function atLeast(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RaftError(
    "invalid_options",
    `${name} is ${value}, must be an integer of at least ${least}`,
  );
}
