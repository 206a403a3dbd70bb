import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { ScenarioError } from "@quorate/sim";
import { RaftError } from "quorate";
import { runCampaign, type Tally } from "../sim/campaign.ts";
import { type Failure, FailureList } from "../sim/failure-list.ts";
import { kindsOf, playText, runSeed, shrinkSeed, type Viewer } from "../sim/level.ts";
import type { Level, SimSettings } from "../sim/sim-settings.ts";
import { TraceFiles } from "../sim/trace-files.ts";
import { version } from "../version.ts";
import { CommandError, exitStatus } from "./exit-status.ts";

/** Runs one seed, a scenario, or a campaign, and says what came of it. */
export async function simCommand(settings: SimSettings): Promise<number> {
  const { seed, replay, trace, tla, level } = settings;
  const isOne = seed !== undefined || replay !== undefined;
  if ((trace ?? tla) !== undefined && (level !== "core" || !isOne)) {
    const what = "--trace and --tla are for one seed, or one scenario, of the core level";
    throw new CommandError(what, exitStatus.usage);
  }
  if (!isOne) return campaign(settings);
  const files = new TraceFiles(settings);
  const viewer: Viewer = settings.print ? { writer: print, files } : { files };
  try {
    if (replay !== undefined) return await replayScenario(replay, viewer);
    return await runOne(seed ?? 0, settings, viewer);
  } finally {
    files.close();
  }
}

async function runOne(seed: number, settings: SimSettings, viewer: Viewer): Promise<number> {
  const { level, shrink, failures } = settings;
  try {
    const { hash, eventCount, tickCount } = await runSeed(level, seed, viewer);
    print(`seed ${seed}: ${eventCount} events in ${tickCount} ticks, hash ${hash}`);
    return exitStatus.ok;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    await report(level, seed, messageOf(error), new FailureList(failures), shrink);
    return exitStatus.failed;
  }
}

async function replayScenario(path: string, viewer: Viewer): Promise<number> {
  try {
    const { outcome, expect, message } = await playText(readText(path), viewer);
    if (message !== undefined) print(message);
    print(`${path}: ${outcome}, expected ${expect}`);
    return outcome === expect ? exitStatus.ok : exitStatus.failed;
  } catch (error) {
    if (error instanceof ScenarioError || error instanceof RaftError) {
      throw new CommandError(`${path}: ${error.message}`, exitStatus.usage);
    }
    throw error;
  }
}

async function campaign(settings: SimSettings): Promise<number> {
  const { level, minutes, jobs, failures, shrink } = settings;
  const list = new FailureList(failures);
  const still = await tryAgain(level, list);
  // A new place to search every time, unless seeds are named; a seed that fails is printed.
  const anywhere = { first: Math.floor(Math.random() * 2 ** 40), last: Number.POSITIVE_INFINITY };
  const range = settings.seeds ?? (minutes === undefined ? { first: 1, last: 1000 } : anywhere);
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.once("SIGINT", onInterrupt);
  const reports: Promise<void>[] = [];
  const progress = new Progress(level);
  const tally = await runCampaign({
    level,
    ...range,
    lengthMs: minutes === undefined ? Number.POSITIVE_INFINITY : minutes * 60_000,
    jobCount: jobs,
    signal: stop.signal,
    onFailure: (seed, message) => {
      progress.clear();
      reports.push(report(level, seed, message, list, shrink));
    },
    onProgress: (now) => progress.show(now),
  });
  await Promise.all(reports);
  process.off("SIGINT", onInterrupt);
  progress.clear();
  summarize(level, range.first, tally);
  return tally.failureCount + still > 0 ? exitStatus.failed : exitStatus.ok;
}

/** Runs the seeds that failed in earlier campaigns, and forgets those that do not fail any more. */
async function tryAgain(level: Level, list: FailureList): Promise<number> {
  const mended = new Set<number>();
  const known = new Set(
    list.read().flatMap((failure) => (failure.level === level ? [failure.seed] : [])),
  );
  for (const seed of known) {
    try {
      await runSeed(level, seed);
      mended.add(seed);
      print(`seed ${seed} failed before, and does not now`);
    } catch (error) {
      print(`seed ${seed} still fails: ${firstLine(messageOf(error))}`);
    }
  }
  if (mended.size > 0) {
    list.remove((failure) => failure.level === level && mended.has(failure.seed));
  }
  return known.size - mended.size;
}

/** Tells of a failure: what, where, how to repeat it, and the smallest scenario that shows it. */
async function report(
  level: Level,
  seed: number,
  message: string,
  list: FailureList,
  shrinks: boolean,
): Promise<void> {
  const failure: Failure = { level, seed, commit: commitOf(), what: firstLine(message) };
  list.add(failure);
  print(`${message}\ncommit ${failure.commit}`);
  const text = shrinks ? await shrinkSeed(level, seed) : undefined;
  if (text !== undefined) print(`smallest scenario: ${list.keepScenario(level, seed, text)}`);
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

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`${path}: ${messageOf(error)}`, exitStatus.usage);
  }
}

/** What is running: the commit of the working directory, or the version. */
function commitOf(): string {
  try {
    const args = ["rev-parse", "--short", "HEAD"];
    return execFileSync("git", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return version;
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
