import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
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
export function landingOf(figures: readonly Figure[], commit: string, now: Date): object {
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
