import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "../figure.ts";
import type { ProcessGroup } from "../process-group.ts";
import type { Allocations } from "./allocation-meter.ts";
import type { CoreSetting } from "./core-allocations.ts";
import type { Counted } from "./counted.ts";
import {
  countAllocations,
  countIdle,
  type CountedLoad,
  countLoad,
  heartbeatsPerSecond,
  startCounted,
  startForAllocations,
} from "./replica-counts.ts";
import type { ReplicaAllocations, ReplicaCounts } from "./replica-meters.ts";

const voters = 3;

/** What an entry costs in things that can be counted: they tell the same on every machine. */
export async function measureCounts(dir: string, isQuick: boolean): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const perReady of [1, 64]) figures.push(...(await coreFigures({ voters, perReady })));
  figures.push(
    ...(await withGroup(dir, startForAllocations, async (group) => [
      ...allocationFigures(await countAllocations(group, load(1, 16, 500)), "a lone client"),
      ...allocationFigures(await countAllocations(group, load(64, 16, 6400)), "64 clients"),
    ])),
    ...(await withGroup(dir, startCounted, (group) => loadFigures(group, isQuick ? 1 : 5))),
  );
  return figures;
}

function load(clients: number, bytes: number, writes: number): CountedLoad {
  return { clients, bytes, writes };
}

async function withGroup(
  dir: string,
  start: (size: number, dir: string) => Promise<ProcessGroup>,
  work: (group: ProcessGroup) => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  const groupDir = mkdtempSync(join(dir, "counts-"));
  const group = await start(voters, groupDir);
  try {
    return await work(group);
  } finally {
    await group.close();
    rmSync(groupDir, { recursive: true, force: true });
  }
}

/** Everything but allocations, for the same writes by ever more clients. */
async function loadFigures(group: ProcessGroup, effort: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const clients of [1, 64, 256, 1024]) {
    const writes = clients === 1 ? 200 * effort : clients * 20 * effort;
    const counted = await countLoad(group, load(clients, 16, writes));
    figures.push(...shareFigures(counted, clients));
  }
  for (const clients of [1, 64]) {
    const counted = await countLoad(group, load(clients, 4096, 640 * effort));
    figures.push(...copyFigures(counted, clients, 4096));
  }
  const idle = await countIdle(group, 2 * effort);
  figures.push({
    group: "counts",
    name: `frames of a group per second without a load, ${voters} voters`,
    value: idle.group(({ frames }) => frames),
    unit: "frames",
    floor: {
      name: "a heartbeat and its answer",
      value: 2 * (voters - 1) * heartbeatsPerSecond,
    },
    better: "less",
  });
  return figures;
}

/** What many clients share: the more there are, the less is each one's. */
function shareFigures(counted: Counted<ReplicaCounts>, clients: number): readonly Figure[] {
  const from = `3 voters, ${clientsOf(clients)}, 16 B`;
  const floor = { name: "one for all clients", value: 1 / clients };
  const frames = 2 * (voters - 1);
  const figure = (name: string, value: number, unit: string): Figure => {
    return { group: "counts", name: `${name}, ${from}`, value, unit, better: "less" };
  };
  const syncs = ({ syncs: count }: ReplicaCounts): number => count;
  const calls = ({ systemCalls }: ReplicaCounts): number => systemCalls;
  const callFigures = [
    figure("read and write calls of the leader", counted.leader(calls), "calls"),
    figure("read and write calls of a follower", counted.follower(calls), "calls"),
  ];
  return [
    { ...figure("data syncs of the leader", counted.leader(syncs), "syncs"), floor },
    { ...figure("data syncs of a follower", counted.follower(syncs), "syncs"), floor },
    {
      ...figure(
        "frames of the group",
        counted.group((counts) => counts.frames),
        "frames",
      ),
      floor: { name: "2(n−1) for all clients", value: frames / clients },
    },
    figure(
      "bytes written to files by the leader",
      counted.leader(({ writtenBytes }) => writtenBytes),
      "bytes",
    ),
    ...callFigures.filter(({ value }) => value > 0),
  ];
}

function copyFigures(
  counted: Counted<ReplicaCounts>,
  clients: number,
  bytes: number,
): readonly Figure[] {
  const copies = ({ copiedBytes }: ReplicaCounts): number => copiedBytes / bytes;
  const from = `3 voters, ${clientsOf(clients)}, ${bytes} B`;
  const figure = (role: string, value: number): Figure => {
    const name = `bytes copied by ${role} for each byte of a command, ${from}`;
    return { group: "counts", name, value, unit: "copies", better: "less" };
  };
  return [
    figure("the leader", counted.leader(copies)),
    figure("a follower", counted.follower(copies)),
  ];
}

function clientsOf(count: number): string {
  return count === 1 ? "a lone client" : `${count} clients`;
}

function allocationFigures(
  counted: Counted<ReplicaAllocations>,
  clients: string,
): readonly Figure[] {
  const from = `3 voters, ${clients}, 16 B`;
  const figure = (what: string, unit: string, of: (count: ReplicaAllocations) => number) => {
    const common = { group: "counts", unit, better: "less" } as const;
    return [
      { ...common, name: `${what} by the leader, ${from}`, value: counted.leader(of) },
      { ...common, name: `${what} by a follower, ${from}`, value: counted.follower(of) },
    ];
  };
  return [
    ...figure("objects allocated", "objects", ({ objects }) => objects),
    ...figure("heap allocated", "bytes", ({ bytes }) => bytes),
    ...figure("array buffers allocated", "bytes", ({ bufferBytes }) => bufferBytes),
  ];
}

/** Of all cores of a group together, in a process in which nothing else has run before. */
async function coreFigures(setting: CoreSetting): Promise<readonly Figure[]> {
  const child = fork(new URL("./core-count-process.js", import.meta.url));
  child.send(setting);
  const { objects, bytes } = await new Promise<Allocations>((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", () => reject(new Error("the process ended before it told what it counted")));
  });
  const from = `core only, ${setting.voters} voters, 16 B, ${setting.perReady} per Ready`;
  const common = { group: "counts", better: "less" } as const;
  return [
    { ...common, name: `objects allocated, ${from}`, value: objects, unit: "objects" },
    { ...common, name: `heap allocated, ${from}`, value: bytes, unit: "bytes" },
  ];
}
