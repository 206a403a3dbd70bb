import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { measureCoreCatchUp } from "./core-catch-up.ts";
import { measureCoreThroughput } from "./core-throughput.ts";
import { measureElections } from "./elections.ts";
import { type Figure, formatFigures, ratioOf } from "./figure.ts";
import { measureMessages } from "./messages.ts";
import { type Effort, measureWhole } from "./whole-figures.ts";

const usage = `Usage: npm run bench -- [--quick] [--core | --whole] [--json FILE] [--dir DIR]

  --quick      fewer rounds: a look, not a measurement
  --core       only the core, in one process
  --whole      only the whole, in a process for each replica
  --json FILE  where the figures go for machines (bench/results/latest.json)
  --dir DIR    the disk to measure on (bench/results)`;

const full: Effort = {
  rounds: 5,
  secondsPerLoad: 2,
  loneWrites: 500,
  elections: 15,
  catchUpEntries: 200_000,
};
const quick: Effort = {
  rounds: 2,
  secondsPerLoad: 0.5,
  loneWrites: 100,
  elections: 3,
  catchUpEntries: 20_000,
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      core: { type: "boolean", default: false },
      whole: { type: "boolean", default: false },
      json: { type: "string", default: "bench/results/latest.json" },
      dir: { type: "string", default: "bench/results" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  const both = values.core === values.whole;
  const effort = values.quick ? quick : full;
  const figures: Figure[] = [];
  if (both || values.core) {
    figures.push(...measureElections(values.quick ? 200 : 3000));
    figures.push(...measureMessages());
    figures.push(...measureCoreThroughput(values.quick ? 64_000 : 640_000));
    figures.push(...measureCoreCatchUp());
  }
  if (both || values.whole) {
    mkdirSync(values.dir, { recursive: true });
    const dir = mkdtempSync(resolve(values.dir, "run-"));
    try {
      figures.push(...(await measureWhole(dir, effort)));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  const order = ["elections", "latency", "throughput", "catch-up", "messages"];
  figures.sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
  console.log(formatFigures(figures));

  const machine = {
    node: process.version,
    kernel: release(),
    processor: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
  };
  const report = {
    machine,
    effort: values.quick ? "quick" : "full",
    figures: figures.map((figure) => ({ ...figure, ratio: ratioOf(figure) })),
  };
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\n${machine.processor ?? "?"}, ${machine.cores} cores, Node.js ${machine.node}`);
  console.log(`For machines: ${values.json}`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exitCode = 2;
}
