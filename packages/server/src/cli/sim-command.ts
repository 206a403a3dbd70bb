import { readFileSync } from "node:fs";
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { ScenarioError } from "@quorate/sim";
import { runCampaign, type Tally } from "../sim/campaign.ts";
import { FailureList } from "../sim/failure-list.ts";
import { FailureReport, firstLine } from "../sim/failure-report.ts";
import { kindsOf, levelOf, playText, runSeed, shrinkSeed, type Viewer } from "../sim/level.ts";
import { onFile } from "../sim/on-file.ts";
import type { Level, SimSettings } from "../sim/sim-settings.ts";
import { TraceFiles } from "../sim/trace-files.ts";
import { CommandError, exitStatus } from "./exit-status.ts";

/** Runs one seed, a scenario, or a campaign, and says what came of it. */
export async function simCommand(settings: SimSettings): Promise<number> {
  const { seed, replay, trace, tla } = settings;
  const isOne = seed !== undefined || replay !== undefined;
  if (settings.print === true && !isOne) {
    throw new CommandError("--print is for one seed, or one scenario", exitStatus.usage);
  }
  const scenario = replay && onFile(replay, () => readFileSync(replay, "utf8"));
  const level = scenario === undefined ? settings.level : levelOf(scenario);
  if ((trace ?? tla) !== undefined && (level !== "core" || !isOne)) {
    const what = "--trace and --tla are for one seed, or one scenario, of the core level";
    throw new CommandError(what, exitStatus.usage);
  }
  if (!isOne) return campaign(settings);
  const files = new TraceFiles(settings);
  const viewer: Viewer = settings.print === true ? { writer: print, files } : { files };
  try {
    if (scenario === undefined) return await runOne(seed ?? 0, settings, viewer);
    return await replayScenario(replay ?? "", scenario, viewer);
  } finally {
    files.close();
  }
}

async function runOne(seed: number, settings: SimSettings, viewer: Viewer): Promise<number> {
  const { level, shrink, failures, tla } = settings;
  try {
    const { hash, eventCount, tickCount } = await runSeed(level, seed, viewer);
    print(`seed ${seed}: ${eventCount} events in ${tickCount} ticks, hash ${hash}`);
    return exitStatus.ok;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (tla !== undefined) {
      print(
        `${messageOf(error)}\nwith --tla, without pre-vote: without it, the seed is another run`,
      );
      return exitStatus.failed;
    }
    const report = new FailureReport(level, new FailureList(failures), print);
    report.tell(seed, messageOf(error));
    const text = shrink ? await shrinkSeed(level, seed) : undefined;
    if (text !== undefined) report.keep(seed, text);
    return exitStatus.failed;
  }
}

async function replayScenario(path: string, text: string, viewer: Viewer): Promise<number> {
  try {
    const { outcome, expect, message } = await playText(text, viewer);
    if (message !== undefined) print(message);
    print(`${path}: ${outcome}, expected ${expect}`);
    return outcome === expect ? exitStatus.ok : exitStatus.failed;
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    throw new CommandError(`${path}: ${error.message}`, exitStatus.usage);
  }
}

async function campaign(settings: SimSettings): Promise<number> {
  const { level, minutes, jobs, failures, shrink } = settings;
  const list = new FailureList(failures);
  // A new place to search every time, unless seeds are named; a seed that fails is printed.
  const anywhere = { first: Math.floor(Math.random() * 2 ** 40), last: Number.POSITIVE_INFINITY };
  const range = settings.seeds ?? (minutes === undefined ? { first: 1, last: 1000 } : anywhere);
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.once("SIGINT", onInterrupt);
  const progress = new Progress(level);
  const report = new FailureReport(level, list, (text) => {
    progress.clear();
    print(text);
  });
  try {
    const failing = await tryAgain(level, list, stop.signal);
    const tally = await runCampaign({
      level,
      ...range,
      without: failing,
      lengthMs: minutes === undefined ? Number.POSITIVE_INFINITY : minutes * 60_000,
      jobCount: jobs,
      shrinks: shrink,
      signal: stop.signal,
      onFailure: (seed, message) => report.tell(seed, message),
      onScenario: (seed, text) => report.keep(seed, text),
      onProgress: (now) => progress.show(now),
    });
    progress.clear();
    summarize(level, range.first, tally);
    if (failing.size > 0) print(`${failing.size} of ${failures} still fail`);
    return tally.failureCount + failing.size > 0 ? exitStatus.failed : exitStatus.ok;
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

/** Runs the seeds that failed in earlier campaigns; forgets those that are mended, returns the rest. */
async function tryAgain(
  level: Level,
  list: FailureList,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const ofLevel = list.read().filter((failure) => failure.level === level);
  const failing = new Set(ofLevel.map(({ seed }) => seed));
  const mended = new Set<number>();
  for (const seed of failing) {
    // Whoever interrupts is heard only between two runs.
    await setImmediate();
    if (signal.aborted) break;
    try {
      await runSeed(level, seed);
      mended.add(seed);
      print(`seed ${seed} failed before, and does not now`);
    } catch (error) {
      print(`failed before, and still does: ${firstLine(messageOf(error))}`);
    }
  }
  if (mended.size > 0) {
    list.remove((failure) => failure.level === level && mended.has(failure.seed));
  }
  for (const seed of mended) failing.delete(seed);
  return failing;
}

function summarize(level: Level, first: number, tally: Tally): void {
  const { runCount, eventCount, tickCount, elapsedMs, failureCount, coverage } = tally;
  const seconds = elapsedMs / 1000;
  print(
    `${level}: ${runCount} seeds from ${first} in ${seconds.toFixed(1)} s, ` +
      `${rate(runCount, seconds / 60)} seeds/min, ${rate(eventCount, seconds)} events/s, ` +
      `${(tickCount / ticksPerHour).toFixed(1)} simulated hours, ${failureCount} failed`,
  );
  const missing = kindsOf(level).filter((kind) => !coverage.has(kind));
  for (const [kind, count] of [...coverage].sort(([a], [b]) => (a < b ? -1 : 1))) {
    print(`  ${kind.padEnd(40)} ${count}`);
  }
  if (runCount > 1 && missing.length > 0) print(`never seen: ${missing.join(", ")}`);
}

/** With ticks of 100 ms, as replicas have by default. */
const ticksPerHour = 36_000;

/** One line that says how far a campaign has got, again and again. */
class Progress {
  readonly #level: Level;
  #shown = 0;

  constructor(level: Level) {
    this.#level = level;
  }

  show({ runCount, elapsedMs, eventCount, tickCount, failureCount, coverage }: Tally): void {
    const isTerminal = process.stderr.isTTY;
    const now = performance.now();
    if (now < this.#shown + (isTerminal ? 500 : 30_000)) return;
    this.#shown = now;
    const seconds = elapsedMs / 1000;
    const kinds = kindsOf(this.#level);
    const seen = kinds.filter((kind) => coverage.has(kind)).length;
    const line =
      `${this.#level} ${seconds.toFixed(0)} s: ${runCount} seeds, ` +
      `${rate(runCount, seconds / 60)}/min, ${rate(eventCount, seconds)} events/s, ` +
      `${(tickCount / ticksPerHour).toFixed(1)} simulated h, ` +
      `${seen} of ${kinds.length} kinds seen, ${failureCount} failed`;
    process.stderr.write(isTerminal ? `\r\u001B[K${line}` : `${line}\n`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\u001B[K");
  }
}

function rate(count: number, per: number): string {
  return Math.round(count / Math.max(per, 1e-9)).toLocaleString("en");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
