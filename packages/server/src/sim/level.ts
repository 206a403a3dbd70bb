import {
  coverageKinds,
  nameFailure,
  type Observer,
  parseScenario,
  type Plan,
  play,
  playWhole,
  shrink,
  shrinkWhole,
  simulate,
  simulateWhole,
  wholeCoverageKinds,
} from "@quorate/sim";
import { CommandError } from "../cli/exit-status.ts";
import type { Level } from "./sim-settings.ts";
import type { TraceFiles } from "./trace-files.ts";

/** What one run came to. */
export interface RunReport {
  readonly hash: string;
  readonly eventCount: number;
  /** Simulated time, in ticks. */
  readonly tickCount: number;
  /** How often each fault and each event was seen. */
  readonly coverage: ReadonlyMap<string, number>;
}

/** Who wants to see a run. */
export interface Viewer {
  /** Is given every line of the readable trace. */
  readonly writer?: ((line: string) => void) | undefined;
  /** Where the events of a core-level run go. */
  readonly files?: TraceFiles | undefined;
}

/** How a scenario ended. */
export interface ScenarioEnd {
  /** The name of the failure, or "holds". */
  readonly outcome: string;
  /** What the scenario says that it ends with. */
  readonly expect: string;
  /** What went wrong, in full. */
  readonly message: string | undefined;
}

/**
 * Runs one seed. Throws if something is wrong with the run, and a `CommandError` if something is with
 * the files of its viewer.
 */
export async function runSeed(level: Level, seed: number, viewer: Viewer = {}): Promise<RunReport> {
  const { writer, files } = viewer;
  if (level === "whole") return simulateWhole(seed, { writer });
  const observe = files && (({ options }: Plan): readonly Observer[] => files.observers(options));
  try {
    return simulate(seed, { writer, observe, raft: files?.raft });
  } catch (error) {
    // A full disk is no failure of the seed.
    throw error instanceof Error && error.cause instanceof CommandError ? error.cause : error;
  }
}

/** The smallest scenario in which a failed seed still fails, as text; undefined if none was found. */
export async function shrinkSeed(level: Level, seed: number): Promise<string | undefined> {
  return level === "core" ? (await shrink(seed))?.text : shrinkWhole(seed);
}

/** The level of a scenario. */
export function levelOf(text: string): Level {
  return /^level whole$/m.test(text) ? "whole" : "core";
}

/**
 * Plays a scenario of either level. Throws `ScenarioError` for a text that is none, and a `CommandError`
 * if something is wrong with the files of its viewer.
 */
export async function playText(text: string, viewer: Viewer = {}): Promise<ScenarioEnd> {
  if (levelOf(text) === "whole") {
    const { outcome, expect, failure } = await playWhole(text, { writer: viewer.writer });
    return { outcome, expect, message: failure?.message };
  }
  const scenario = parseScenario(text);
  const { writer, files } = viewer;
  const { error } = play(scenario, { writer, observers: files?.observers(scenario.cast.raft) });
  const { expect } = scenario;
  if (error instanceof CommandError) throw error;
  if (error === undefined) return { outcome: "holds", expect, message: undefined };
  const message = error instanceof Error ? error.message : nameFailure(error);
  return { outcome: nameFailure(error), expect, message };
}

/** Everything that a range of runs on a level must have seen to mean anything. */
export function kindsOf(level: Level): readonly string[] {
  return level === "core" ? coverageKinds : wholeCoverageKinds;
}
