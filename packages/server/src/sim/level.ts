import { coverageKinds, shrink, simulate } from "@quorate/sim";
import type { Level } from "./sim-settings.ts";

/** What one run came to. */
export interface RunReport {
  readonly hash: string;
  readonly eventCount: number;
  /** Simulated time, in ticks. */
  readonly tickCount: number;
  /** How often each fault and each event was seen. */
  readonly coverage: ReadonlyMap<string, number>;
}

/** Who wants to see the events of a run. */
export interface Viewer {
  /** Is given every line of the readable trace. */
  readonly writer?: (line: string) => void;
}

/** Runs one seed. Throws if something is wrong with the run. */
export async function runSeed(level: Level, seed: number, viewer: Viewer = {}): Promise<RunReport> {
  switch (level) {
    case "core":
      return simulate(seed, viewer);
  }
}

/** The smallest scenario in which a failed seed still fails, as text; undefined if none was found. */
export async function shrinkSeed(level: Level, seed: number): Promise<string | undefined> {
  switch (level) {
    case "core":
      return (await shrink(seed))?.text;
  }
}

/** Everything that a range of runs on a level must have seen to mean anything. */
export function kindsOf(level: Level): readonly string[] {
  switch (level) {
    case "core":
      return coverageKinds;
  }
}
