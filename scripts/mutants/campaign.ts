import type { Mutant } from "./mutant.ts";
import type { Build } from "./packages.ts";
import type { MutantResult, UnmutatedResult } from "./result.ts";
import { type Level, type Range, runSeeds, runTests, tryMutant } from "./trial.ts";
import { isClean, type Verdict } from "./verdict.ts";

/** Puts the code as it is before everybody who judges one of `mutants`: none may find anything. */
export async function tryUnmutated(
  build: Build,
  mutants: readonly Mutant[],
  range: Range,
  jobCount: number,
): Promise<readonly UnmutatedResult[]> {
  const levels = new Set<Level>();
  const tests = new Set<string>();
  for (const mutant of mutants) {
    if (mutant.level === "unit") {
      for (const path of mutant.tests) tests.add(path);
      continue;
    }
    levels.add(mutant.level);
    if (mutant.explored) levels.add("explored");
  }
  const trials = [...levels].map((level) => ({
    what: `level ${level}`,
    run: () => runSeeds(build, [], level, range),
  }));
  if (tests.size > 0) {
    trials.push({ what: "tests", run: () => runTests([], [...tests].sort()) });
  }
  return await inParallel(trials, jobCount, async ({ what, run }) => ({
    what,
    verdict: await run(),
  }));
}

/** Whether nobody found anything in the code as it is. */
export function isUnmutatedClean(results: readonly UnmutatedResult[]): boolean {
  return results.every(({ verdict }) => isClean(verdict));
}

/** Tries all mutants, `jobCount` at a time, and tells of each when it is done. Results are in their order. */
export async function tryMutants(
  build: Build,
  mutants: readonly Mutant[],
  range: Range,
  jobCount: number,
  tell: (result: MutantResult) => void,
): Promise<readonly MutantResult[]> {
  return await inParallel(mutants, jobCount, async (mutant) => {
    const verdict = await tryMutant(build, mutant, range).catch(brokenBy);
    const exploration = isExplored(mutant)
      ? await runSeeds(build, mutant.patches, "explored", range).catch(brokenBy)
      : undefined;
    const result = { mutant, verdict, exploration };
    tell(result);
    return result;
  });
}

function isExplored(mutant: Mutant): boolean {
  return mutant.level !== "unit" && mutant.explored;
}

function brokenBy(error: unknown): Verdict {
  return { kind: "broken", reason: error instanceof Error ? error.message : String(error) };
}

/** Does `work` for every item, `jobCount` at a time; results are in the order of the items. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  jobCount: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = new Map<number, Result>();
  const waiting = [...items.entries()].values();
  const worker = async (): Promise<void> => {
    for (const [place, item] of waiting) results.set(place, await work(item));
  };
  await Promise.all(Array.from({ length: jobCount }, worker));
  return [...results].sort((a, b) => a[0] - b[0]).map(([, result]) => result);
}
