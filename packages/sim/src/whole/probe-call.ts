import { callOf } from "./app.ts";
import type { WholeWorld } from "./whole-world.ts";

/** Calls that show that a group lives have a client of their own. */
export const probeClient = 0;

/** Their numbers, from here on. */
const probeNumber = 1_000_000;

/** The number of a call that writes, or that reads what is newest; undefined if clients never do. */
export function probeNumberOf<Query, Answer>(
  { app, seed }: WholeWorld<Query, Answer>,
  isWrite: boolean,
): number | undefined {
  for (let number = probeNumber; number < probeNumber + 200; number++) {
    const call = callOf(app, seed, number);
    const isFit = isWrite
      ? call.kind === "write"
      : call.kind === "read" && call.consistency !== "local";
    if (isFit) return number;
  }
  return undefined;
}
