import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { type RunReport, runSeed, shrinkSeed } from "./level.ts";
import type { Level } from "./sim-settings.ts";

/** What one worker of a campaign does: every `step`-th seed from `first`. */
export interface WorkerTask {
  readonly level: Level;
  readonly first: number;
  readonly step: number;
  /** The last seed; may be infinite. */
  readonly last: number;
  /** Seeds that are left out. */
  readonly without: ReadonlySet<number>;
  /** When to stop, in milliseconds since the epoch; may be infinite. */
  readonly deadline: number;
  /** Of how many failures the smallest scenario is looked for. */
  readonly shrinkCountMax: number;
}

/** What a worker has done since it last said so. */
export interface WorkerNews {
  readonly runCount: number;
  readonly eventCount: number;
  readonly tickCount: number;
  readonly coverage: ReadonlyMap<string, number>;
  /** Seeds that failed, and why. */
  readonly failures: readonly { readonly seed: number; readonly message: string }[];
  /** The smallest scenarios of seeds that failed. */
  readonly scenarios: readonly { readonly seed: number; readonly text: string }[];
}

/** How long a worker keeps its news to itself, in milliseconds. */
const newsPeriodMs = 250;

/** Runs seeds until the task is done. */
async function work(task: WorkerTask, tell: (news: WorkerNews) => void): Promise<void> {
  const { level, first, step, last, deadline } = task;
  let shrinksLeft = task.shrinkCountMax;
  let news = noNews();
  let told = Date.now();
  const tellAll = (): void => {
    tell(news);
    news = noNews();
    told = Date.now();
  };
  for (let seed = first; seed <= last && Date.now() < deadline; seed += step) {
    if (task.without.has(seed)) continue;
    news.runCount += 1;
    try {
      const { eventCount, tickCount, coverage } = await runAlone(level, seed);
      news.eventCount += eventCount;
      news.tickCount += tickCount;
      for (const [kind, count] of coverage) {
        news.coverage.set(kind, (news.coverage.get(kind) ?? 0) + count);
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      news.failures.push({ seed, message });
      // What follows takes long.
      tellAll();
      const text = shrinksLeft > 0 ? await shrinkSeed(level, seed) : undefined;
      shrinksLeft -= 1;
      if (text !== undefined) news.scenarios.push({ seed, text });
    }
    if (Date.now() >= told + newsPeriodMs || news.scenarios.length > 0) tellAll();
  }
  tellAll();
}

/** Rejections of the present run that nobody handled. */
const strays: unknown[] = [];

/** Runs one seed, and waits until the process has told of every rejection that nobody handled. */
async function runAlone(level: Level, seed: number): Promise<RunReport> {
  strays.length = 0;
  const report = await runSeed(level, seed);
  await setImmediate();
  const [stray] = strays;
  if (stray === undefined) return report;
  const what = stray instanceof Error ? stray.message : typeof stray;
  throw new Error(`seed ${seed}: a rejection that nobody handled: ${what}`);
}

interface MutableNews extends WorkerNews {
  runCount: number;
  eventCount: number;
  tickCount: number;
  readonly coverage: Map<string, number>;
  readonly failures: { readonly seed: number; readonly message: string }[];
  readonly scenarios: { readonly seed: number; readonly text: string }[];
}

function noNews(): MutableNews {
  const counts = { runCount: 0, eventCount: 0, tickCount: 0 };
  return { ...counts, coverage: new Map(), failures: [], scenarios: [] };
}

const port = parentPort;
if (port !== null) {
  process.on("unhandledRejection", (error) => strays.push(error));
  // eslint-disable-next-line typescript/no-unsafe-type-assertion -- Only the campaign starts workers.
  await work(workerData as WorkerTask, (news) => port.postMessage(news));
}
