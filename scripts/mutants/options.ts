import { parseArgs } from "node:util";
import type { Mutant } from "./mutant.ts";
import { fullRange, type Range } from "./trial.ts";

/** What a run of the mutants was asked for. */
export interface MutantOptions {
  /** Whether a mutant is run. */
  readonly isChosen: (mutant: Mutant) => boolean;
  /** How many processes run at once. At least 1. */
  readonly jobCount: number;
  readonly range: Range;
  /** Whether the results are printed as JSON, and not as a table. */
  readonly json: boolean;
  /** Whether the page of the documentation is written. */
  readonly write: boolean;
}

/** How to call it. */
export const usage: string =
  "usage: npm run mutants -- [--only ROW|LEVEL|NAME,…] [--jobs N] [--starts A,B,…] [--seeds N]" +
  " [--json] [--write]";

/** Reads the command line. Throws `TypeError` if it makes no sense. */
export function parseOptions(args: readonly string[]): MutantOptions {
  const { only, jobs, starts, seeds, json, write } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      jobs: { type: "string", default: "2" },
      starts: { type: "string", default: fullRange.starts.join(",") },
      seeds: { type: "string", default: String(fullRange.seedCountMax) },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  }).values;
  const words = only?.split(",");
  if (write && words !== undefined) throw new TypeError("--write takes all mutants, not some");
  return {
    isChosen: (mutant) => words === undefined || words.some((word) => matches(mutant, word)),
    jobCount: count(jobs),
    range: { starts: starts.split(",").map(count), seedCountMax: count(seeds) },
    json,
    write,
  };
}

function matches({ id, rows, level }: Mutant, word: string): boolean {
  const isName = word.includes("-") && id.startsWith(word);
  return isName || level === word || rows.some((row) => row === word);
}

function count(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new TypeError(`not a number of at least 1: ${text}`);
  return Number(text);
}
