import { AssertionError, RaftError } from "@quorate/core";
import { drawCast } from "./cast.ts";
import { Draw } from "./draw.ts";
import type { Flaw } from "./flaw.ts";
import { Violation } from "./judge.ts";
import { demandLiveness, drawHealing, LivenessFailure } from "./liveness.ts";
import { minimize } from "./minimize.ts";
import { drawPlan } from "./plan.ts";
import { type Line, lineOf, printScenario, type Scenario } from "./scenario.ts";
import { play } from "./script.ts";
import { World } from "./world.ts";

/** How a search for the smallest scenario is made. */
export interface ShrinkOptions {
  readonly flaw?: Flaw | undefined;
  /**
   * How many candidates are played in each of the few passes, at most.
   *
   * @default 4000
   */
  readonly trialCountMax?: number | undefined;
}

/** The smallest scenario that was found for a seed. */
export interface Shrunk {
  readonly scenario: Scenario;
  /** The scenario as text, to be kept as a file. */
  readonly text: string;
  /** How many steps the run of the seed took. */
  readonly stepCountBefore: number;
}

/** Names a failure, so that another run can be said to fail in the same way: `I7`, `liveness no-leader`. */
export function nameFailure(error: unknown): string {
  if (error instanceof RaftError) return `RaftError ${error.code}`;
  if (error instanceof Violation) return error.invariant;
  if (error instanceof LivenessFailure) return `liveness ${error.stall}`;
  if (error instanceof AssertionError) return `assertion ${error.message}`;
  return error instanceof Error ? error.name : String(error);
}

/**
 * Turns the failing run of `seed` into the smallest scenario that still fails in the same way: it
 * records the steps of the run, and takes away all that it can. Undefined if the seed does not fail, or
 * if its steps alone do not.
 */
export async function shrink(
  seed: number,
  options: ShrinkOptions = {},
): Promise<Shrunk | undefined> {
  const recorded = record(seed, options.flaw ?? "none").find(fails);
  if (recorded === undefined) return undefined;
  const smallest = await shrinkScenario(recorded, options);
  const { error, lines } = play(smallest);
  const message = error instanceof Error ? error.message.split("\n")[0] : undefined;
  const comments = [message ?? nameFailure(error), `Found with seed ${seed}.`];
  const told: Scenario = { ...smallest, comments, lines };
  // What happened is what is written down, unless it reads the same and is another run.
  const final = fails(told) ? told : { ...smallest, comments };
  return { scenario: final, text: printScenario(final), stepCountBefore: recorded.lines.length };
}

/** The smallest scenario that was found to fail as `scenario` does, which fails as it says. */
export async function shrinkScenario(
  scenario: Scenario,
  options: ShrinkOptions = {},
): Promise<Scenario> {
  let result = withoutHosts(scenario) ?? scenario;
  result = await withFewerLines(result, options);
  result = withCampaigns(result);
  result = withSimplerCast(withoutHosts(result) ?? result);
  return withFewerLines(result, options);
}

/** What to tell of a seed that fails, the best first: what happened, or that in the end it must converge. */
function record(seed: number, flaw: Flaw): readonly Scenario[] {
  const plan = drawPlan(seed);
  const cast = drawCast(plan, new Draw(seed, 2), flaw);
  const lines: Line[] = [];
  const healed: Line[] = [];
  try {
    const world = new World(plan, { flaw, recorder: (step) => lines.push(lineOf(step)) });
    while (world.eventCount < plan.stepCount) world.advance();
    const healing = drawHealing(world);
    const [node = 0] = healing.members;
    const { delayMax } = plan.healing;
    for (const line of lines) healed.push(line);
    healed.push({ kind: "converge", node, ...healing, seed, delayMax });
    demandLiveness(world, healing);
  } catch (error) {
    // What never happens is not told step by step.
    const told = error instanceof LivenessFailure ? [healed] : [lines, healed];
    const expect = nameFailure(error);
    return told.map((some) => ({ comments: [], cast, auto: false, expect, lines: some }));
  }
  return [];
}

function fails(scenario: Scenario): boolean {
  const { error } = play(scenario);
  return error !== undefined && nameFailure(error) === scenario.expect;
}

function withFewerLines(scenario: Scenario, { trialCountMax = 4000 }: ShrinkOptions) {
  const failsWith = (lines: readonly Line[]): boolean => fails({ ...scenario, lines });
  return minimize(scenario.lines, failsWith, { trialCountMax }).then((lines): Scenario => ({
    ...scenario,
    lines,
  }));
}

/** The scenario with hosts that do everything at once, if it fails then as well. */
function withoutHosts(scenario: Scenario): Scenario | undefined {
  const lines = scenario.lines.filter(({ kind }) => !hostKinds.has(kind));
  const candidate: Scenario = { ...scenario, auto: true, lines };
  return fails(candidate) ? candidate : undefined;
}

const hostKinds: ReadonlySet<Line["kind"]> = new Set(["ready", "discard", "persist", "apply"]);

/** One campaign says what many ticks do. */
function withCampaigns(scenario: Scenario): Scenario {
  let result = scenario;
  for (let offset = result.lines.length - 1; offset >= 0; offset--) {
    const line = result.lines[offset];
    if (line?.kind !== "tick") continue;
    const { node } = line;
    // All ticks of the node since something else happened to it.
    const since = result.lines.findLastIndex(
      (other, at) => at < offset && other.node === node && other.kind !== "tick",
    );
    const lines = result.lines.filter(
      (other, at) => at <= since || at > offset || other.node !== node,
    );
    const place = lines.length - (result.lines.length - 1 - offset);
    lines.splice(place, 0, { kind: "campaign", node });
    const candidate: Scenario = { ...result, lines };
    if (!fails(candidate)) continue;
    result = candidate;
    offset = place;
  }
  return result;
}

/** Nodes that are not needed go, and so does what is not as it is by default. */
function withSimplerCast(scenario: Scenario): Scenario {
  let result = scenario;
  const keepIfFails = (candidate: Scenario): void => {
    if (fails(candidate)) result = candidate;
  };
  for (let count = scenario.cast.hosts.length - 1; count >= 1; count--) {
    const lines = result.lines.filter((line) => nodesOf(line).every((id) => id <= count));
    const hosts = result.cast.hosts.slice(0, count);
    keepIfFails({ ...result, cast: { ...result.cast, hosts }, lines });
  }
  for (const name of Object.keys(scenario.cast.raft)) {
    const raft = Object.fromEntries(
      Object.entries(result.cast.raft).filter(([other]) => other !== name),
    );
    keepIfFails({ ...result, cast: { ...result.cast, raft } });
  }
  // Without a round of questions before each campaign, there is less to tell.
  keepIfFails({
    ...result,
    cast: { ...result.cast, raft: { ...result.cast.raft, preVote: false } },
  });
  for (const offset of result.cast.hosts.keys()) {
    const hosts = result.cast.hosts.map((host, other) =>
      other === offset ? ({ ...host, door: "pipelined", machine: "memory" } as const) : host,
    );
    keepIfFails({ ...result, cast: { ...result.cast, hosts } });
  }
  return result;
}

function nodesOf(line: Line): readonly number[] {
  switch (line.kind) {
    case "deliver":
      return [line.from, line.node];
    case "unreachable":
    case "report":
      return [line.node, line.peer];
    case "transfer":
      return line.to === 0 ? [line.node] : [line.node, line.to];
    case "change":
      return [line.node, ...line.change.changes.map(({ id }) => id)];
    case "converge":
      return line.members;
    default:
      return [line.node];
  }
}
