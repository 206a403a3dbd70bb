import type { NodeId } from "@quorate/core";
import type { Draw } from "../draw.ts";
import type { Happening } from "./decision.ts";
import { trueRatePerMille } from "./skewed-clock.ts";
import { usPerMs } from "./timeline.ts";
import type { WholePlan } from "./whole-plan.ts";

/** What happens a while after a fault began. */
interface Delayed {
  readonly afterMs: number;
  readonly what: Happening;
}

/** What lets a leader hear nobody, and how long all of that takes, in milliseconds. */
export interface Outdating {
  readonly delayed: readonly Delayed[];
  readonly forMs: number;
}

/** In which way a leader does not learn that it is followed by another. */
const ways = ["cut-off", "paused", "suspended", "handed-over", "handed-over"] as const;

/**
 * Lets `leader` hear nobody for longer than it takes to elect another, while its own time may go by more
 * slowly than that of the others, or stand still: its leases are to end in time all the same. It begins
 * a little later, so that the leader may learn before that it still leads.
 */
export function outdate(
  plan: WholePlan,
  draw: Draw,
  leader: NodeId,
  others: readonly NodeId[],
): Outdating {
  const electionMs = plan.tickMs * plan.electionTimeoutTicks;
  const tripMs = Math.ceil((plan.frameUsMax + 10 * plan.deferUs) / usPerMs);
  const beginMs = draw.between(1, 3) * tripMs;
  const standMs = Math.ceil(electionMs * draw.pick([1.2, 2, 3]));
  const forMs = standMs + electionMs;
  const toLeader = others.map((from) => ({ from, to: leader }));
  const fromLeader = others.map((to) => ({ from: leader, to }));
  const deafen = (afterMs: number): Delayed => {
    return { afterMs, what: { kind: "cut", links: toLeader, forMs } };
  };
  const silence: Delayed = { afterMs: beginMs, what: { kind: "cut", links: fromLeader, forMs } };
  const later = (what: Happening): Delayed => ({ afterMs: beginMs, what });
  const withEnd = (...delayed: readonly Delayed[]): Outdating => {
    const rates = draw.chance(500) ? slowest(plan, leader, others, forMs) : [];
    return { delayed: [...rates, ...delayed], forMs: beginMs + forMs };
  };
  switch (draw.pick(ways)) {
    case "cut-off":
      return withEnd(silence, deafen(beginMs));
    case "paused":
      return withEnd(
        silence,
        deafen(beginMs),
        later({ kind: "pause", node: leader, forMs: standMs }),
      );
    case "suspended":
      return withEnd(
        silence,
        deafen(beginMs),
        later({ kind: "suspend", node: leader, forMs: standMs }),
      );
    case "handed-over": {
      // It says so, and hears nothing of what comes of it.
      const to = draw.pick(others);
      return withEnd(
        later({ kind: "transfer", node: leader, to, timeoutMs: 0 }),
        deafen(beginMs + draw.below(tripMs + 1)),
      );
    }
  }
}

/** Lets the clock of the leader be as slow as it may be, and the others as fast. */
function slowest(
  { clockDriftPerMille: drift }: WholePlan,
  leader: NodeId,
  others: readonly NodeId[],
  forMs: number,
): readonly Delayed[] {
  const rate = (node: NodeId, perMille: number): Delayed => {
    return { afterMs: 0, what: { kind: "clock-rate", node, perMille, forMs } };
  };
  return [
    rate(leader, trueRatePerMille - drift),
    ...others.map((node) => rate(node, trueRatePerMille + drift)),
  ];
}
