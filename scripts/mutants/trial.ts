import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScript, runTool } from "../child.ts";
import { at, listOf, parseJson, textAt } from "../json.ts";
import type { Mutant, Patch } from "./mutant.ts";
import { type Build, readSource, writeTests } from "./packages.ts";
import { patchedFiles } from "./patch.ts";
import type { FailureReport, StartReport } from "./seeds-process.ts";
import { isDeliberate, type Verdict } from "./verdict.ts";

/** Which seeds are run. */
export interface Range {
  readonly starts: readonly number[];
  /** How many seeds are run from each start, at most. */
  readonly seedCountMax: number;
}

/** Five starts, far apart, and two hundred seeds from each. */
export const fullRange: Range = { starts: [1, 1001, 2001, 3001, 4001], seedCountMax: 200 };

/** The functions of the simulator, by level. */
const functions = {
  core: "simulate",
  whole: "simulateWhole",
  explored: "exploreStandard",
} as const;

/** A level of the simulator: nodes, replicas, or every schedule of a few nodes. */
export type Level = keyof typeof functions;

/** One run of all explorations, which know no seed. */
const once: Range = { starts: [0], seedCountMax: 1 };

/** When a process is killed that seems never to end, in milliseconds. */
const timeoutMs = 15 * 60_000;

/** Puts one mutant before those who are to catch it. */
export async function tryMutant(build: Build, mutant: Mutant, range: Range): Promise<Verdict> {
  if (mutant.level === "unit") return await runTests(mutant.patches, mutant.tests);
  return await runSeeds(build, mutant.patches, mutant.level, range);
}

/** Runs seeds with some patches, or none, applied. */
export async function runSeeds(
  build: Build,
  patches: readonly Patch[],
  level: Level,
  range: Range,
): Promise<Verdict> {
  const { starts, seedCountMax } = level === "explored" ? once : range;
  return await inFolder(async (folder) => {
    const script = build.write(folder, patchedFiles(patches, readSource));
    const args = [functions[level], String(seedCountMax), ...starts.map(String)];
    const ended = await runScript(script, args, { folder, timeoutMs });
    if (ended.ok) return verdictOf(ended.output);
    return {
      kind: "broken",
      reason: `the process ${ended.how}: ${ended.output.trim().slice(0, 400)}`,
    };
  });
}

/** Runs files of tests with some patches, or none, applied. */
export async function runTests(
  patches: readonly Patch[],
  tests: readonly string[],
): Promise<Verdict> {
  return await inFolder(async (folder) => {
    writeTests(folder, patchedFiles(patches, readSource));
    const report = join(folder, "report.json");
    const args = ["run", "--root", folder, "--reporter=json", `--outputFile=${report}`, ...tests];
    const ended = await runTool("vitest", args, { folder, timeoutMs });
    const found = firstFailure(readReport(report));
    if (found === undefined && !ended.ok) {
      return { kind: "broken", reason: `vitest ${ended.how}: ${ended.output.trim().slice(-400)}` };
    }
    return { kind: "tests", failed: found };
  });
}

/** Gives `use` a folder of its own, and removes it. */
async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-mutant-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads what a process said of its starts. */
function verdictOf(output: string): Verdict {
  const lines = output.split("\n").filter((line) => line !== "");
  const reports = lines.map((line) => parseJson(line));
  if (reports.some((report) => textAt(report, "absent") !== undefined)) return { kind: "absent" };
  const starts = reports.map(startOf);
  const accident = starts.find(({ failure }) => failure !== undefined && !isDeliberate(failure));
  if (accident?.failure === undefined) return { kind: "seeds", starts };
  const { name, message } = accident.failure;
  return { kind: "broken", reason: `${name}: ${message}` };
}

function startOf(report: unknown): StartReport {
  const failure = at(report, "failure");
  return {
    start: Number(at(report, "start")),
    seedCount: Number(at(report, "seedCount")),
    failure: failure === undefined ? undefined : failureOf(failure),
  };
}

function failureOf(failure: unknown): FailureReport {
  const name = textAt(failure, "name") ?? "";
  const message = textAt(failure, "message") ?? "";
  return { name, message, label: textAt(failure, "label") };
}

function readReport(path: string): unknown {
  try {
    return parseJson(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** The full name of the first test that failed; undefined if none did. */
function firstFailure(report: unknown): string | undefined {
  for (const file of listOf(at(report, "testResults"))) {
    for (const test of listOf(at(file, "assertionResults"))) {
      if (textAt(test, "status") === "failed") return textAt(test, "fullName");
    }
  }
  return undefined;
}
