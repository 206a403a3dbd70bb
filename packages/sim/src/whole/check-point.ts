import { type NodeId, quorum, type Storage } from "@quorate/core";
import { openWal } from "@quorate/wal";
import { incarnationBytes } from "@quorate/wire";
import { Violation } from "../judge.ts";
import type { WholeWorld } from "./whole-world.ts";

/**
 * Looks at all disks as they would be if the power of all nodes failed now and nothing were lucky. Each
 * log must open, and hold what its node promised; and what any replica has applied must be on a majority
 * (I10, I12). The disks themselves are not touched.
 */
export async function checkDisks<Query, Answer>(world: WholeWorld<Query, Answer>): Promise<void> {
  world.coverage.count("check-point");
  const last = world.log.commands.at(-1);
  const holders: NodeId[] = [];
  for (const host of world.hosts) {
    // What a damaged disk held before is as if it were still there: that one was lost is not held
    // against the others.
    const storage = host.damage === "none" ? await recover(world, host.id) : undefined;
    if (storage !== undefined) {
      const { hardState, entries } = storage;
      world.jury.promises.check(host.id, hardState, entries.at(-1)?.index ?? 0);
    }
    if (last === undefined) continue;
    const entry = storage?.entries[last.index - 1 - (storage?.base.index ?? 0)];
    if (storage === undefined || entry?.term === last.term) holders.push(host.id);
  }
  if (last === undefined || holders.length >= quorum(world.ids.length)) return;
  throw new Violation(
    "I10",
    `entry ${last.term}/${last.index} was applied, and only the disks of [${holders.join(" ")}] ` +
      `are sure to hold it, of ${world.ids.length}`,
  );
}

async function recover<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  id: NodeId,
): Promise<Storage> {
  const left = world.host(id).memory.afterPowerLoss(() => false);
  left.capacityBytes = Number.POSITIVE_INFINITY;
  try {
    const { storage } = await openWal(left, {
      identity: { clusterId: "simulated", nodeId: id },
      incarnation: new Uint8Array(incarnationBytes),
      segmentBytes: world.plan.segmentBytes,
    });
    return storage;
  } catch (error) {
    throw new Violation(
      "I10",
      `the log of node ${id} would not survive a power failure: ${String(error)}`,
    );
  }
}
