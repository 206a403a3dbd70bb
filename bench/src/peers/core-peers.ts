import { fileURLToPath } from "node:url";
import type { Figure, PeerValue } from "../figure.ts";
import { Samples } from "../samples.ts";
import { type CoreSample, type CoreSetting, sampleCore } from "./core-sample.ts";
import { buildPeer, goProgram, npmProgram, type PeerBuild, rustProgram } from "./peer-builds.ts";

/** Another core, and how it is measured. */
interface CorePeer {
  readonly name: string;
  readonly build: PeerBuild;
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

/** A peer that was not measured, and why. */
export interface MissingPeer {
  readonly name: string;
  readonly reason: string;
}

/** What came of measuring beside peers. */
export interface PeerFigures {
  readonly figures: readonly Figure[];
  readonly missing: readonly MissingPeer[];
}

/** A program that is measured, with its samples so far. */
interface Contestant extends Omit<CorePeer, "build"> {
  readonly program: { readonly command: string; readonly args: readonly string[] };
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
  const missing = [...unusable];
  const peers: Contestant[] = [];
  for (const peer of corePeers) {
    log(`building ${peer.name}`);
    const built = await buildPeer(peer.build);
    if (built.kind === "built") peers.push({ ...peer, program: built, samples: new Map() });
    else missing.push({ name: peer.name, reason: built.reason });
  }
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
          const said = error instanceof Error ? error.message : String(error);
          missing.push({ name: peer.name, reason: said.trim().replaceAll("\n", ": ") });
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
  const figure = (unit: string, rateOf: (sample: CoreSample) => number): Figure => {
    const rates = ({ name, samples }: Contestant): PeerValue[] => {
      const taken = new Samples((samples.get(setting) ?? []).slice(1).map(rateOf));
      if (taken.count === 0) return [];
      return [{ name, value: taken.median, spread: [taken.min, taken.max] }];
    };
    const name = settingName(setting);
    const [own] = rates(product);
    if (own === undefined) throw new Error("the product was not measured");
    return { group: "throughput", ...own, name, unit, peers: peers.flatMap(rates), better: "more" };
  };
  return [
    figure("entries/s", ({ entries, seconds }) => entries / seconds),
    figure("entries/processor s", ({ entries, cpuSeconds }) => entries / cpuSeconds),
  ];
}
