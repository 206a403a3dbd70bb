import { isSafetyMutant, type Mutant } from "./mutant.ts";
import type { StartReport } from "./seeds-process.ts";
import { isCaught, isClean, judgesOf, medianSeedCount, type Verdict } from "./verdict.ts";

/** What came of one mutant. */
export interface MutantResult {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
  /** What the exhaustive search of small worlds says; undefined for a mutant that is not for it. */
  readonly exploration: Verdict | undefined;
}

/** What came of the code as it is, by the level or the tests that it was put before. */
export interface UnmutatedResult {
  readonly what: string;
  readonly verdict: Verdict;
}

/**
 * How a mutant came out, in one word. `caught`: from every start, and by the exhaustive search if it is
 * for that. `survived`: from one start at least, or that search.
 * `absent`: the level that is to catch it does not exist. `broken`: it does not run at all.
 */
export type Fate = "caught" | "survived" | "absent" | "broken";

/** The fate of a mutant. */
export function fateOf({ verdict, exploration }: MutantResult): Fate {
  if (verdict.kind === "absent" || verdict.kind === "broken") return verdict.kind;
  const isFound = isCaught(verdict);
  if (exploration === undefined || exploration.kind === "absent") {
    return isFound ? "caught" : "survived";
  }
  if (exploration.kind === "broken") return "broken";
  return isFound && isCaught(exploration) ? "caught" : "survived";
}

/** Whether nobody may rest before this is mended. */
export function isAlarming(result: MutantResult): boolean {
  const fate = fateOf(result);
  return fate === "broken" || (fate === "survived" && isSafetyMutant(result.mutant));
}

/** Who caught a mutant, the most frequent first; what is wrong if nobody did. */
export function catchersOf({ verdict, exploration }: MutantResult): string {
  const catchers = describe(verdict);
  if (exploration === undefined || exploration.kind === "absent") return catchers;
  return `${catchers}; search: ${describe(exploration)}`;
}

function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case "seeds": {
      const judges = judgesOf(verdict.starts);
      return judges.length === 0 ? "nobody" : judges.join(", ");
    }
    case "tests":
      return verdict.failed === undefined ? "no test" : `test “${verdict.failed}”`;
    case "absent":
      return "the level does not exist yet";
    case "broken":
      return verdict.reason;
  }
}

/** After how many seeds, in the middle and at most; from how many starts, if not from all. */
export function seedsOf({ verdict }: MutantResult): string {
  if (verdict.kind !== "seeds") return "";
  const { starts } = verdict;
  const found = starts.filter(({ failure }) => failure !== undefined);
  const median = medianSeedCount(starts);
  if (median === undefined) return "";
  const most = Math.max(...found.map(({ seedCount }) => seedCount));
  const range = `${median} (≤ ${most})`;
  return found.length === starts.length ? range : `${range} in ${found.length} of ${starts.length}`;
}

const idWidth = 36;

/** One line of the table for the terminal. */
export function lineOf(result: MutantResult): string {
  const { id, property, level } = result.mutant;
  const fate = fateOf(result);
  const mark = isAlarming(result) ? fate.toUpperCase() : fate;
  const columns = [
    mark.padEnd(9),
    id.padEnd(idWidth),
    property.padEnd(6),
    level.padEnd(6),
    seedsOf(result).padEnd(26),
    catchersOf(result),
  ];
  return columns.join("").trimEnd();
}

/** One line on the code as it is: clean, or what was found, and with which seed. */
export function lineOfUnmutated({ what, verdict }: UnmutatedResult): string {
  if (verdict.kind === "absent") return `absent   ${what}`;
  if (isClean(verdict)) return `clean    the code as it is, ${what}`;
  const found = verdict.kind === "seeds" ? verdict.starts.map(findingOf) : [findingIn(verdict)];
  return `FAILED   the code as it is, ${what}: ${found.filter((text) => text !== "").join("; ")}`;
}

function findingOf({ start, seedCount, failure }: StartReport): string {
  return failure === undefined ? "" : `seed ${start + seedCount - 1}: ${failure.message}`;
}

function findingIn(verdict: Verdict): string {
  if (verdict.kind === "tests") return verdict.failed ?? "";
  return verdict.kind === "broken" ? verdict.reason : "";
}

/** The last line: how many came out how. */
export function summaryOf(results: readonly MutantResult[]): string {
  const counts = new Map<Fate, number>();
  for (const result of results) {
    const fate = fateOf(result);
    counts.set(fate, (counts.get(fate) ?? 0) + 1);
  }
  const parts = [...counts].map(([fate, count]) => `${count} ${fate}`);
  return `${results.length} mutants: ${parts.join(", ")}`;
}

/** Everything, for programs. */
export function jsonOf(
  unmutated: readonly UnmutatedResult[],
  results: readonly MutantResult[],
): string {
  const mutants = results.map((result) => {
    const { mutant, verdict, exploration } = result;
    const { id, rows, property, level } = mutant;
    return { id, rows, property, level, fate: fateOf(result), verdict, exploration };
  });
  return `${JSON.stringify({ unmutated, mutants }, undefined, 2)}\n`;
}
