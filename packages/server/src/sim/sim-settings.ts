/** How much of the system a simulation runs: the consensus core alone, or whole replicas. */
export const levels = ["core", "whole"] as const;

/** One level of simulation. */
export type Level = (typeof levels)[number];

/** What `quorate sim` was asked to do. */
export interface SimSettings {
  readonly level: Level;
  readonly seed?: number;
  readonly seeds?: SeedRange;
  readonly minutes?: number;
  readonly jobs: number;
  readonly failures: string;
  readonly replay?: string;
  readonly print?: boolean;
  readonly trace?: string;
  readonly tla?: string;
  readonly shrink: boolean;
}

/** Seeds from `first` to `last`, both included. */
export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

/** The largest seed. */
export const seedMax: number = 2 ** 48;

/** Reads `A-B`. Throws a `RangeError` for what is not such a range. */
export function parseSeedRange(text: string): SeedRange {
  const [, from = "", to = ""] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  const range = { first: Number(from), last: Number(to) };
  if (from === "" || range.last < range.first) throw new RangeError(`not a range A-B: ${text}`);
  if (range.last > seedMax) throw new RangeError(`seeds go up to ${seedMax}`);
  return range;
}
