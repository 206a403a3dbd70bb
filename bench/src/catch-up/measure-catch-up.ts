import type { Figure } from "../figure.ts";
import { measureConflicts } from "./conflicts.ts";
import { type Gap, measureGap } from "./entries-behind.ts";
import { measureSnapshotGap, type SnapshotGap } from "./snapshot-behind.ts";

/** How much catching up to measure. */
export interface CatchUpEffort {
  readonly gaps: readonly Gap[];
  /** Over how many terms a conflicting tail reaches. */
  readonly conflictTerms: number;
  readonly snapshots: readonly SnapshotGap[];
}

const gibi = 2 ** 30;
/** More than any machine copies in a second. */
const boundless = 2 ** 40;

/** What the product promises to be measured with. */
export const fullCatchUp: CatchUpEffort = {
  gaps: [
    { count: 1000, bytes: 16, rounds: 5, prepared: false },
    { count: 100_000, bytes: 16, rounds: 5, prepared: false },
    { count: 50_000, bytes: 4096, rounds: 3, prepared: false },
    { count: 10_000_000, bytes: 16, rounds: 1, prepared: true },
  ],
  conflictTerms: 200,
  snapshots: [
    { bytes: gibi, kind: "memory", bytesPerSecond: boundless },
    { bytes: gibi, kind: "durable", bytesPerSecond: boundless },
    { bytes: gibi, kind: "memory", bytesPerSecond: undefined },
  ],
};

/** The same, scaled down: a look, not a measurement. */
export const quickCatchUp: CatchUpEffort = {
  gaps: [
    { count: 1000, bytes: 16, rounds: 2, prepared: false },
    { count: 20_000, bytes: 16, rounds: 2, prepared: false },
    { count: 5000, bytes: 4096, rounds: 1, prepared: false },
    { count: 300_000, bytes: 16, rounds: 1, prepared: true },
  ],
  conflictTerms: 50,
  snapshots: [
    { bytes: gibi / 8, kind: "memory", bytesPerSecond: boundless },
    { bytes: gibi / 8, kind: "durable", bytesPerSecond: boundless },
  ],
};

/** Followers of a whole group that come back: how fast they catch up, and what that takes. */
export async function measureCatchUp(dir: string, effort: CatchUpEffort): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const gap of effort.gaps) figures.push(...(await measureGap(dir, gap)));
  figures.push(await measureConflicts(dir, effort.conflictTerms));
  for (const gap of effort.snapshots) figures.push(...(await measureSnapshotGap(dir, gap)));
  return figures;
}
