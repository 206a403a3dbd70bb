import type { NodeId } from "@quorate/core";
import type { Draw } from "../draw.ts";
import type { Link } from "./frame-network.ts";
import type { FaultName } from "./whole-plan.ts";

/** The links that a partition cuts. */
export function partition(
  name: FaultName,
  ids: readonly NodeId[],
  center: NodeId,
  draw: Draw,
): readonly Link[] {
  const others = ids.filter((id) => id !== center);
  switch (name) {
    case "partition-leader":
      return between([center], others);
    case "partition-random": {
      const group = draw.some(ids, draw.between(1, Math.max(1, ids.length - 1)));
      return between(
        group,
        ids.filter((id) => !group.includes(id)),
      );
    }
    case "partition-one-way":
      return draw.chance(500)
        ? others.map((to) => ({ from: center, to }))
        : others.map((from) => ({ from, to: center }));
    case "deaf-leader":
      return others.map((from) => ({ from, to: center }));
    case "partition-bridge": {
      // Two groups that only one node hears.
      const group = draw.some(others, Math.floor(others.length / 2));
      return between(
        group,
        others.filter((id) => !group.includes(id)),
      );
    }
    case "partition-pair": {
      const peer = others[draw.below(Math.max(1, others.length))];
      return peer === undefined ? [] : between([center], [peer]);
    }
    default:
      return [];
  }
}

/** Both ways of every link between two groups. */
export function between(left: readonly NodeId[], right: readonly NodeId[]): readonly Link[] {
  return left.flatMap((a) =>
    right.flatMap((b) => [
      { from: a, to: b },
      { from: b, to: a },
    ]),
  );
}

/** All links among `ids`, both ways. */
export function linksOf(ids: readonly NodeId[]): readonly Link[] {
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => ({ from, to })));
}
