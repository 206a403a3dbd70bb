import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Figure, Floor } from "../figure.ts";
import { measureLoneWriteFloor } from "../floors.ts";
import { ProcessGroup } from "../process-group.ts";
import type { LoadResult } from "../replica-protocol.ts";
import { Samples } from "../samples.ts";
import type { Effort } from "../whole-figures.ts";
import { buildPeers, goProgram, type Peer, rustProgram } from "./peer-builds.ts";
import {
  figureBeside,
  type MissingPeer,
  type PeerFigures,
  reasonOf,
  type Sampled,
} from "./peer-figures.ts";
import { peerLauncher } from "./spawn-peer.ts";

/** The systems that are measured beside the whole product. */
const wholePeers: readonly Peer[] = [
  { name: "hashicorp/raft 1.8.0", build: goProgram("whole-hashicorp") },
  { name: "dragonboat 4.0.0-20250723", build: goProgram("whole-dragonboat") },
  { name: "etcd 3.7.3", build: goProgram("whole-etcd", "etcd") },
  { name: "openraft 0.10.0-alpha.37", build: rustProgram("whole-openraft") },
];

const voters = 3;
/** Of two rounds the median is but the lower one. */
const roundsMin = 3;
/** Long, for all systems alike: no election is to come of a moment in which the machine was busy. */
const electionMs = 1000;
/** What the disk still does for the one before, it does before the next begins. */
const pauseMs = 150;

/** One thing that every system is measured in. */
interface Setting {
  readonly clients: number;
  readonly bytes: number;
}

const settings: readonly Setting[] = [1, 64, 256, 1024].flatMap((clients) =>
  [16, 256, 4096].map((bytes) => ({ clients, bytes })),
);

/** A system that takes part in a run. */
interface System {
  readonly name: string;
  readonly start: (dir: string) => Promise<ProcessGroup>;
  readonly loads: Map<Setting, LoadResult[]>;
}

/**
 * The product and its peers as whole systems: three processes of each on loopback, real files on one
 * disk, clients in the leader's process (etcd: in one beside the server).
 *
 * That every system syncs what it answers for was seen from outside: the calls of fsync and fdatasync
 * of its three processes while one client wrote, counted by
 * `strace -f -c -e trace=fsync,fdatasync,sync_file_range -p PID`. docs/performance.md has the counts.
 */
export async function measureWholePeers(
  dir: string,
  effort: Effort,
  log: (line: string) => void,
): Promise<PeerFigures> {
  const { built, missing: notBuilt } = await buildPeers(wholePeers, log);
  const missing = [...notBuilt];
  const product = newSystem("Quorate", (at) => ProcessGroup.start(voters, at, electionMs / 10));
  const peers = built.map(({ peer, program }) => {
    const launch = peerLauncher(program, electionMs);
    return newSystem(peer.name, (at) => ProcessGroup.launch(launch, voters, at));
  });
  const rounds = Math.max(roundsMin, effort.rounds);
  const floors: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const roundDir = mkdtempSync(join(dir, "round-"));
    try {
      log(`round ${round} of ${rounds}`);
      const failed = await measureRound(product, peers, roundDir, effort);
      floors.push(await measureLoneWriteFloor(roundDir));
      for (const { name, reason } of failed) {
        missing.push({ name, reason: `in round ${round}: ${reason}` });
      }
    } finally {
      rmSync(roundDir, { recursive: true, force: true });
    }
  }
  const floor = { name: "data sync + round trip", value: new Samples(floors).median };
  const figures = settings.flatMap((setting) => figuresOf(setting, floor, product, peers));
  return { figures, missing };
}

function newSystem(name: string, start: System["start"]): System {
  return { name, start, loads: new Map(settings.map((setting) => [setting, []])) };
}

/**
 * One round: new groups of all systems, then every setting, system after system. All groups stay up,
 * so that a setting is measured in all systems within seconds; those that wait only send heartbeats,
 * ten a second. New groups in every round, so that no figure hangs on one group's luck, and the disk
 * holds one round's logs at most. A peer that fails is out of the round; the product may not fail.
 */
async function measureRound(
  product: System,
  peers: readonly System[],
  dir: string,
  effort: Effort,
): Promise<readonly MissingPeer[]> {
  const groups = new Map<System, ProcessGroup>();
  const failed: MissingPeer[] = [];
  const attempt = async (system: System, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (system === product) throw error;
      failed.push({ name: system.name, reason: reasonOf(error) });
      await groups.get(system)?.close();
      groups.delete(system);
    }
  };
  try {
    for (const [offset, system] of [product, ...peers].entries()) {
      const own = join(dir, String(offset));
      mkdirSync(own);
      await attempt(system, async () => {
        const group = await system.start(own);
        groups.set(system, group);
        await warmUp(group);
      });
    }
    for (const setting of settings) {
      for (const [system, group] of groups) {
        await attempt(system, async () => {
          const load = await loadFor(effort.secondsPerLoad, group, setting);
          system.loads.get(setting)?.push(load);
        });
        await delay(pauseMs);
      }
    }
  } finally {
    await Promise.all([...groups.values()].map((group) => group.close()));
  }
  return failed;
}

/** Long enough for what is compiled while it runs to be so: a lone client's path takes longest. */
async function warmUp(group: ProcessGroup): Promise<void> {
  await loadFor(2, group, { clients: 1, bytes: 16 });
  await loadFor(1, group, { clients: 256, bytes: 256 });
}

async function loadFor(
  seconds: number,
  group: ProcessGroup,
  { clients, bytes }: Setting,
): Promise<LoadResult> {
  const leader = await group.leader();
  const writes = Number.MAX_SAFE_INTEGER;
  const command = { kind: "load", clients, bytes, writes, seconds } as const;
  const { result } = await group.ask(leader, command, "load");
  // With one process fewer it would be another setting, and nobody else might notice.
  await Promise.all(group.running.map((id) => group.status(id)));
  return result;
}

/** A lone client's figures are how long it waits, those of many are how much they write. */
function figuresOf(
  setting: Setting,
  floor: Floor,
  product: System,
  peers: readonly System[],
): readonly Figure[] {
  const { clients, bytes } = setting;
  const sampled = ({ name, loads }: System): Sampled<LoadResult> => ({
    name,
    samples: loads.get(setting) ?? [],
  });
  const own = sampled(product);
  const others = peers.map(sampled);
  if (clients === 1) {
    const name = `lone write, ${bytes} B, ${voters} voters`;
    const what = { group: "latency", unit: "ms", better: "less" } as const;
    const median = { ...what, name: `${name}, median` };
    const p99 = { ...what, name: `${name}, 99th percentile` };
    return [
      { ...figureBeside(median, ({ medianMs }) => medianMs, own, others), floor },
      { ...figureBeside(p99, ({ p99Ms }) => p99Ms, own, others), floor },
    ];
  }
  const name = `whole, ${voters} voters, ${clients} clients, ${bytes} B`;
  const what = { group: "throughput", name, unit: "entries/s", better: "more" } as const;
  return [figureBeside(what, ({ writes, seconds }) => writes / seconds, own, others)];
}
