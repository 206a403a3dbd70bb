import { Worker } from "node:worker_threads";
import type { WorkerNews, WorkerTask } from "./campaign-worker.ts";
import type { Level } from "./sim-settings.ts";

/** What a campaign runs. */
export interface CampaignOptions {
  readonly level: Level;
  readonly first: number;
  /** May be infinite. */
  readonly last: number;
  /** Seeds that are left out. */
  readonly without: ReadonlySet<number>;
  /** How long to go on, in milliseconds; may be infinite. */
  readonly lengthMs: number;
  /** How many seeds run at a time. */
  readonly jobCount: number;
  /** Whether to look for the smallest scenario of each of the first failures. */
  readonly shrinks: boolean;
  /** Ends the campaign early. */
  readonly signal: AbortSignal;
  /** Is told of every seed that fails. */
  readonly onFailure: (seed: number, message: string) => void;
  /** Is told of the smallest scenario of a seed that failed. */
  readonly onScenario: (seed: number, text: string) => void;
  /** Is called whenever there is more to tell. */
  readonly onProgress: (tally: Tally) => void;
}

/** Of how many failures each thread looks for the smallest scenario: with more, all have one cause. */
const shrinkCountMax = 5;

/** What a campaign has come to. */
export interface Tally {
  readonly runCount: number;
  readonly eventCount: number;
  readonly tickCount: number;
  readonly failureCount: number;
  /** Real time, in milliseconds. */
  readonly elapsedMs: number;
  readonly coverage: ReadonlyMap<string, number>;
}

/**
 * Runs seeds on several threads until all are done, the time is over, or the signal says so. Throws what
 * those who are told throw, and what ends a thread.
 */
export async function runCampaign(options: CampaignOptions): Promise<Tally> {
  const { level, first, last, without, lengthMs, jobCount, signal } = options;
  const begin = performance.now();
  const total = { runCount: 0, eventCount: 0, tickCount: 0, failureCount: 0 };
  const coverage = new Map<string, number>();
  const tally = (): Tally => ({ ...total, elapsedMs: performance.now() - begin, coverage });
  const onNews = (news: WorkerNews): void => {
    total.runCount += news.runCount;
    total.eventCount += news.eventCount;
    total.tickCount += news.tickCount;
    total.failureCount += news.failures.length;
    for (const [kind, count] of news.coverage) {
      coverage.set(kind, (coverage.get(kind) ?? 0) + count);
    }
    for (const { seed, message } of news.failures) options.onFailure(seed, message);
    for (const { seed, text } of news.scenarios) options.onScenario(seed, text);
    options.onProgress(tally());
  };
  // One thread that fails ends all.
  const end = new AbortController();
  const both = AbortSignal.any([signal, end.signal]);
  const common = {
    level,
    last,
    without,
    step: jobCount,
    deadline: Date.now() + lengthMs,
    shrinkCountMax: options.shrinks ? shrinkCountMax : 0,
  };
  const jobs = Array.from({ length: jobCount }, (_, offset) =>
    runWorker({ ...common, first: first + offset }, onNews, both),
  );
  try {
    await Promise.all(jobs);
  } finally {
    end.abort();
    await Promise.allSettled(jobs);
  }
  return tally();
}

function runWorker(
  task: WorkerTask,
  onNews: (news: WorkerNews) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("campaign-worker.js", import.meta.url), { workerData: task });
    const stop = (): void => void worker.terminate();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    worker.on("message", (news: WorkerNews) => {
      try {
        onNews(news);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      signal.removeEventListener("abort", stop);
      if (code === 0 || signal.aborted) resolve();
      else reject(new Error(`a simulation thread ended with ${code}`));
    });
  });
}
