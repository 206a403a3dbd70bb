import type { NodeId } from "@quorate/core";
import { minimize } from "../minimize.ts";
import type { Decision } from "./decision.ts";
import type { Link } from "./frame-network.ts";
import { type Microseconds, usPerMs } from "./timeline.ts";
import { nameWholeFailure } from "./whole-failure.ts";
import { calmWholePlan, isSpare, type WholePlan } from "./whole-plan.ts";
import { runWhole, type WholeRun, type WholeRunOptions } from "./whole-run.ts";
import type { WholeScenario } from "./whole-scenario.ts";

/** What scenarios are run with. */
export type Setup<Query, Answer> = Pick<WholeRunOptions<Query, Answer>, "app" | "judge" | "writer">;

/** Runs the world of a scenario: its decisions and no other. */
export function replay<Query, Answer>(
  { plan, decisions }: Pick<WholeScenario, "plan" | "decisions">,
  setup: Setup<Query, Answer>,
): Promise<WholeRun> {
  return runWhole({ ...setup, plan, trouble: { kind: "replay", decisions } });
}

/**
 * The smallest scenario found in which a run fails as `failure` is named: by delta debugging over its
 * decisions, and by making its plan as calm as may be. Undefined if its decisions alone do not fail so.
 */
export async function shrinkDecisions<Query, Answer>(
  plan: WholePlan,
  decisions: readonly Decision[],
  expect: string,
  setup: Setup<Query, Answer>,
  trialCountMax: number,
): Promise<WholeScenario | undefined> {
  const shrinker = new Shrinker(setup, expect, trialCountMax);
  if (!(await shrinker.fails(plan, decisions))) return undefined;
  let small = { plan, decisions };
  // Most runs fail long before their end, and what comes later only costs time.
  small = await shrinker.withoutEnd(small);
  small = await shrinker.withFewerDecisions(small);
  small = await shrinker.withCalmerPlan(small);
  small = await shrinker.withFewerDecisions(small);
  small = await shrinker.withoutEnd(small);
  small = await shrinker.sooner(small);
  return { comments: [], expect, ...small };
}

interface Small {
  readonly plan: WholePlan;
  readonly decisions: readonly Decision[];
}

class Shrinker<Query, Answer> {
  readonly #setup: Setup<Query, Answer>;
  readonly #expect: string;
  #trialsLeft: number;

  constructor(setup: Setup<Query, Answer>, expect: string, trialCountMax: number) {
    this.#setup = setup;
    this.#expect = expect;
    this.#trialsLeft = trialCountMax;
  }

  async fails(plan: WholePlan, decisions: readonly Decision[]): Promise<boolean> {
    this.#trialsLeft -= 1;
    const { failure } = await replay({ plan, decisions }, this.#setup);
    return failure !== undefined && nameWholeFailure(failure) === this.#expect;
  }

  async withFewerDecisions({ plan, decisions }: Small): Promise<Small> {
    const kept = await minimize(decisions, (candidate) => this.fails(plan, candidate), {
      trialCountMax: Math.max(1, this.#trialsLeft),
    });
    return { plan, decisions: kept };
  }

  /** The run cut off as early as it still fails, first where its last decision is made. */
  async withoutEnd(small: Small): Promise<Small> {
    let result = small;
    const lasts = [lastOf(small.decisions) / usPerMs + 1, small.plan.lengthMs / 2];
    for (let lengthMs of lasts) {
      for (; this.#trialsLeft > 0; lengthMs /= 2) {
        const length = Math.max(1, Math.ceil(lengthMs));
        if (length >= result.plan.lengthMs) break;
        const plan = { ...result.plan, lengthMs: length };
        const decisions = result.decisions.filter(
          (decision) => decision.kind === "frame" || decision.at <= length * usPerMs,
        );
        if (!(await this.fails(plan, decisions))) break;
        result = { plan, decisions };
      }
    }
    return result;
  }

  /** Everything sooner, so that nobody has to wait for it. */
  async sooner(small: Small): Promise<Small> {
    let result = small;
    let byUs = firstOf(small.decisions);
    for (; this.#trialsLeft > 0 && byUs >= usPerMs; byUs = Math.floor(byUs / 2)) {
      const lengthMs = Math.max(1, result.plan.lengthMs - Math.floor(byUs / usPerMs));
      const decisions = result.decisions.map((decision) =>
        decision.kind === "at" ? { ...decision, at: Math.max(0, decision.at - byUs) } : decision,
      );
      const plan = { ...result.plan, lengthMs };
      if (await this.fails(plan, decisions)) result = { plan, decisions };
    }
    return result;
  }

  /** Fewer nodes, and whatever can be as in the calm plan. */
  async withCalmerPlan(small: Small): Promise<Small> {
    let result = small;
    const keepIfFails = async (candidate: Small): Promise<void> => {
      if (this.#trialsLeft > 0 && (await this.fails(candidate.plan, candidate.decisions))) {
        result = candidate;
      }
    };
    const { nodes, seed, lengthMs } = small.plan;
    await keepIfFails({ ...result, plan: { ...calmWholePlan, nodes, seed, lengthMs } });
    const calm = new Map<string, number>(Object.entries(calmWholePlan));
    for (const [name, value] of calm) {
      if (name === "seed" || name === "nodes" || name === "lengthMs") continue;
      await keepIfFails({
        ...result,
        plan: { ...result.plan, ...Object.fromEntries([[name, value]]) },
      });
    }
    for (let count = small.plan.nodes - 1; count >= 1; count--) {
      const plan = { ...result.plan, nodes: count };
      const decisions = result.decisions.map(movedInto(count)).filter(concernsOnly(count));
      await keepIfFails({ plan, decisions });
    }
    return result;
  }
}

function firstOf(decisions: readonly Decision[]): Microseconds {
  const times = decisions.flatMap((decision) => (decision.kind === "at" ? [decision.at] : []));
  return Math.min(...times, Number.MAX_SAFE_INTEGER) % Number.MAX_SAFE_INTEGER;
}

function lastOf(decisions: readonly Decision[]): Microseconds {
  let last = 0;
  for (const decision of decisions) if (decision.kind === "at") last = Math.max(last, decision.at);
  return last;
}

/** Lets calls to other nodes go to one of the first `count`. */
function movedInto(count: number): (decision: Decision) => Decision {
  return (decision) => {
    if (decision.kind !== "at" || decision.what.kind !== "call") return decision;
    if (isSpare(decision.what.node)) return decision;
    const node = ((decision.what.node - 1) % count) + 1;
    return { ...decision, what: { ...decision.what, node } };
  };
}

/** Whether a decision names only the first `count` nodes, and those who may join. */
function concernsOnly(count: number): (decision: Decision) => boolean {
  const stays = (id: NodeId): boolean => id <= count || isSpare(id);
  const connects = ({ from, to }: Link): boolean => stays(from) && stays(to);
  return (decision) => {
    if (decision.kind === "frame") return connects(decision.link);
    const { what } = decision;
    return "links" in what ? what.links.every(connects) : stays(what.node);
  };
}
