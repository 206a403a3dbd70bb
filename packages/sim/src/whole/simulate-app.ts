import type { App } from "./app.ts";
import type { CallRecord } from "./call.ts";
import type { Committed } from "./one-log.ts";
import type { WholeCoverageKind } from "./whole-coverage.ts";
import { nameWholeFailure } from "./whole-failure.ts";
import { drawMischief, drawWholePlan } from "./whole-plan.ts";
import { runWhole } from "./whole-run.ts";
import {
  labelsOf,
  parseWholeScenario,
  printWholeScenario,
  type WholeScenario,
} from "./whole-scenario.ts";
import { replay, shrinkDecisions, type Setup } from "./whole-shrink.ts";

/** How a service is simulated. Only the first two of all options have no default. */
export interface SimulateAppOptions<Query, Answer> extends App<Query, Answer> {
  /**
   * The worlds to run in: a list of seeds, or so many from 1 on.
   *
   * @default 100
   */
  readonly seeds?: number | readonly number[];

  /** Scenarios of failures that were mended, as `AppFailure.scenario` gave them. They are run first. */
  readonly scenarios?: readonly string[];

  /** Looks at a run that is over, and throws if something is wrong with it. */
  readonly check?: (run: FinishedRun<Query, Answer>) => void | Promise<void>;

  /** Is told of every run that went well, and waited for: so a program can show how far it is. */
  readonly onRun?: (run: AppRun) => void | Promise<void>;

  /** Is given every line of what happens. Best with one seed. */
  readonly writer?: (line: string) => void;

  /**
   * How many runs the search for the smallest scenario of a failure may take.
   *
   * @default 1000
   */
  readonly shrinkRunsMax?: number;
}

/** A run that is over, and in which everything else is as it should be. */
export interface FinishedRun<Query, Answer> {
  /** The commands that were committed, in their order, and what the state machines gave for them. */
  readonly commands: readonly Committed[];
  /** Every call of every client, and how it ended. */
  readonly calls: readonly CallRecord<Query, Answer>[];
}

/** One run that went well. */
export interface AppRun {
  /** Undefined for a scenario. */
  readonly seed: number | undefined;
  /** The same for every run of this seed, everywhere. */
  readonly hash: string;
  readonly eventCount: number;
  /** How much time went by in the simulation, in milliseconds. */
  readonly simulatedMs: number;
  /** How often each fault and each event was seen. */
  readonly coverage: ReadonlyMap<WholeCoverageKind, number>;
}

/** What all runs came to. */
export interface AppReport {
  readonly runCount: number;
  readonly eventCount: number;
  readonly simulatedMs: number;
  readonly coverage: ReadonlyMap<WholeCoverageKind, number>;
}

/** A run went wrong. The message tells what, the smallest scenario that was found, and how to repeat it. */
export class AppFailure extends Error {
  override readonly name = "AppFailure";
  /** Undefined if a scenario failed. */
  readonly seed: number | undefined;
  /** What happens in the smallest run that fails in the same way. Give it to `simulateApp` to repeat it. */
  readonly scenario: string;

  constructor(seed: number | undefined, scenario: string, cause: Error) {
    const repeat = seed === undefined ? "" : `\nrepeat it with { seeds: [${seed}] }, or in short:`;
    super(`${cause.message}${repeat}\n\n${scenario}`, { cause });
    this.seed = seed;
    this.scenario = scenario;
  }
}

/**
 * Runs a service in simulated worlds: whole replicas of it, as in production, over disks, networks and
 * clocks that fail in every way that they may. Each seed is a world of its own, the same everywhere.
 *
 * Throws `AppFailure` for the first run in which a client was told what the model does not say, a write
 * was lost or made twice, a read missed what was written before, replicas came to differ, or the group
 * did not get going again once its faults were over. By then it has searched for the smallest run that
 * fails so. Throws `ScenarioError` for a scenario that cannot be read.
 *
 * State machines may be asynchronous, but must not wait for anything outside: no time passes but the
 * simulated.
 */
export async function simulateApp<Query, Answer>(
  options: SimulateAppOptions<Query, Answer>,
): Promise<AppReport> {
  const { scenarios = [], seeds = 100, onRun } = options;
  const total = new Total();
  for (const text of scenarios) {
    const run = await runScenario(text, options);
    total.add(run);
    await onRun?.(run);
  }
  const list = typeof seeds === "number" ? Array.from({ length: seeds }, (_, n) => n + 1) : seeds;
  for (const seed of list) {
    const run = await runSeed(seed, options);
    total.add(run);
    await onRun?.(run);
  }
  return total;
}

class Total implements AppReport {
  runCount = 0;
  eventCount = 0;
  simulatedMs = 0;
  readonly coverage: Map<WholeCoverageKind, number> = new Map();

  add(run: AppRun): void {
    this.runCount += 1;
    this.eventCount += run.eventCount;
    this.simulatedMs += run.simulatedMs;
    for (const [kind, count] of run.coverage) {
      this.coverage.set(kind, (this.coverage.get(kind) ?? 0) + count);
    }
  }
}

function setupOf<Query, Answer>(options: SimulateAppOptions<Query, Answer>): Setup<Query, Answer> {
  const { check } = options;
  return {
    app: options,
    judge: ({ log, callers }) => check?.({ commands: log.commands, calls: callers.records }),
  };
}

async function runScenario<Query, Answer>(
  text: string,
  options: SimulateAppOptions<Query, Answer>,
): Promise<AppRun> {
  const { writer } = options;
  const run = await replay(parseWholeScenario(text), { ...setupOf(options), writer });
  if (run.failure !== undefined) throw new AppFailure(undefined, text, run.failure);
  return { ...run, seed: undefined };
}

async function runSeed<Query, Answer>(
  seed: number,
  options: SimulateAppOptions<Query, Answer>,
): Promise<AppRun> {
  // Nobody knows how much room the state of a service takes.
  const plan = { ...drawWholePlan(seed), diskBytes: 0 };
  const mischief = drawMischief(plan);
  const { writer, shrinkRunsMax = 1000 } = options;
  const setup = setupOf(options);
  const run = await runWhole({ ...setup, plan, writer, trouble: { kind: "draw", mischief } });
  const { failure, decisions } = run;
  if (failure === undefined) return { ...run, seed };
  const expect = nameWholeFailure(failure);
  const shrunk = await shrinkDecisions(plan, decisions, expect, setup, shrinkRunsMax);
  const scenario = shrunk ?? { comments: [], plan, expect, decisions };
  const again = await replay(scenario, setup);
  const cause = again.failure ?? failure;
  throw new AppFailure(seed, textOf(scenario, options, seed, cause), cause);
}

function textOf<Query, Answer>(
  scenario: WholeScenario,
  app: App<Query, Answer>,
  seed: number,
  cause: Error,
): string {
  const what = cause.message.split("\n")[0] ?? "";
  return printWholeScenario(
    { ...scenario, comments: [what, `Found with seed ${seed}.`] },
    labelsOf(app, scenario.plan.seed),
  );
}
