import type { Ended } from "./child.ts";

/** One thing that is checked. */
export interface Stage {
  /** One or two words, as `--only` takes them. */
  readonly name: string;
  /** Runs the check. What it throws is a failure. */
  readonly run: () => Promise<Verdict>;
}

/** How a check came out. */
export interface Verdict {
  readonly ok: boolean;
  /** What to read if it failed. */
  readonly details: string;
}

/** A verdict on the findings of a check: none is good. */
export function verdictOn(findings: readonly string[]): Verdict {
  return { ok: findings.length === 0, details: findings.join("\n") };
}

/** A verdict on child processes: all must end well. */
export function verdictOf(children: readonly Ended[]): Verdict {
  const failed = children.filter((child) => !child.ok);
  const details = failed.map(({ output, how }) => `${output.trimEnd()}\n(the tool ${how})`);
  return { ok: failed.length === 0, details: details.join("\n") };
}

/** Passes and failures, counted, with the failures' names. */
export interface Tally {
  readonly passed: number;
  readonly failures: readonly string[];
}

/** Runs the stages in order, each to its end, with one line for each and the details of failures. */
export async function runStages(
  stages: readonly Stage[],
  print: (line: string) => void,
): Promise<Tally> {
  const failures: string[] = [];
  for (const stage of stages) {
    const before = performance.now();
    const { ok, details } = await stage.run().catch((error: unknown) => {
      return { ok: false, details: error instanceof Error ? String(error.stack) : String(error) };
    });
    const seconds = ((performance.now() - before) / 1000).toFixed(1);
    print(`${ok ? "ok  " : "FAIL"} ${stage.name.padEnd(12)} ${seconds.padStart(6)} s`);
    if (ok) continue;
    failures.push(stage.name);
    print(details.trimEnd().replace(/^/gm, "     "));
  }
  return { passed: stages.length - failures.length, failures };
}

/** The stages that the command line asks for: all, or the named ones. Throws `RangeError` on a wrong name. */
export function chosenStages(stages: readonly Stage[], args: readonly string[]): readonly Stage[] {
  if (args.length === 0) return stages;
  const [flag, ...names] = args;
  const known = stages.map((stage) => stage.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (flag !== "--only" || names.length === 0 || unknown.length > 0) {
    throw new RangeError(`usage: [--only STAGE…], where STAGE is one of: ${known.join(", ")}`);
  }
  return stages.filter((stage) => names.includes(stage.name));
}

/** The line that every run ends with. */
export function summary({ passed, failures }: Tally): string {
  return `${passed} passed, ${failures.length} failed`;
}
