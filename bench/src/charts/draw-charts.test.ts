import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Figure } from "../figure.ts";
import type { Report } from "../report.ts";
import { drawCharts } from "./draw-charts.ts";

const peers = [{ name: 'a <peer> & "co"', value: 2, spread: [1, 3] as const }];

const whole: readonly Figure[] = [
  {
    group: "throughput",
    name: "whole, 3 voters, 64 clients, 16 B",
    value: 20_000,
    unit: "entries/s",
    better: "more",
    peers,
  },
  ...["median", "99th percentile"].map((which): Figure => {
    const floor = { name: "data sync + round trip", value: 0.2 };
    const name = `lone write, 16 B, 3 voters, ${which}`;
    return { group: "latency", name, value: 1, unit: "ms", better: "less", peers, floor };
  }),
];

const core: readonly Figure[] = [
  {
    group: "throughput",
    name: "core only, 3 voters, 16 B, 1 per Ready",
    value: 1,
    unit: "entries/processor s",
    better: "more",
    peers,
  },
  {
    group: "elections",
    name: "leader dead → commit, 3 voters, simulated, 200 elections",
    value: 1.2,
    unit: "T",
    better: "less",
    quantiles: [0.97, 1.2, 5],
  },
];

const counts: readonly Figure[] = ["a lone client", "64 clients"].map((clients) => {
  const name = `frames of the group, 3 voters, ${clients}, 16 B`;
  return { group: "counts", name, value: 4, unit: "frames", better: "less" };
});

function newReport(figures: readonly Figure[]): Report {
  const machine = { node: "v20", kernel: "6", processor: "a processor", cores: 2, memoryBytes: 1 };
  return { machine, effort: "quick", figures, missing: [] };
}

function draw(reports: readonly Report[]): { files: Map<string, string>; lines: string[] } {
  const directory = mkdtempSync(join(tmpdir(), "quorate-charts-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const lines: string[] = [];
  drawCharts(reports, directory, (line) => lines.push(line));
  const names = readdirSync(directory).sort();
  return {
    files: new Map(names.map((name) => [name, readFileSync(join(directory, name), "utf8")])),
    lines,
  };
}

test("drawCharts draws each chart from the report that has its figures", () => {
  const { files } = draw([newReport(core), newReport(whole), newReport(counts)]);
  expect([...files.keys()]).toEqual([
    "core.svg",
    "elections.svg",
    "lone-write.svg",
    "messages.svg",
    "throughput.svg",
  ]);
  for (const svg of files.values()) {
    expect(svg).toMatch(/^<svg [^>]+>.*<\/svg>\n$/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.length).toBeLessThan(60_000);
  }
  expect(files.get("throughput.svg")).toContain("a &lt;peer> &amp; &quot;co&quot;");
});

test("drawCharts leaves a chart out, and says so, if no report has its figures", () => {
  const { files, lines } = draw([newReport(counts)]);
  expect([...files.keys()]).toEqual(["messages.svg"]);
  expect(lines.filter((line) => line.startsWith("left out: "))).toHaveLength(4);
});
