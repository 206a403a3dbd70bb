import { describeConfState, type NodeId, type Storage } from "@quorate/core";
import { type OpenedWal, openWal, type StoredSnapshot } from "@quorate/wal";
import { incarnationBytes } from "@quorate/wire";
import { Violation } from "../judge.ts";
import { isQuorum } from "./group-shadow.ts";
import type { Host } from "./host.ts";
import type { Committed } from "./one-log.ts";
import { sameValue } from "./same-value.ts";
import type { WholeWorld } from "./whole-world.ts";

/** What is on one disk for sure. */
interface Recovered {
  readonly storage: Storage;
  readonly snapshot: StoredSnapshot | undefined;
}

/**
 * Looks at all disks as they would be if the power of all nodes failed now and nothing were lucky. Each
 * log must open, and hold what its node promised; each snapshot must have its state; and what any replica
 * has applied must be on so many disks that nobody is elected without one of them (I10, I12). The disks
 * themselves are not touched.
 */
export async function checkDisks<Query, Answer>(world: WholeWorld<Query, Answer>): Promise<void> {
  world.coverage.count("check-point");
  const last = world.log.commands.at(-1);
  const lacking = new Set<NodeId>();
  for (const host of world.hosts) {
    // What a damaged disk held before is as if it were still there: that one was lost is not held
    // against the others.
    if (host.damage !== "none") continue;
    const recovered = await recover(world, host);
    if (recovered !== undefined) checkKept(world, host, recovered);
    if (last !== undefined && !holds(recovered, last)) lacking.add(host.id);
  }
  const confState = world.group.newest;
  if (last === undefined || !isQuorum(confState, lacking)) return;
  throw new Violation(
    "I10",
    `entry ${last.term}/${last.index} was applied, and the disks of [${[...lacking].join(" ")}] are not ` +
      `sure to hold it, of ${describeConfState(confState)}`,
  );
}

function checkKept<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
  { storage, snapshot }: Recovered,
): void {
  const { hardState, entries, base } = storage;
  world.jury.promises.check(host.id, hardState, entries.at(-1)?.index ?? base.index);
  if (snapshot?.external !== true) return;
  const { index } = host.durable.synced;
  if (index >= snapshot.snapshot.index) return;
  throw new Violation(
    "I10",
    `node ${host.id} keeps a snapshot up to ${snapshot.snapshot.index}, and its state up to ${index} only`,
  );
}

function holds(recovered: Recovered | undefined, last: Committed): boolean {
  if (recovered === undefined) return false;
  const { storage, snapshot } = recovered;
  if (snapshot !== undefined && snapshot.snapshot.index >= last.index) return true;
  const entry = storage.entries[last.index - 1 - storage.base.index];
  return entry?.term === last.term && sameValue(entry.data, last.command);
}

/** What is sure to be on a disk; undefined if its node never ran. */
async function recover<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
): Promise<Recovered | undefined> {
  if (!host.hasRun) return undefined;
  const left = host.memory.afterPowerLoss(() => false);
  left.capacityBytes = Number.POSITIVE_INFINITY;
  let opened: OpenedWal;
  try {
    opened = await openWal(left, {
      identity: { clusterId: "simulated", nodeId: host.id },
      incarnation: new Uint8Array(incarnationBytes),
      segmentBytes: world.plan.segmentBytes,
    });
  } catch (error) {
    throw new Violation(
      "I10",
      `the log of node ${host.id} would not survive a power failure: ${String(error)}`,
    );
  }
  const { newest } = opened.snapshots;
  return { storage: opened.storage, snapshot: newest };
}
