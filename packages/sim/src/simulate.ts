import type { RaftOptions } from "@quorate/core";
import type { CoverageKind } from "./coverage.ts";
import { demandLiveness, drawHealing } from "./liveness.ts";
import type { Observer } from "./judge.ts";
import { drawPlan, type Plan, unitsPerTick } from "./plan.ts";
import { World, type WorldOptions } from "./world.ts";

/** What one run came to. */
export interface SimReport {
  readonly seed: number;
  /** The same for every run of this seed. */
  readonly hash: string;
  /** How many events happened. */
  readonly eventCount: number;
  /** How much time went by in the simulation, in ticks. */
  readonly tickCount: number;
  readonly coverage: ReadonlyMap<CoverageKind, number>;
}

/** A run went wrong. The message says which seed, what, how it came to that, and how to repeat it. */
export class SimFailure extends Error {
  override readonly name = "SimFailure";
  readonly seed: number;

  constructor(seed: number, message: string, cause: unknown) {
    super(message, { cause });
    this.seed = seed;
  }
}

/** How many lines of its trace a failure shows. */
const tailLineCount = 40;

/** How a run may differ from what its seed says, and who watches it. */
export interface SimOptions extends Pick<WorldOptions, "flaw" | "writer"> {
  /** Options of all nodes that are not drawn. */
  readonly raft?: RaftOptions | undefined;
  /** Gives those who are told all that the judges are told. */
  readonly observe?: ((plan: Plan) => readonly Observer[]) | undefined;
}

/**
 * Runs the cluster that `seed` draws: first under faults, with every invariant judged at every step,
 * then healed, until it has converged. Throws `SimFailure`.
 */
export function simulate(seed: number, options: SimOptions = {}): SimReport {
  try {
    return run(seed, options);
  } catch (error) {
    throw new SimFailure(seed, explain(seed, options, error), error);
  }
}

function run(seed: number, { raft, observe, flaw, writer }: SimOptions): SimReport {
  const drawn = drawPlan(seed);
  const plan: Plan = { ...drawn, options: { ...drawn.options, ...raft } };
  const world = new World(plan, { flaw, writer, observers: observe?.(plan) });
  while (world.eventCount < plan.stepCount) world.advance();
  demandLiveness(world, drawHealing(world));
  return {
    seed,
    hash: world.stage.trace.hash,
    eventCount: world.eventCount,
    tickCount: Math.floor(world.now / unitsPerTick),
    coverage: world.coverage.counts,
  };
}

/** Runs a failed seed again, to tell how it went, unless someone saw it all. */
function explain(seed: number, options: SimOptions, error: unknown): string {
  const lines: string[] = [];
  const writer = (line: string): void => {
    lines.push(line);
    if (lines.length > 2 * tailLineCount) lines.splice(0, tailLineCount);
  };
  let again = "and not again when repeated: the simulation is not deterministic";
  try {
    run(seed, { ...options, observe: undefined, writer });
  } catch (second) {
    again = textOf(second) === textOf(error) ? "" : `and when repeated: ${textOf(second)}`;
  }
  return [
    `seed ${seed}: ${textOf(error)}`,
    ...(again === "" ? [] : [again]),
    ...(options.writer === undefined
      ? [...lines.slice(-tailLineCount), `repeat it with: npm run sim -- --seed ${seed} --print`]
      : []),
  ].join("\n");
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
