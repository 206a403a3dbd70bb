import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { type Launch, ProcessGroup } from "../process-group.ts";
import { forkReplica } from "../replica-channel.ts";
import { collectionFlags } from "./buffer-meter.ts";
import { Counted } from "./counted.ts";
import type { ReplicaAllocations, ReplicaCounts } from "./replica-meters.ts";

/** What is written while something is counted. */
export interface CountedLoad {
  readonly clients: number;
  /** The length of each command. */
  readonly bytes: number;
  readonly writes: number;
}

/** The default of the product: a count includes the heartbeats that fall into it. */
const tickMs = 100;
/** Long enough for the compiler to be through, and for the first segment of the log to be there. */
const warmUp = { clients: 64, bytes: 16, writes: 20_000 };
/** A load ends with the leader's answer; what it sets off in the others is over this much later. */
const settleMs = 300;

/** How many heartbeats a leader sends to each follower in a second. */
export const heartbeatsPerSecond: number = 1000 / tickMs;

/** A group of which all that its processes do is counted. */
export function startCounted(size: number, dir: string): Promise<ProcessGroup> {
  return startWarm(size, dir, (id, cluster, dataDir) =>
    forkReplica({ id, cluster, dataDir, tickMs, isCounted: true }),
  );
}

/** A group whose allocations can be counted. */
export function startForAllocations(size: number, dir: string): Promise<ProcessGroup> {
  return startWarm(size, dir, (id, cluster, dataDir) =>
    forkReplica({ id, cluster, dataDir, tickMs }, collectionFlags),
  );
}

async function startWarm(size: number, dir: string, launch: Launch): Promise<ProcessGroup> {
  const group = await ProcessGroup.launch(launch, size, dir);
  await write(group, await group.leader(), warmUp);
  await write(group, await group.leader(), { ...warmUp, clients: 1, writes: 1000 });
  return group;
}

/** What the processes of `group` do for each entry of `load`. */
export async function countLoad(
  group: ProcessGroup,
  load: CountedLoad,
): Promise<Counted<ReplicaCounts>> {
  const leader = await group.leader();
  const before = await readCounts(group);
  await write(group, leader, load);
  return new Counted({ leader, before, after: await readCounts(group), per: load.writes });
}

/** What the processes of `group` do without a load, in each of `seconds`. */
export async function countIdle(
  group: ProcessGroup,
  seconds: number,
): Promise<Counted<ReplicaCounts>> {
  const leader = await group.leader();
  const before = await readCounts(group);
  const start = performance.now();
  await delay(seconds * 1000);
  const after = await readCounts(group);
  return new Counted({ leader, before, after, per: (performance.now() - start) / 1000 });
}

/** What the processes of `group` allocate for each entry of `load`, clients included. */
export async function countAllocations(
  group: ProcessGroup,
  load: CountedLoad,
): Promise<Counted<ReplicaAllocations>> {
  const leader = await group.leader();
  for (const id of group.running) await group.ask(id, { kind: "watch-allocations" }, "watching");
  await write(group, leader, load);
  const after = new Map<number, ReplicaAllocations>();
  for (const id of group.running) {
    const { allocations } = await group.ask(id, { kind: "allocations" }, "allocations");
    after.set(id, allocations);
  }
  return new Counted({ leader, before: new Map(), after, per: load.writes });
}

/** Writes, and waits until every replica has applied all of it and fallen silent. */
async function write(group: ProcessGroup, leader: number, load: CountedLoad): Promise<void> {
  const { result } = await group.ask(leader, { kind: "load", ...load, seconds: 600 }, "load");
  const { role, commitIndex } = await group.status(leader);
  if (result.writes !== load.writes || role !== "leader") {
    throw new Error("the leader changed while something was counted");
  }
  for (const id of group.running) await group.applied(id, commitIndex);
  await delay(settleMs);
}

async function readCounts(group: ProcessGroup): Promise<Map<number, ReplicaCounts>> {
  const counts = new Map<number, ReplicaCounts>();
  for (const id of group.running) {
    counts.set(id, (await group.ask(id, { kind: "counts" }, "counts")).counts);
  }
  return counts;
}
