import type { NodeId } from "@quorate/core";
import type { Draw } from "../draw.ts";
import type { Happening } from "./decision.ts";
import { isQuorum } from "./group-shadow.ts";
import { between } from "./partition.ts";
import type { RotPart } from "./rot.ts";
import type { WholeWorld } from "./whole-world.ts";

/** Parts that go bad, each as often as it is said: what nobody can mend takes its node out of the group. */
const parts: readonly RotPart[] = (
  [
    ["payload", 9],
    ["head", 7],
    ["trailer", 2],
    ["header", 2],
    ["tail", 1],
    ["snapshot", 1],
    ["any", 1],
  ] as const
).flatMap(([part, count]) => Array.from({ length: count }, () => part));

/**
 * Draws which disks go bad together, and where. Most often a majority is left whose disks are whole, so
 * that nothing that was committed is gone; else whoever cannot be helped must stay down. Now and then a
 * node finds nobody to help it for longer than it asks.
 */
export function drawRot<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  draw: Draw,
  downMs: () => number,
): readonly Happening[] {
  const victims = drawVictims(world, draw);
  if (victims.length === 0) return [];
  // The same places of several disks hold the same entries, more or less.
  const shared = draw.chance(500) ? draw.below(1_000_000) : undefined;
  return victims.flatMap((node) => {
    const spotCount = draw.pick([1, 1, 1, 1, 2]);
    const spots = Array.from({ length: spotCount }, (): Happening => {
      const part = draw.pick(parts);
      const perMillion = shared ?? draw.below(1_000_000);
      const [bit, bytes] = [draw.below(8), draw.pick([1, 1, 1, 16, 120, 300])];
      return { kind: "rot", node, part, perMillion, bit, bytes, downMs: downMs() };
    });
    const others = world.born.filter((other) => other !== node);
    if (others.length === 0 || !draw.chance(500)) return spots;
    const forMs = world.plan.repairTimeoutMs + downMs();
    return [{ kind: "cut", links: between([node], others), forMs }, ...spots];
  });
}

function drawVictims<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  draw: Draw,
): readonly NodeId[] {
  const sound = world.born.filter((id) => world.host(id).damage === "none");
  const mixed = draw.some(sound, sound.length);
  if (draw.chance(25)) return mixed.slice(0, draw.between(1, Math.max(1, mixed.length)));
  const { newest } = world.group;
  const most = mixed.findLastIndex((_, place) => {
    return isQuorum(newest, new Set(mixed.slice(place + 1)));
  });
  return most < 0 ? [] : mixed.slice(0, draw.between(1, most + 1));
}
