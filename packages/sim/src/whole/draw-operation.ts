import { isMember, membersOf, type NodeId } from "@quorate/core";
import type { Draw } from "../draw.ts";
import type { Happening } from "./decision.ts";
import type { OperationName } from "./whole-plan.ts";
import type { WholeWorld } from "./whole-world.ts";

/** What an operator does now for `name`; nothing, if there is nothing to do it with. */
export function drawOperation<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  draw: Draw,
  name: OperationName,
): readonly Happening[] {
  const up = world.born.filter((id) => world.host(id).replica !== undefined);
  if (up.length === 0) return [];
  const node = draw.pick(up);
  const timeoutMs = draw.chance(800) ? 0 : draw.between(1, 20) * world.plan.tickMs;
  switch (name) {
    case "transfer":
      return [{ kind: "transfer", node, to: draw.pick([0, ...world.born]), timeoutMs }];
    case "snapshot":
      return [{ kind: "snapshot", node, timeoutMs }];
    default: {
      const wishes = drawWish(world, draw, name);
      const ifNow = draw.chance(150) ? 1 : 0;
      return wishes.map((wish) =>
        typeof wish === "string" ? { kind: "change", node, wish, ifNow, timeoutMs } : wish,
      );
    }
  }
}

/** The wish as text, and before or after it the start of a node that is to join. */
function drawWish<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  draw: Draw,
  name: Exclude<OperationName, "transfer" | "snapshot">,
): readonly (string | Happening)[] {
  const { newest: confState, removed } = world.group;
  const members = membersOf(confState);
  const spares = world.ids.filter((id) => !isMember(confState, id) && !removed.has(id));
  // Now and then, somebody who cannot come back.
  const newcomers = draw.chance(50) ? world.ids : spares;
  const newcomer = newcomers.length === 0 ? undefined : draw.pick(newcomers);
  const withStart = (id: NodeId, wish: string): readonly (string | Happening)[] => {
    const join: Happening = { kind: "join", node: id };
    if (world.host(id).hasRun) return [wish];
    return draw.pick([[join, wish], [wish, join], [wish]]);
  };
  switch (name) {
    case "grow": {
      const { learners } = confState;
      if (learners.length > 0 && draw.chance(400)) return [`promote:${draw.pick(learners)}`];
      if (newcomer === undefined) return [];
      return withStart(newcomer, `${draw.pick(["add", "add", "learn"])}:${newcomer}`);
    }
    case "shrink": {
      if (members.length < 2) return [];
      const id = draw.pick(draw.chance(50) ? world.ids : members);
      return [`${draw.pick(["remove", "remove", "demote"])}:${id}`];
    }
    case "replace": {
      if (newcomer === undefined || members.length === 0) return [];
      const wiped = members.filter((id) => world.host(id).damage !== "none");
      const id = draw.pick(wiped.length > 0 && draw.chance(700) ? wiped : members);
      return withStart(newcomer, `replace:${id}:${newcomer}`);
    }
    case "set": {
      const some = draw.some(
        world.ids.filter((id) => !removed.has(id) && world.host(id).damage === "none"),
        draw.between(1, 5),
      );
      const [first, ...rest] = some;
      if (first === undefined) return [];
      const learners = rest.filter(() => draw.chance(200));
      const voters = [first, ...rest.filter((id) => !learners.includes(id))];
      const starts = some
        .filter((id) => !world.host(id).hasRun)
        .map((id): Happening => ({ kind: "join", node: id }));
      const behind = learners.length === 0 ? "" : `/${learners.join(",")}`;
      return [...starts, `set:${voters.join(",")}${behind}`];
    }
    case "prefer":
      return members.length === 0 ? [] : [`prefer:${draw.pick(members)}:${draw.pick([0, 5, 10])}`];
  }
}
