import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Figure, peerRatioOf, ratioOf } from "./figure.ts";

/** Units that are counted and not timed: equal on every machine. Less of them is better. */
const counted = new Set([
  "messages",
  "round trips",
  "objects",
  "bytes",
  "copies",
  "syncs",
  "frames",
  "calls",
]);

/** What stays of one run: what can be compared with runs on another day, ratios and counts. */
export interface Landing {
  /** When, in ISO 8601. */
  readonly date: string;
  /** What `git describe` calls the commit. */
  readonly commit: string;
  /** The version of Node.js. */
  readonly node: string;
  readonly figures: readonly LandedFigure[];
}

/** What stays of one figure. Of a ratio or a count, less is better; of a ratio to a peer, more. */
export interface LandedFigure {
  /** The group and the name of the figure. */
  readonly name: string;
  readonly unit: string;
  /** How far the figure is from its floor. */
  readonly ratio?: number;
  /** How many times as good as each peer the product is. */
  readonly peers?: Readonly<Record<string, number>>;
  readonly count?: number;
}

/** The landing of `figures`: those that are ratios or counts. */
export function landingOf(figures: readonly Figure[], commit: string, now: Date): Landing {
  return {
    date: now.toISOString(),
    commit,
    node: process.version,
    figures: figures.flatMap((figure) => {
      const { group, name, unit, value, peers = [] } = figure;
      const ratio = ratioOf(figure);
      const isCount = counted.has(unit);
      if (ratio === undefined && peers.length === 0 && !isCount) return [];
      const ratios: Record<string, number> = {};
      for (const peer of peers) ratios[peer.name] = rounded(peerRatioOf(figure, peer));
      return {
        name: `${group}: ${name}`,
        unit,
        ...(ratio === undefined ? {} : { ratio: rounded(ratio) }),
        ...(peers.length === 0 ? {} : { peers: ratios }),
        ...(isCount ? { count: rounded(value) } : {}),
      };
    }),
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Appends one line to the history at `path`. */
export function recordLanding(path: string, figures: readonly Figure[]): void {
  const git = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
  const commit = execFileSync("git", git, { encoding: "utf8" }).trim();
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(landingOf(figures, commit, new Date()))}\n`);
}

/** The history at `path`, the oldest landing first. Throws if a line is none. */
export function readLandings(path: string): readonly Landing[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line, offset) => {
    if (line === "") return [];
    const landing: unknown = JSON.parse(line);
    if (!isLanding(landing)) throw new Error(`line ${offset + 1} of ${path} is no landing`);
    return landing;
  });
}

function isLanding(value: unknown): value is Landing {
  return typeof value === "object" && value !== null && "commit" in value && "figures" in value;
}
