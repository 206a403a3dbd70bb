import type { RaftOptions } from "@quorate/core";
import type { Draw } from "./draw.ts";
import type { Flaw } from "./flaw.ts";
import type { Plan } from "./plan.ts";
import type { Host } from "./host.ts";

/** What stands on a stage when the play begins. */
export interface Cast {
  /** What runs each node, in the order of their ids, which begin at 1. */
  readonly hosts: readonly Host[];
  /** The options of all nodes. */
  readonly raft: RaftOptions;
  /** A defect that all hosts share, to show that the judges see it. */
  readonly flaw: Flaw;
}

/** Who takes part in the run of a plan: the first that a world draws. */
export function drawCast(
  { voterCount, spareCount, options, doors, machines }: Plan,
  draw: Draw,
  flaw: Flaw,
): Cast {
  const hosts = Array.from({ length: voterCount + spareCount }, (_, offset) => {
    return { door: draw.pick(doors), machine: draw.pick(machines), joins: offset >= voterCount };
  });
  return { hosts, raft: options, flaw };
}
