import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { fullCatchUp, measureCatchUp, quickCatchUp } from "./catch-up/measure-catch-up.ts";
import { drawCharts } from "./charts/draw-charts.ts";
import { measureCoreCatchUp } from "./core-catch-up.ts";
import { measureCoreThroughput } from "./core-throughput.ts";
import { measureCounts } from "./counts/count-figures.ts";
import { measureElections } from "./elections.ts";
import { type Figure, formatFigures, formatPeers } from "./figure.ts";
import { measureCoreRecorder, measureWholeRecorder } from "./flight-recorder.ts";
import { fullGrowth, measureGrowth, quickGrowth } from "./growth/measure-growth.ts";
import { countWorse, formatHistory } from "./history.ts";
import { readLandings, recordLanding } from "./landing.ts";
import { measureMessages } from "./messages.ts";
import { measureCorePeers } from "./peers/core-peers.ts";
import type { PeerFigures } from "./peers/peer-figures.ts";
import { measureWholePeers } from "./peers/whole-peers.ts";
import { newReport, readReport, writeReport } from "./report.ts";
import { type Effort, measureWhole } from "./whole-figures.ts";

const usage = `Usage: npm run bench -- [--quick] [--core] [--whole] [--counts] [--catch-up] [--growth]
                            [--peers] [--minutes N] [--record] [--json FILE] [--dir DIR]
       npm run bench -- --history
       npm run bench -- --charts [--json FILE]...

  --quick      fewer rounds and less of everything: a look, not a measurement
  --core       the core, in one process
  --whole      the whole, in a process for each replica
  --counts     what an entry costs in allocations, copies, syncs, calls and frames
  --catch-up   followers that are up to 10,000,000 entries, 200 terms or a snapshot of 1 GiB behind
  --growth     cost per entry as the log and the group grow, and memory as time goes by
               Without any of these: the first three.
  --minutes N  how long the memory is watched under load, with --growth (1; an hour shows most)
  --peers      beside other systems instead, the core, the whole or both: builds them first, and takes
               turns with them
  --record     adds a line with the ratios and counts to bench/history/landings.jsonl
  --history    only shows the counts of the last lines there side by side, and marks what got worse
  --charts     only draws the charts of docs/charts from the JSON file, or from several
  --json FILE  where the figures go for machines (bench/results/latest.json)
  --dir DIR    the disk to measure on (bench/results)`;

const chartsPath = "docs/charts";
const historyPath = "bench/history/landings.jsonl";

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

/** What the command line asks for. */
interface Choice {
  readonly quick: boolean;
  readonly core: boolean;
  readonly whole: boolean;
  readonly counts: boolean;
  readonly "catch-up": boolean;
  readonly growth: boolean;
  /** How long the memory is watched. */
  readonly minutes: number;
  /** The disk to measure on. */
  readonly dir: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      core: { type: "boolean", default: false },
      whole: { type: "boolean", default: false },
      counts: { type: "boolean", default: false },
      "catch-up": { type: "boolean", default: false },
      growth: { type: "boolean", default: false },
      minutes: { type: "string", default: "1" },
      peers: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      charts: { type: "boolean", default: false },
      history: { type: "boolean", default: false },
      json: { type: "string", multiple: true, default: ["bench/results/latest.json"] },
      dir: { type: "string", default: "bench/results" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  if (values.history) {
    showHistory();
    return;
  }
  if (values.charts) {
    drawCharts(values.json.map(readReport), chartsPath, console.log);
    return;
  }
  const choice = choiceOf(values);
  const parts = values.peers
    ? await measureBeside(choice)
    : [{ figures: await measureAlone(choice), missing: [] }];
  const format = values.peers ? formatPeers : formatFigures;
  console.log(parts.map((part) => format(part.figures)).join("\n\n"));
  const figures = parts.flatMap((part) => part.figures);
  const missing = parts.flatMap((part) => part.missing);
  for (const { name, reason } of missing) console.log(`missing: ${name}: ${reason}`);
  const path = values.json.at(-1) ?? "";
  const report = newReport(values.quick ? "quick" : "full", figures, missing);
  writeReport(path, report);
  const { processor = "?", cores, node } = report.machine;
  console.log(`\n${processor}, ${cores} cores, Node.js ${node}`);
  console.log(`For machines: ${path}`);
  if (values.record) {
    recordLanding(historyPath, figures);
    console.log(`Recorded: ${historyPath}`);
  }
}

function showHistory(): void {
  const landings = readLandings(historyPath);
  console.log(formatHistory(landings, 4));
  console.log(`\n${countWorse(landings)} counts are more than a tenth worse than the time before`);
}

/** The command line as it was written. */
interface Values extends Omit<Choice, "minutes"> {
  readonly peers: boolean;
  readonly minutes: string;
}

/** What to measure: the core, the whole and the counts, unless a part was asked for. */
function choiceOf(values: Values): Choice {
  const { core, whole, counts, growth, "catch-up": catchUp } = values;
  if (values.peers && (counts || catchUp || growth)) {
    throw new Error("--peers is about the core and the whole alone");
  }
  const isAll = !(core || whole || counts || catchUp || growth);
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes takes a number above 0, not ${values.minutes}`);
  return {
    ...values,
    core: isAll || core,
    whole: isAll || whole,
    counts: isAll || counts,
    minutes,
  };
}

/** The five figures, each beside its floor, and how they keep as logs, groups and time grow. */
async function measureAlone(choice: Choice): Promise<Figure[]> {
  const figures: Figure[] = [];
  if (choice.core) {
    figures.push(...measureElections(choice.quick ? 200 : 3000));
    figures.push(...measureMessages());
    figures.push(...measureCoreThroughput(choice.quick ? 64_000 : 640_000));
    figures.push(...measureCoreCatchUp());
    figures.push(...(await measureCoreRecorder(choice.quick ? 64_000 : 640_000)));
  }
  if (choice.whole) {
    const effort = choice.quick ? quick : full;
    figures.push(...(await withRunDir(choice.dir, (dir) => measureWhole(dir, effort))));
    figures.push(...(await withRunDir(choice.dir, (dir) => measureWholeRecorder(dir, effort))));
  }
  if (choice.counts) {
    const { quick: isQuick } = choice;
    figures.push(...(await withRunDir(choice.dir, (dir) => measureCounts(dir, isQuick))));
  }
  if (choice["catch-up"]) {
    const effort = choice.quick ? quickCatchUp : fullCatchUp;
    figures.push(...(await withRunDir(choice.dir, (dir) => measureCatchUp(dir, effort))));
  }
  if (choice.growth) {
    const effort = choice.quick ? quickGrowth : fullGrowth;
    const measure = (dir: string): Promise<Figure[]> => measureGrowth(dir, effort, choice.minutes);
    figures.push(...(await withRunDir(choice.dir, measure)));
  }
  const order = ["elections", "latency", "throughput", "catch-up", "messages", "counts", "growth"];
  return figures.sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
}

/** The figures that other systems have too, each beside theirs: those of the core, then of the whole. */
async function measureBeside(choice: Choice): Promise<readonly PeerFigures[]> {
  const parts: PeerFigures[] = [];
  const log = (line: string): void => console.error(line);
  if (choice.core) {
    const [rounds, seconds] = choice.quick ? [2, 0.2] : [5, 0.5];
    parts.push(await measureCorePeers(rounds, seconds, log));
  }
  if (choice.whole) {
    const effort = choice.quick ? quick : full;
    parts.push(await withRunDir(choice.dir, (dir) => measureWholePeers(dir, effort, log)));
  }
  return parts;
}

/** Does `work` in a directory of its own below `parent`, which is gone afterwards. */
async function withRunDir<T>(parent: string, work: (dir: string) => Promise<T>): Promise<T> {
  mkdirSync(parent, { recursive: true });
  const dir = mkdtempSync(resolve(parent, "run-"));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exitCode = 2;
}
