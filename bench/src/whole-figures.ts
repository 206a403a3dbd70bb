import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Figure } from "./figure.ts";
import {
  measureDataSync,
  measureDiskBandwidth,
  measureLoneWriteFloor,
  measureLoopbackBandwidth,
  measureRoundTrip,
} from "./floors.ts";
import { ProcessGroup } from "./process-group.ts";
import type { LoadResult } from "./replica-protocol.ts";
import { Samples } from "./samples.ts";

/** How much to measure. */
export interface Effort {
  readonly rounds: number;
  readonly secondsPerLoad: number;
  readonly loneWrites: number;
  readonly elections: number;
  readonly catchUpEntries: number;
}

const tickMs = 20;
const electionTimeoutMs = 10 * tickMs;

/** The whole: a process for each replica, real files, data sync on, loopback. */
export async function measureWhole(dir: string, effort: Effort): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const voters of [3, 5, 7]) {
    const groupDir = mkdtempSync(join(dir, `group-${voters}-`));
    const group = await ProcessGroup.start(voters, groupDir, tickMs);
    try {
      figures.push(...(await measureLoneWrite(group, voters, dir, effort)));
      figures.push(...(await measureSaturated(group, voters, dir, effort)));
      figures.push(await measureRealElections(group, voters, effort));
    } finally {
      await group.close();
      rmSync(groupDir, { recursive: true, force: true });
    }
  }
  figures.push(await measureCatchUp(dir, effort));
  return figures;
}

/** One client: propose → commit, beside one data sync and one round trip of the same moments. */
async function measureLoneWrite(
  group: ProcessGroup,
  voters: number,
  dir: string,
  effort: Effort,
): Promise<Figure[]> {
  const leader = await group.leader();
  const loads: LoadResult[] = [];
  const floors: number[] = [];
  await loadOnce(group, leader, { clients: 1, bytes: 16, writes: 50, seconds: 5 });
  for (let round = 0; round < effort.rounds; round++) {
    const { loneWrites: writes } = effort;
    loads.push(await loadOnce(group, leader, { clients: 1, bytes: 16, writes, seconds: 10 }));
    floors.push(await measureLoneWriteFloor(dir));
  }
  const floor = { name: "data sync + round trip", value: new Samples(floors).median };
  const medians = new Samples(loads.map((load) => load.medianMs));
  const p99s = new Samples(loads.map((load) => load.p99Ms));
  return [
    {
      group: "latency",
      name: `lone write, 16 B, ${voters} voters, median`,
      value: medians.median,
      unit: "ms",
      spread: [medians.min, medians.max],
      floor,
      better: "less",
    },
    {
      group: "latency",
      name: `lone write, 16 B, ${voters} voters, 99th percentile`,
      value: p99s.median,
      unit: "ms",
      spread: [p99s.min, p99s.max],
      floor,
      better: "less",
    },
  ];
}

/** Many clients in the leader's process, each waiting for its answer before it writes again. */
async function measureSaturated(
  group: ProcessGroup,
  voters: number,
  dir: string,
  effort: Effort,
): Promise<Figure[]> {
  const leader = await group.leader();
  const figures: Figure[] = [];
  const settings =
    voters === 3
      ? ([
          [64, 16],
          [256, 16],
          [1024, 16],
          [256, 256],
          [1024, 256],
          [256, 4096],
        ] as const)
      : ([[256, 16]] as const);
  for (const [clients, bytes] of settings) {
    const rates: number[] = [];
    const floors: number[] = [];
    for (let round = 0; round < effort.rounds; round++) {
      const writes = Number.MAX_SAFE_INTEGER;
      const seconds = effort.secondsPerLoad;
      const load = await loadOnce(group, leader, { clients, bytes, writes, seconds });
      rates.push(load.writes / load.seconds);
      const sync = await measureDataSync(dir, clients * (bytes + 16), 50);
      const roundTrip = await measureRoundTrip(100);
      floors.push(clients / ((sync.median + roundTrip.median) / 1000));
    }
    const samples = new Samples(rates);
    figures.push({
      group: "throughput",
      name: `whole, ${voters} voters, ${clients} clients, ${bytes} B`,
      value: samples.median,
      unit: "entries/s",
      spread: [samples.min, samples.max],
      floor: { name: "clients / (sync + round trip)", value: new Samples(floors).median },
      better: "more",
    });
  }
  return figures;
}

/** `kill -9` of the leader, to the first write that another replica commits. */
async function measureRealElections(
  group: ProcessGroup,
  voters: number,
  effort: Effort,
): Promise<Figure> {
  const times: number[] = [];
  for (let round = 0; round < effort.elections; round++) {
    const leader = await group.leader();
    const witness = group.running.find((id) => id !== leader) ?? leader;
    const start = Date.now();
    await group.kill(leader);
    const { atMs } = await group.ask(witness, { kind: "first-commit" }, "first-commit");
    times.push(atMs - start);
    await group.startReplica(leader);
    const { commitIndex } = await group.status(await group.leader());
    await group.applied(leader, commitIndex);
  }
  const samples = new Samples(times);
  return {
    group: "elections",
    name: `kill -9 → new commit, ${voters} voters, ${effort.elections} elections`,
    value: samples.median / electionTimeoutMs,
    unit: "T",
    spread: [samples.min / electionTimeoutMs, samples.max / electionTimeoutMs],
    quantiles: samples.quantiles.map((ms) => ms / electionTimeoutMs),
    floor: { name: `the least timeout, ${electionTimeoutMs} ms`, value: 1 },
    better: "less",
  };
}

/** A follower that was away while `catchUpEntries` entries of 256 B were written. */
async function measureCatchUp(dir: string, effort: Effort): Promise<Figure> {
  const groupDir = mkdtempSync(join(dir, "group-"));
  const group = await ProcessGroup.start(3, groupDir, tickMs, { keepsLog: true });
  try {
    return await catchUpFigure(group, dir, effort);
  } finally {
    await group.close();
    rmSync(groupDir, { recursive: true, force: true });
  }
}

async function catchUpFigure(group: ProcessGroup, dir: string, effort: Effort): Promise<Figure> {
  const bytes = 256;
  const leader = await group.leader();
  const follower = group.running.find((id) => id !== leader) ?? leader;
  await group.kill(follower);
  const writes = effort.catchUpEntries;
  await loadOnce(group, leader, { clients: 1024, bytes, writes, seconds: 60 });
  const { commitIndex } = await group.status(leader);
  await group.startReplica(follower);
  const before = (await group.status(follower)).appliedIndex;
  const start = Date.now();
  await group.applied(follower, commitIndex);
  const seconds = (Date.now() - start) / 1000;
  const caughtUp = commitIndex - Math.max(before, commitIndex - writes);
  await delay(100);
  const loopback = await measureLoopbackBandwidth(64 << 20);
  const disk = measureDiskBandwidth(dir, 256 << 20);
  return {
    group: "catch-up",
    name: `whole, a follower ${writes} entries of ${bytes} B behind`,
    value: (caughtUp * (bytes + 16)) / seconds / 1e6,
    unit: "MB/s",
    floor: { name: "the slower of disk and loopback", value: Math.min(loopback, disk) / 1e6 },
    better: "more",
  };
}

/** Puts a load on `leader` of `group`. */
export async function loadOnce(
  group: ProcessGroup,
  id: number,
  load: { clients: number; bytes: number; writes: number; seconds: number },
): Promise<LoadResult> {
  const { result } = await group.ask(id, { kind: "load", ...load }, "load");
  return result;
}
