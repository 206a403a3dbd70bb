import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "../report.ts";
import { coreChart } from "./core-chart.ts";
import { electionChart } from "./election-chart.ts";
import { latencyChart } from "./latency-chart.ts";
import { loadChart } from "./load-chart.ts";
import { throughputChart } from "./throughput-chart.ts";

/** A chart of the documentation, and what draws it from a report that has its figures. */
interface Chart {
  readonly file: string;
  readonly draw: (report: Report) => string | undefined;
  /** What measures its figures. */
  readonly source: string;
}

const charts: readonly Chart[] = [
  { file: "throughput.svg", draw: throughputChart, source: "--peers --whole" },
  { file: "lone-write.svg", draw: latencyChart, source: "--peers --whole" },
  { file: "core.svg", draw: coreChart, source: "--peers --core" },
  { file: "elections.svg", draw: electionChart, source: "--core" },
  { file: "messages.svg", draw: loadChart, source: "--counts" },
];

/** Draws every chart into `directory`, from the first of `reports` that has its figures. */
export function drawCharts(
  reports: readonly Report[],
  directory: string,
  log: (line: string) => void,
): void {
  mkdirSync(directory, { recursive: true });
  for (const { file, draw, source } of charts) {
    const path = join(directory, file);
    const svg = reports.map(draw).find((drawn) => drawn !== undefined);
    if (svg === undefined) {
      log(`left out: ${path}: no report has its figures, which ${source} measures`);
    } else {
      writeFileSync(path, svg);
      log(`drawn: ${path}`);
    }
  }
}
