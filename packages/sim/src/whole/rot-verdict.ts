import { type Entry, isMember, type NodeId } from "@quorate/core";
import { findDamage, openWal } from "@quorate/wal";
import type { MemoryDisk } from "@quorate/wal/testing";
import { incarnationBytes } from "@quorate/wire";
import { Violation } from "../judge.ts";
import type { Host } from "./host.ts";
import { type Microseconds, usPerMs } from "./timeline.ts";
import type { WholeWorld } from "./whole-world.ts";

/** How often a node that could be helped may give up, when nothing stands in its way. */
const refusalCountMax = 2;

/** How many damages of one log are mended at most. */
const mendedCountMax = 64;

/**
 * Waits, in a world in which all nodes are healed, until each disk that went bad either has a replica
 * running on it, or was refused because nobody who runs has what it lacks: then its node stays down. So
 * it does if it is no member any more. Throws a `Violation` if a node stays down although it could be
 * helped. Gives the nodes that are neither within `boundUs`.
 */
export async function settleRot<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  boundUs: Microseconds,
): Promise<readonly NodeId[]> {
  const { timeline, plan } = world;
  const endAt = timeline.now + boundUs;
  const tries = new Map<Host<Query, Answer>, number>();
  for (;;) {
    const open = world.hosts.filter((host) => isOpen(host));
    if (open.length === 0 || timeline.now > endAt) return open.map(({ id }) => id);
    // One after the other: those who try cannot help, and take the time of those who ask them.
    if (open.every(({ rotCase }) => rotCase?.isRefused === true)) {
      await judgeRefusals(world, open, tries);
    }
    // Time goes on even where nothing happens any more.
    timeline.add(plan.tickMs * usPerMs, "world", () => {});
    await world.advance();
  }
}

/** Whether it is open what becomes of a disk that went bad. */
function isOpen<Query, Answer>({ damage, isRefused, isRemoved }: Host<Query, Answer>): boolean {
  return damage === "rotten" && !isRefused && !isRemoved;
}

/** Lets one node try again that can be helped; if there is none, all of them stay down. */
async function judgeRefusals<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  open: readonly Host<Query, Answer>[],
  tries: Map<Host<Query, Answer>, number>,
): Promise<void> {
  for (const host of open) {
    // One that was removed meanwhile hears nothing but that.
    if (!isMember(world.group.newest, host.id)) continue;
    if (!(await canBeMended(world, host))) continue;
    const count = (tries.get(host) ?? 0) + 1;
    if (count > refusalCountMax) {
      const what = "and those who run have all that it lacks";
      throw new Violation("contract", `node ${host.id} refuses its disk again and again, ${what}`);
    }
    tries.set(host, count);
    host.start();
    return;
  }
  for (const host of open) {
    host.isRefused = true;
    world.coverage.count("rot-refused");
  }
}

/** Whether a disk can be mended with the entries that replicas hold which run. Tried on a copy. */
async function canBeMended<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
): Promise<boolean> {
  const copy = host.memory.afterKill();
  copy.capacityBytes = Number.POSITIVE_INFINITY;
  const lenders: (readonly Entry[])[] = [];
  for (const other of world.hosts) {
    if (other.replica !== undefined && !other.isPaused) lenders.push(await heldBy(world, other));
  }
  const identity = { clusterId: "simulated", nodeId: host.id };
  for (let count = 0; count < mendedCountMax; count++) {
    if (await opens(world, copy, host.id)) return true;
    const found = await findDamage(copy, identity);
    if (found === undefined || !(await mendOne(found, lenders))) return false;
  }
  return false;
}

type Found = NonNullable<Awaited<ReturnType<typeof findDamage>>>;

async function mendOne({ ways }: Found, lenders: readonly (readonly Entry[])[]): Promise<boolean> {
  for (const { missing, mend } of ways) {
    if (missing === undefined) {
      if (await mend([])) return true;
      continue;
    }
    const { first, last, lastTerm } = missing;
    for (const held of lenders) {
      const lent = held.filter(({ index }) => index >= first && index <= last);
      if (lent.length !== last - first + 1) continue;
      if (lastTerm !== 0 && lent.at(-1)?.term !== lastTerm) continue;
      if (await mend(lent)) return true;
    }
  }
  return false;
}

/** What a replica that runs can lend for sure: what it holds in memory, and on its disk as well. */
async function heldBy<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  { id, memory, replica }: Host<Query, Answer>,
): Promise<readonly Entry[]> {
  const copy = memory.afterKill();
  copy.capacityBytes = Number.POSITIVE_INFINITY;
  const { storage } = await openWal(copy, walOptionsOf(world, id));
  const firstIndex = replica?.status().firstIndex ?? Number.POSITIVE_INFINITY;
  return storage.entries.filter(({ index }) => index >= firstIndex);
}

async function opens<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  disk: MemoryDisk,
  node: NodeId,
): Promise<boolean> {
  try {
    const { snapshots } = await openWal(disk, walOptionsOf(world, node));
    if (snapshots.newest === undefined) return true;
    const reader = await snapshots.read(snapshots.newest);
    for await (const chunk of reader.chunks()) if (chunk.length === 0) return false;
    return true;
  } catch {
    return false;
  }
}

function walOptionsOf<Query, Answer>({ plan }: WholeWorld<Query, Answer>, nodeId: NodeId) {
  return {
    identity: { clusterId: "simulated", nodeId },
    incarnation: new Uint8Array(incarnationBytes),
    segmentBytes: plan.segmentBytes,
  };
}
