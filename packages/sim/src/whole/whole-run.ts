import type { App } from "./app.ts";
import { checkDisks } from "./check-point.ts";
import type { Decision } from "./decision.ts";
import { MischiefMaker } from "./mischief-maker.ts";
import { judgeOperations } from "./operations-verdict.ts";
import { usPerMs } from "./timeline.ts";
import { judgeCalls } from "./verdict.ts";
import type { WholeCoverageKind } from "./whole-coverage.ts";
import { demandWholeLiveness } from "./whole-liveness.ts";
import type { Mischief, WholePlan } from "./whole-plan.ts";
import { WholeWorld } from "./whole-world.ts";

/** What one run is made of. */
export interface WholeRunOptions<Query, Answer> {
  readonly plan: WholePlan;
  readonly app: App<Query, Answer>;
  /** What goes wrong: drawn and recorded, or a list to replay. */
  readonly trouble:
    | { readonly kind: "draw"; readonly mischief: Mischief }
    | { readonly kind: "replay"; readonly decisions: readonly Decision[] };
  /** Is given every line of the trace. */
  readonly writer?: ((line: string) => void) | undefined;
  /** A further judge of the finished run. Throws if something is wrong. */
  readonly judge?: ((world: WholeWorld<Query, Answer>) => void | Promise<void>) | undefined;
}

/** How one run went. */
export interface WholeRun {
  readonly hash: string;
  readonly eventCount: number;
  readonly simulatedMs: number;
  readonly coverage: ReadonlyMap<WholeCoverageKind, number>;
  /** Every decision that made it other than calm. */
  readonly decisions: readonly Decision[];
  /** What it broke, or undefined. */
  readonly failure: Error | undefined;
}

/** How often the disks are looked at while things go wrong. */
const checkPointCount = 5;

/** Runs a world from its beginning to its end. Never rejects: what goes wrong is in the result. */
export async function runWhole<Query, Answer>(
  options: WholeRunOptions<Query, Answer>,
): Promise<WholeRun> {
  const { plan, app, trouble, writer } = options;
  const script = trouble.kind === "replay" ? trouble.decisions : undefined;
  const world = new WholeWorld(plan, app, { script, writer });
  let failure: Error | undefined;
  try {
    await play(world, options);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  return {
    hash: world.trace.hash,
    eventCount: world.timeline.eventCount,
    simulatedMs: world.timeline.now / usPerMs,
    coverage: world.coverage.counts,
    decisions: world.decisions.list,
    failure,
  };
}

async function play<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  { plan, app, trouble, judge }: WholeRunOptions<Query, Answer>,
): Promise<void> {
  const maker = trouble.kind === "draw" ? new MischiefMaker(world, trouble.mischief) : undefined;
  maker?.begin();
  const endUs = plan.lengthMs * usPerMs;
  for (let part = 1; part <= checkPointCount; part++) {
    // So that there is always something to wait for.
    world.timeline.add((endUs * part) / checkPointCount - world.timeline.now, "world", () => {});
    while (world.timeline.now < (endUs * part) / checkPointCount) await world.advance();
    await checkDisks(world);
  }
  maker?.end();
  await demandWholeLiveness(world);
  await checkDisks(world);
  await judgeCalls(app, world.log.commands, world.callers.records);
  judgeOperations(world.founders, world.ids, world.group, world.operators.records);
  await judge?.(world);
}
