import { isMember, type NodeId, quorum } from "@quorate/core";
import { isQuorum } from "./group-shadow.ts";
import { probeClient, probeNumberOf } from "./probe-call.ts";
import { type Microseconds, usPerMs } from "./timeline.ts";
import type { WholeWorld } from "./whole-world.ts";

/**
 * Whether `node` may find that its state is not the group's: it was made another; or so many were, or had a
 * snapshot of such a one, that they are a majority, and nobody can know that they are wrong.
 */
export function mayDiffer<Query, Answer>(world: WholeWorld<Query, Answer>, node: NodeId): boolean {
  const { strays } = world.log;
  const { voters, votersOutgoing } = world.group.newest;
  const sizes = [voters.length, votersOutgoing.length].filter((size) => size > 0);
  return strays.has(node) || strays.size >= quorum(Math.min(...sizes));
}

/** So many agreed indexes later, a replica whose state is not the group's must have stopped. */
const agreedCountMax = 4;

/**
 * Writes to a healed group until it has come by a few agreed indexes. Every member that runs, and whose
 * state is another than a majority has, must have stopped within `boundUs`: else this resolves with who
 * has not.
 */
export async function uncaughtStray<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  healed: readonly NodeId[],
  boundUs: Microseconds,
): Promise<string | undefined> {
  const { timeline, callers, plan } = world;
  const number = probeNumberOf(world, true);
  const endAt = timeline.now + boundUs;
  let nextAt = timeline.now;
  let writeCount = 0;
  for (;;) {
    const strays = strayMembers(world);
    const [node, ...others] = healed.filter((id) => isSound(world, id));
    if (strays.length === 0 || node === undefined || number === undefined) return undefined;
    // Without a majority that agrees, nobody knows who is right.
    if (!isQuorum(world.group.newest, new Set([node, ...others]))) return undefined;
    if (timeline.now > endAt) return `node ${strays.join(", ")} serves on with a state of its own`;
    if (writeCount < agreedCountMax * plan.digestEveryCount && timeline.now >= nextAt) {
      nextAt = timeline.now + plan.tickMs * usPerMs;
      writeCount += 1;
      callers.make({ client: probeClient, node, number, timeoutMs: 0, abortMs: 0 });
    }
    await world.advance();
  }
}

function isSound<Query, Answer>(world: WholeWorld<Query, Answer>, id: NodeId): boolean {
  return !world.log.strays.has(id) && world.host(id).replica !== undefined;
}

/** The members that run, though their states are not the group's. */
function strayMembers<Query, Answer>(world: WholeWorld<Query, Answer>): readonly NodeId[] {
  const { newest } = world.group;
  return world.hosts.flatMap(({ id, replica }) => {
    const runs = replica !== undefined && replica.status().state !== "failed";
    return runs && isMember(newest, id) && world.log.isStray(id) ? [id] : [];
  });
}
