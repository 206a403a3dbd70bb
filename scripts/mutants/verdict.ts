import type { FailureReport, StartReport } from "./seeds-process.ts";

/** How a mutant, or the code as it is, came out. */
export type Verdict =
  /** Seeds were run from several starts: all of what came of each. */
  | { readonly kind: "seeds"; readonly starts: readonly StartReport[] }
  /** Tests were run. `failed` names the first that failed, if one did. */
  | { readonly kind: "tests"; readonly failed: string | undefined }
  /** The simulator has no such level. */
  | { readonly kind: "absent" }
  /** Nothing can be said: the mutant does not run, or the process died. */
  | { readonly kind: "broken"; readonly reason: string };

/** The errors by which the code and the simulator say what they saw; any other is an accident. */
const deliberate: ReadonlySet<string> = new Set([
  "Violation",
  "AssertionError",
  "LivenessFailure",
  "WholeLivenessFailure",
  "AppDefect",
  "RaftError",
]);

/** Whether a failure says more than that the patched code does not run. */
export function isDeliberate({ name }: FailureReport): boolean {
  return deliberate.has(name);
}

/** Who saw a failure, in a few words: `I7`, `assertion I10`, `liveness no-leader`, `refusal stale_ready`. */
export function judgeOf({ name, message, label }: FailureReport): string {
  switch (name) {
    case "Violation":
      return label ?? "contract";
    case "AssertionError": {
      const number = /\bI\d+\b/.exec(message)?.[0];
      return number === undefined ? `assertion: ${message}` : `assertion ${number}`;
    }
    case "AppDefect":
      return "clients";
    case "LivenessFailure":
    case "WholeLivenessFailure":
      return `liveness ${label ?? ""}`.trimEnd();
    default:
      return `refusal ${label ?? name}`;
  }
}

/** Whether the mutant was found: from every start, or by a test. */
export function isCaught(verdict: Verdict): boolean {
  switch (verdict.kind) {
    case "seeds":
      return verdict.starts.every(({ failure }) => failure !== undefined);
    case "tests":
      return verdict.failed !== undefined;
    default:
      return false;
  }
}

/** Whether nothing at all was found. */
export function isClean(verdict: Verdict): boolean {
  switch (verdict.kind) {
    case "seeds":
      return verdict.starts.every(({ failure }) => failure === undefined);
    case "tests":
      return verdict.failed === undefined;
    case "absent":
      return true;
    case "broken":
      return false;
  }
}

/** How many seeds it took, in the middle of all starts that found something; undefined if none did. */
export function medianSeedCount(starts: readonly StartReport[]): number | undefined {
  const counts = starts.filter(({ failure }) => failure !== undefined);
  const sorted = counts.map(({ seedCount }) => seedCount).sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** The judges that found something, the most frequent first, each once. */
export function judgesOf(starts: readonly StartReport[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { failure } of starts) {
    if (failure === undefined) continue;
    const judge = judgeOf(failure);
    counts.set(judge, (counts.get(judge) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([judge]) => judge);
}
