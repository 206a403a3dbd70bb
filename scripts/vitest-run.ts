import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type Ended, runTool } from "./child.ts";
import { at, listOf, parseJson, textAt } from "./json.ts";
import type { Tally } from "./stage.ts";
import { root } from "./tree.ts";

/** Runs every test of every project, and reports while it does. */
export async function runVitest(): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-test-"));
  try {
    const report = join(folder, "report.json");
    const ended = await runTool(
      "vitest",
      [
        "run",
        "--allowOnly=false",
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${report}`,
      ],
      { show: true },
    );
    return tallyOf(readReport(report), ended);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The text of the report; undefined if there is none, as when vitest crashed. */
function readReport(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * Counts a run of vitest from its JSON report. A test that did not run counts as failed, and so does a
 * file that could not be loaded, a run without tests, and a run that ended badly though no test failed:
 * a crash, or an error outside of any test.
 */
export function tallyOf(report: string | undefined, ended: Pick<Ended, "ok" | "how">): Tally {
  const files = report === undefined ? [] : listOf(at(parseJson(report), "testResults"));
  const failures: string[] = [];
  let passed = 0;
  for (const file of files) {
    const path = relative(root, textAt(file, "name") ?? "a file without a name");
    const tests = listOf(at(file, "assertionResults"));
    for (const test of tests) {
      const status = textAt(test, "status") ?? "unknown";
      if (status === "passed") passed += 1;
      else failures.push(`${path}: ${textAt(test, "fullName") ?? ""} (${status})`);
    }
    if (textAt(file, "status") !== "passed" && !tests.some(hasFailed)) {
      failures.push(`${path}: ${textAt(file, "message") ?? "could not be run"}`);
    }
  }
  if (report === undefined) failures.push(`vitest left no report: it ${ended.how}`);
  else if (passed + failures.length === 0) failures.push("vitest ran no tests");
  else if (!ended.ok && failures.length === 0) {
    failures.push(`vitest ${ended.how}, though no test failed: an error outside of any test`);
  }
  return { passed, failures };
}

function hasFailed(test: unknown): boolean {
  return textAt(test, "status") === "failed";
}
