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
import { Samples } from "../samples.ts";
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
    ...(await withGroup(dir, startCounted, (group) => loadFigures(group, isQuick ? 3 : 7))),
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
async function loadFigures(group: ProcessGroup, rounds: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const clients of [1, 64, 256, 1024]) {
    const writes = clients === 1 ? 200 : clients * 40;
    const counted = await countRounds(group, load(clients, 16, writes), rounds);
    figures.push(...shareFigures(counted, clients));
  }
  for (const clients of [1, 64]) {
    const counted = await countRounds(group, load(clients, 4096, 640), rounds);
    figures.push(...copyFigures(counted, clients, 4096));
  }
  const idle = await countIdle(group, 2 * rounds);
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

/** The same load several times: into some falls what is paid for rarely, as a new segment. */
type Rounds = readonly Counted<ReplicaCounts>[];

async function countRounds(
  group: ProcessGroup,
  counted: CountedLoad,
  rounds: number,
): Promise<Rounds> {
  const all: Counted<ReplicaCounts>[] = [];
  for (let round = 0; round < rounds; round++) all.push(await countLoad(group, counted));
  return all;
}

/** The median of the rounds, and their range. */
function medianOf(
  rounds: Rounds,
  of: (round: Counted<ReplicaCounts>) => number,
): Pick<Figure, "value" | "spread"> {
  const { median, min, max } = new Samples(rounds.map(of));
  return { value: median, spread: [min, max] };
}

/** What many clients share: the more there are, the less is each one's. */
function shareFigures(rounds: Rounds, clients: number): readonly Figure[] {
  const from = `${voters} voters, ${clientsOf(clients)}, 16 B`;
  const figure = (
    name: string,
    unit: string,
    of: (round: Counted<ReplicaCounts>) => number,
  ): Figure => {
    const common = { group: "counts", better: "less" } as const;
    return { ...common, name: `${name}, ${from}`, unit, ...medianOf(rounds, of) };
  };
  const syncs = ({ syncs: count }: ReplicaCounts): number => count;
  const calls = ({ systemCalls }: ReplicaCounts): number => systemCalls;
  const floor = { name: "one for all clients", value: 1 / clients };
  const framesFloor = { name: "2(n−1) for all clients", value: (2 * (voters - 1)) / clients };
  const callFigures = [
    figure("read and write calls of the leader", "calls", (round) => round.leader(calls)),
    figure("read and write calls of a follower", "calls", (round) => round.follower(calls)),
  ];
  return [
    { ...figure("data syncs of the leader", "syncs", (round) => round.leader(syncs)), floor },
    { ...figure("data syncs of a follower", "syncs", (round) => round.follower(syncs)), floor },
    {
      ...figure("frames of the group", "frames", (round) => round.group(({ frames }) => frames)),
      floor: framesFloor,
    },
    figure("bytes written to files by the leader", "bytes", (round) =>
      round.leader(({ writtenBytes }) => writtenBytes),
    ),
    ...callFigures.filter(({ value }) => value > 0),
  ];
}

function copyFigures(rounds: Rounds, clients: number, bytes: number): readonly Figure[] {
  const copies = ({ copiedBytes }: ReplicaCounts): number => copiedBytes / bytes;
  const figure = (role: string, of: (round: Counted<ReplicaCounts>) => number): Figure => {
    const from = `${voters} voters, ${clientsOf(clients)}, ${bytes} B`;
    const name = `bytes copied by ${role} for each byte of a command, ${from}`;
    return { group: "counts", name, unit: "copies", better: "less", ...medianOf(rounds, of) };
  };
  return [
    figure("the leader", (round) => round.leader(copies)),
    figure("a follower", (round) => round.follower(copies)),
  ];
}

function clientsOf(count: number): string {
  return count === 1 ? "a lone client" : `${count} clients`;
}

function allocationFigures(
  counted: Counted<ReplicaAllocations>,
  clients: string,
): readonly Figure[] {
  const from = `${voters} voters, ${clients}, 16 B`;
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
