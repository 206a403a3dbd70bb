import { SimFailure } from "../simulate.ts";
import { kvApp, judgeKvHistory } from "./kv-app.ts";
import type { WholeCoverageKind } from "./whole-coverage.ts";
import { nameWholeFailure } from "./whole-failure.ts";
import { drawMischief, drawWholePlan } from "./whole-plan.ts";
import { runWhole, type WholeRun } from "./whole-run.ts";
import { labelsOf, parseWholeScenario, printWholeScenario } from "./whole-scenario.ts";
import { replay, shrinkDecisions, type Setup } from "./whole-shrink.ts";

/** How a whole-level run may be looked at. */
export interface SimulateWholeOptions {
  /** Is given every line of the trace. */
  readonly writer?: ((line: string) => void) | undefined;
}

/** What one whole-level run came to. */
export interface WholeReport {
  readonly seed: number;
  /** The same for every run of this seed. */
  readonly hash: string;
  /** How many events happened. */
  readonly eventCount: number;
  /** How much time went by in the simulation, in ticks. */
  readonly tickCount: number;
  readonly coverage: ReadonlyMap<WholeCoverageKind, number>;
}

/** What is run: registers under a few keys, judged for linearizability as well. */
const setup = {
  app: kvApp,
  judge: ({ callers }) => judgeKvHistory(callers.records),
} satisfies Setup<{ readonly key: number }, number>;

/**
 * Runs whole replicas of a register service in the world that `seed` draws: first under faults, with
 * every judge watching, then with a majority healed, until that is at one. Throws `SimFailure`.
 *
 * All of it happens within promise jobs: nothing else of the program runs before it is over. A rejection
 * that nobody handles in a replica shows, as any other, once the caller lets its event loop go on.
 */
export async function simulateWhole(
  seed: number,
  { writer }: SimulateWholeOptions = {},
): Promise<WholeReport> {
  const plan = drawWholePlan(seed);
  const run = await record(seed, writer);
  if (run.failure !== undefined) throw await failureOf(seed, run.failure);
  const { hash, eventCount, simulatedMs, coverage } = run;
  return { seed, hash, eventCount, tickCount: Math.floor(simulatedMs / plan.tickMs), coverage };
}

/**
 * The smallest scenario in which `seed` still fails in its way, as text; undefined if it does not fail.
 * `trialCountMax` bounds how many candidates are run, 2000 if it is not given.
 */
export async function shrinkWhole(seed: number, trialCountMax = 2000): Promise<string | undefined> {
  const { failure, decisions } = await record(seed);
  if (failure === undefined) return undefined;
  const expect = nameWholeFailure(failure);
  const plan = drawWholePlan(seed);
  const shrunk = await shrinkDecisions(plan, decisions, expect, setup, trialCountMax);
  if (shrunk === undefined) return undefined;
  const again = await replay(shrunk, setup);
  const what = (again.failure ?? failure).message.split("\n")[0] ?? "";
  return printWholeScenario(
    { ...shrunk, comments: [what, `Found with seed ${seed}.`] },
    labelsOf(kvApp, seed),
  );
}

/**
 * Plays a scenario as `shrinkWhole` writes it. Gives the name of the failure that it ended with, or
 * "holds"; the scenario says which of these it expects. Throws `ScenarioError`.
 */
export async function playWhole(
  text: string,
  { writer }: SimulateWholeOptions = {},
): Promise<{ readonly outcome: string; readonly expect: string; readonly failure?: Error }> {
  const scenario = parseWholeScenario(text);
  const { failure } = await replay(scenario, { ...setup, writer });
  const { expect } = scenario;
  if (failure === undefined) return { outcome: "holds", expect };
  return { outcome: nameWholeFailure(failure), expect, failure };
}

function record(seed: number, writer?: (line: string) => void): Promise<WholeRun> {
  const plan = drawWholePlan(seed);
  const mischief = drawMischief(plan);
  return runWhole({ ...setup, plan, writer, trouble: { kind: "draw", mischief } });
}

/** How many lines of its trace a failure shows. */
const tailLineCount = 40;

/** Runs a failed seed again, to tell how it went. */
async function failureOf(seed: number, failure: Error): Promise<SimFailure> {
  const lines: string[] = [];
  const again = await record(seed, (line) => {
    lines.push(line);
    if (lines.length > 2 * tailLineCount) lines.splice(0, tailLineCount);
  });
  const isSame = again.failure?.message === failure.message;
  const message = [
    `seed ${seed}: ${failure.name}: ${failure.message}`,
    ...(isSame ? [] : ["and not again when repeated: the simulation is not deterministic"]),
    ...lines.slice(-tailLineCount),
    `repeat it with: npm run sim -- --level whole --seed ${seed} --print`,
  ].join("\n");
  return new SimFailure(seed, message, failure);
}
