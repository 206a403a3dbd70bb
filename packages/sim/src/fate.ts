import { unitsPerTick } from "./plan.ts";

/** How one node fares, and what will happen to it anyway. */
export interface Fate {
  /** While true, time stands still for this node; what arrives, waits. */
  isPaused: boolean;
  /** Simulated time from tick to tick. */
  tickUnits: number;
  /** How many times slower than planned the disk is. */
  diskSlowness: number;
  /** What is on the agenda, for this run of the node. */
  readonly due: Set<"ready" | "disk" | "apply">;
}

/** How a node fares as long as nothing befalls it. */
export function newFate(): Fate {
  return { isPaused: false, tickUnits: unitsPerTick, diskSlowness: 1, due: new Set() };
}
