import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Figure } from "./figure.ts";
import { ProcessGroup } from "./process-group.ts";
import type { RecorderLoad } from "./recorder-worker.ts";
import { Samples } from "./samples.ts";
import { type Effort, loadOnce } from "./whole-figures.ts";

/** What a replica keeps by default, in bytes. */
const recorderBytes = 4 * 1024 * 1024;
const coreRoundCount = 7;

/** What it costs to keep what the core is told: with it, beside the same without it, in turns. */
export async function measureCoreRecorder(entryCount: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const perReady of [1, 64]) {
    const count = perReady === 1 ? entryCount / 8 : entryCount;
    const [recorded, plain]: [number[], number[]] = [[], []];
    for (let round = 0; round < coreRoundCount; round++) {
      recorded.push(await rateInWorker({ recorderBytes, count, perReady }));
      plain.push(await rateInWorker({ recorderBytes: 0, count, perReady }));
    }
    figures.push(figureOf(`core only, 3 voters, 16 B, ${perReady} per Ready`, recorded, plain));
  }
  return figures;
}

async function rateInWorker(load: RecorderLoad): Promise<number> {
  const worker = new Worker(new URL("./recorder-worker.js", import.meta.url), { workerData: load });
  try {
    return await new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  } finally {
    await worker.terminate();
  }
}

/** The same of whole replicas, in two groups that take turns under the load of many clients. */
export async function measureWholeRecorder(dir: string, effort: Effort): Promise<Figure[]> {
  const groupDir = mkdtempSync(join(dir, "recorder-"));
  const groups: ProcessGroup[] = [];
  try {
    for (const flightRecorderBytes of [recorderBytes, 0]) {
      const ownDir = join(groupDir, String(flightRecorderBytes));
      groups.push(await ProcessGroup.start(3, ownDir, 20, { flightRecorderBytes }));
    }
    const figures: Figure[] = [];
    for (const [clients, bytes] of [
      [1024, 16],
      [64, 16],
    ] as const) {
      const rates = await ratesInTurns(groups, { clients, bytes, effort });
      const [recorded = [], plain = []] = rates;
      figures.push(figureOf(`whole, 3 voters, ${clients} clients, ${bytes} B`, recorded, plain));
    }
    return figures;
  } finally {
    await Promise.all(groups.map((group) => group.close()));
    rmSync(groupDir, { recursive: true, force: true });
  }
}

/** Entries per second of each group, in each of several rounds; who goes first changes every time. */
async function ratesInTurns(
  groups: readonly ProcessGroup[],
  load: { readonly clients: number; readonly bytes: number; readonly effort: Effort },
): Promise<number[][]> {
  const { clients, bytes, effort } = load;
  const writes = Number.MAX_SAFE_INTEGER;
  const rates: number[][] = groups.map(() => []);
  for (let round = 0; round <= 2 * effort.rounds; round++) {
    const order = [...groups.entries()];
    for (const [place, group] of round % 2 === 0 ? order : order.toReversed()) {
      const leader = await group.leader();
      const seconds = effort.secondsPerLoad;
      const result = await loadOnce(group, leader, { clients, bytes, writes, seconds });
      if (round > 0) rates[place]?.push(result.writes / result.seconds);
    }
  }
  return rates;
}

function figureOf(name: string, recorded: readonly number[], plain: readonly number[]): Figure {
  const samples = new Samples(recorded);
  return {
    group: "throughput",
    name: `flight recorder on, ${name}`,
    value: samples.median,
    unit: "entries/s",
    spread: [samples.min, samples.max],
    floor: { name: "the same without it", value: new Samples(plain).median },
    better: "more",
  };
}
