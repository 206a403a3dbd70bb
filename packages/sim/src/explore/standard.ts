import type { Bound } from "./bound.ts";
import { explore, type ExploreOptions, type ExploreReport } from "./explore.ts";

/** One exploration that every change of the core must pass. */
export interface StandardExploration {
  readonly bound: Bound;
  readonly options: ExploreOptions;
}

const anything = { duplicates: Infinity, heartbeats: Infinity } as const;
const once = { duplicates: 0, heartbeats: 0 } as const;

/**
 * Explorations of a few seconds each, all of them complete, that between them find the classic
 * mistakes: two nodes whatever happens; three nodes in one term, with slow disks and a crash; elections
 * of three nodes over two terms, whatever the network does (Figure 8 with its shortest logs); and
 * three nodes that commit a command over two terms, with prompt disks.
 */
export const standardExplorations: readonly StandardExploration[] = [
  { bound: { nodes: 2, terms: 2, entries: 1, crashes: 1, ...anything }, options: {} },
  { bound: { nodes: 3, terms: 1, entries: 1, crashes: 1, ...once }, options: {} },
  { bound: { nodes: 3, terms: 2, entries: 0, crashes: 0, ...anything }, options: { writesMax: 0 } },
  { bound: { nodes: 3, terms: 2, entries: 1, crashes: 0, ...once }, options: { writesMax: 0 } },
];

/**
 * Explores `explorations`, one after the other, and returns what each covered. Throws the
 * `Counterexample` of the first that finds one.
 */
export function exploreStandard(
  explorations: readonly StandardExploration[] = standardExplorations,
): readonly ExploreReport[] {
  return explorations.map(({ bound, options }) => explore(bound, options));
}
