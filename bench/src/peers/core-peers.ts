import { fileURLToPath } from "node:url";
import type { Figure } from "../figure.ts";
import { type CoreSample, type CoreSetting, sampleCore } from "./core-sample.ts";
import {
  buildPeers,
  goProgram,
  npmProgram,
  type Peer,
  type PeerProgram,
  rustProgram,
} from "./peer-builds.ts";
import {
  figureBeside,
  type MissingPeer,
  type PeerFigures,
  reasonOf,
  type Sampled,
} from "./peer-figures.ts";

/** Another core, and how it is measured. */
interface CorePeer extends Peer {
  /** What it is told beside the setting. */
  readonly options?: readonly string[];
  /** Whether it differs from the peer before it only in batches of more than one. */
  readonly batchesOnly?: true;
}

const etcd = goProgram("core-etcd");

/** The systems that are measured beside the product's core. */
const corePeers: readonly CorePeer[] = [
  {
    name: "etcd/raft 3.7.0",
    build: etcd,
    options: ["--together"],
  },
  {
    name: "etcd/raft 3.7.0, a call each",
    build: etcd,
    batchesOnly: true,
  },
  { name: "raft-rs 0.7.0", build: rustProgram("core-raft-rs") },
  { name: "openraft 0.10.0-alpha.37", build: rustProgram("core-openraft") },
  {
    name: "@markwylde/liferaft 1.4.0",
    build: npmProgram("core-liferaft"),
  },
];

/** Packages of npm that are called Raft and were looked at, and why they are not measured. */
const unusable: readonly MissingPeer[] = [
  { name: "liferaft 1.0.0", reason: "@markwylde/liferaft is the same, maintained" },
  { name: "node-raft 1.0.1", reason: "its submitCommand does nothing: no log is replicated" },
  {
    name: "skiff-algorithm 0.8.2",
    reason: "sends one entry at a time, the next only with the next command or by its timer",
  },
  { name: "zmq-raft 0.5.0", reason: "no core apart from its sockets and files" },
];

/** A program that is measured, with its samples so far. */
interface Contestant extends Omit<CorePeer, "build"> {
  readonly program: PeerProgram;
  readonly samples: Map<Setting, CoreSample[]>;
}

type Setting = Omit<CoreSetting, "entries">;

/** The least that a sample is, and what the first one is. */
const trialBatches = 1000;

const settings: readonly Setting[] = [
  { voters: 3, bytes: 16, batch: 1 },
  { voters: 3, bytes: 256, batch: 1 },
  { voters: 3, bytes: 16, batch: 64 },
  { voters: 3, bytes: 256, batch: 64 },
  { voters: 5, bytes: 16, batch: 64 },
  { voters: 7, bytes: 16, batch: 64 },
];

/**
 * Committed entries per second through the product's core and through others, each sample in a process of
 * its own, of about `seconds` of work. They take turns, so that what else the machine does falls on all of
 * them alike.
 */
export async function measureCorePeers(
  rounds: number,
  seconds: number,
  log: (line: string) => void,
): Promise<PeerFigures> {
  const { built, missing: notBuilt } = await buildPeers(corePeers, log);
  const missing = [...unusable, ...notBuilt];
  const peers = built.map(({ peer, program }): Contestant => ({
    ...peer,
    program,
    samples: new Map(),
  }));
  const product = newProduct();
  // The first round only shows how much work a sample is to be.
  for (let round = 0; round <= rounds; round++) {
    for (const setting of settings) {
      log(`round ${round} of ${rounds}: ${settingName(setting)}`);
      await take(product, setting, seconds);
      for (const peer of [...peers]) {
        if (peer.batchesOnly && setting.batch === 1) continue;
        try {
          await take(peer, setting, seconds);
        } catch (error) {
          missing.push({ name: peer.name, reason: reasonOf(error) });
          peers.splice(peers.indexOf(peer), 1);
        }
      }
    }
  }
  return { figures: settings.flatMap((setting) => figuresOf(setting, product, peers)), missing };
}

/** The product's core, as a peer among peers. */
function newProduct(): Contestant {
  const script = fileURLToPath(new URL("./core-process.js", import.meta.url));
  const program = { command: process.execPath, args: [script] };
  return { name: "Quorate", program, samples: new Map() };
}

function settingName({ voters, bytes, batch }: Setting): string {
  return `core only, ${voters} voters, ${bytes} B, ${batch} per Ready`;
}

/**
 * Takes one sample, and keeps it. It is as much work as takes `seconds` of processor time, going by the
 * sample before: on a busy machine a short one gets a larger share of the clock than a long one.
 */
async function take(
  { program, options, samples }: Contestant,
  setting: Setting,
  seconds: number,
): Promise<void> {
  const taken = samples.get(setting) ?? [];
  const { batch } = setting;
  const before = taken.at(-1) ?? { entries: trialBatches * batch, cpuSeconds: seconds };
  // A very short one may count as no time at all.
  const rate = before.entries / Math.max(before.cpuSeconds, 0.001);
  const entries = Math.max(trialBatches, Math.round((rate * seconds) / batch)) * batch;
  const sample = await sampleCore(program, { ...setting, entries }, options);
  samples.set(setting, [...taken, sample]);
}

/** The rate by the clock, and the rate by what it cost: the latter hardly depends on other work. */
function figuresOf(
  setting: Setting,
  product: Contestant,
  peers: readonly Contestant[],
): readonly Figure[] {
  const sampled = ({ name, samples }: Contestant): Sampled<CoreSample> => ({
    name,
    samples: (samples.get(setting) ?? []).slice(1),
  });
  const own = sampled(product);
  const others = peers.map(sampled);
  const what = { group: "throughput", name: settingName(setting), better: "more" } as const;
  const byClock = { ...what, unit: "entries/s" };
  const byCost = { ...what, unit: "entries/processor s" };
  return [
    figureBeside(byClock, ({ entries, seconds }) => entries / seconds, own, others),
    figureBeside(byCost, ({ entries, cpuSeconds }) => entries / cpuSeconds, own, others),
  ];
}
