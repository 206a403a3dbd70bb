import type { Figure } from "../figure.ts";
import { measureCoreGrowth } from "./core-growth.ts";
import { measureMemory } from "./memory-growth.ts";
import { type GrowthLoad, measureLengths, measureSizes } from "./whole-growth.ts";

/** How much growth to measure. */
export interface GrowthEffort {
  /** How many entries the logs hold, ascending. */
  readonly lengths: readonly number[];
  readonly coreEntries: number;
  readonly load: GrowthLoad;
}

const sizes = [3, 5, 7];

/** What the product promises to be measured with. */
export const fullGrowth: GrowthEffort = {
  lengths: [1e3, 1e4, 1e5, 1e6, 1e7],
  coreEntries: 64_000,
  load: { rounds: 5, secondsPerLoad: 1, warmUpSeconds: 3 },
};

/** The same, scaled down: a look, not a measurement. */
export const quickGrowth: GrowthEffort = {
  lengths: [1e3, 1e4, 1e5, 1e6],
  coreEntries: 16_000,
  load: { rounds: 2, secondsPerLoad: 0.5, warmUpSeconds: 1 },
};

/** What an entry costs as the log and the group grow, and what memory does in `minutes` of load. */
export async function measureGrowth(
  dir: string,
  effort: GrowthEffort,
  minutes: number,
): Promise<Figure[]> {
  const { lengths, coreEntries, load } = effort;
  return [
    ...measureCoreGrowth(lengths, coreEntries, load.rounds),
    ...(await measureLengths(dir, lengths, load)),
    ...(await measureSizes(dir, sizes, load)),
    ...(await measureMemory(dir, minutes)),
  ];
}
