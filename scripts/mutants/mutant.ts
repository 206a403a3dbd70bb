/** A row of the catalogue of pitfalls: a letter for the subject and a number. */
export type RowId = `${"E" | "R" | "D" | "S" | "M" | "L"}${number}`;

/**
 * What a bug breaks. ES: election safety. LC: leader completeness. LM: log matching. SMS: state machine
 * safety. LIN: linearizability. DUR: an acknowledged write is lost. CRASH: a node stops, or cannot start
 * again. LIVE: liveness. AVAIL: availability, for longer than need be.
 */
export type Property = "ES" | "LC" | "LM" | "SMS" | "LIN" | "DUR" | "CRASH" | "LIVE" | "AVAIL";

/** One change of one source file. */
export interface Patch {
  /** The file, from the root of the repository. */
  readonly file: string;
  /** What is replaced: text that the file holds exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A deliberate bug: put back on purpose, the simulator or a named test must fail. Never shipped. */
export type Mutant = SimulatedMutant | TestedMutant;

interface Described {
  /** The first of its rows, and a name in a few words. Unique. */
  readonly id: string;
  /** The rows that it stands for, at least one. */
  readonly rows: readonly RowId[];
  readonly property: Property;
  readonly patches: readonly Patch[];
  /** What it does wrong, and what then happens. */
  readonly why: string;
}

/** A bug for the simulator to find. */
export interface SimulatedMutant extends Described {
  /** `core`: nodes and hosts in a synchronous world. `whole`: replicas, log and wire code too. */
  readonly level: "core" | "whole";
  /** Whether the exhaustive search of small worlds must find it too. */
  readonly explored: boolean;
}

/** A bug that no message and no crash can show, for the tests of a package to find. */
export interface TestedMutant extends Described {
  readonly level: "unit";
  /** The files of tests that are run, from the root of the repository. */
  readonly tests: readonly string[];
}

/** Whether a mutant breaks a promise to users, and so must be caught: all but a slow or stuck group do. */
export function isSafetyMutant({ property }: Mutant): boolean {
  return property !== "LIVE" && property !== "AVAIL";
}
