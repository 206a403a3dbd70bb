import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { type Figure, peerRatioOf, ratioOf } from "./figure.ts";
import type { MissingPeer } from "./peers/peer-figures.ts";

/** What a run measured, and where: the JSON file for machines. */
export interface Report {
  readonly machine: {
    /** The version of Node.js. */
    readonly node: string;
    readonly kernel: string;
    readonly processor: string | undefined;
    readonly cores: number;
    readonly memoryBytes: number;
  };
  readonly effort: "quick" | "full";
  readonly figures: readonly Figure[];
  readonly missing: readonly MissingPeer[];
}

/** What this machine measured. */
export function newReport(
  effort: Report["effort"],
  figures: readonly Figure[],
  missing: readonly MissingPeer[],
): Report {
  const machine = {
    node: process.version,
    kernel: release(),
    processor: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
  };
  return { machine, effort, figures, missing };
}

/** Writes `report` to the file at `path`, and the ratios that follow from its figures with it. */
export function writeReport(path: string, report: Report): void {
  const figures = report.figures.map((figure) => ({
    ratio: ratioOf(figure),
    ...figure,
    peers: figure.peers?.map((peer) => ({ ratio: peerRatioOf(figure, peer), ...peer })),
  }));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ ...report, figures }, undefined, 2)}\n`);
}

/** The report in the file at `path`. Throws if it is none. */
export function readReport(path: string): Report {
  const report: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!isReport(report)) throw new Error(`${path} is no report of a run`);
  return report;
}

function isReport(value: unknown): value is Report {
  return typeof value === "object" && value !== null && "machine" in value && "figures" in value;
}
