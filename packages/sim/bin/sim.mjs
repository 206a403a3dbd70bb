#!/usr/bin/env node
// Runs the simulator: `--seeds A-B`, `--seed N [--trace]` or `--minutes M`. Build first.
import process from "node:process";
import { parseArgs } from "node:util";
import { Coverage, simulate } from "../dist/index.js";

const usage = "usage: npm run sim -- --seeds A-B | --seed N [--trace] | --minutes M";

function main() {
  const { seeds, seed, trace, minutes } = parseArgs({
    options: {
      seeds: { type: "string" },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
      minutes: { type: "string" },
    },
  }).values;
  if (seed !== undefined) return runRange(count(seed), count(seed), Infinity, trace);
  if (minutes !== undefined) {
    // A new place to search every time; the seed that fails is printed.
    const first = Math.floor(Math.random() * 2 ** 40);
    return runRange(first, Infinity, Date.now() + count(minutes) * 60_000, false);
  }
  const [first, last] = (seeds ?? "0-999").split("-").map(count);
  if (last === undefined || last < first) throw new TypeError("a range of seeds is A-B");
  return runRange(first, last, Infinity, false);
}

function count(text) {
  if (!/^\d{1,15}$/.test(text)) throw new TypeError(`not a number: ${text}`);
  return Number(text);
}

/** Runs seeds from `first` to `last`, until `deadline` in milliseconds. Exit status 1 if one fails. */
function runRange(first, last, deadline, trace) {
  const coverage = new Coverage();
  const begin = Date.now();
  let eventCount = 0;
  let runCount = 0;
  for (let seed = first; seed <= last && Date.now() < deadline; seed++) {
    try {
      const report = simulate(seed, trace ? { writer: (line) => console.log(line) } : {});
      eventCount += report.eventCount;
      runCount += 1;
      coverage.add(report.coverage);
      if (first === last) console.log(`hash ${report.hash}`);
    } catch (error) {
      console.error(error.message);
      return 1;
    }
  }
  const seconds = (Date.now() - begin) / 1000;
  console.log(`${runCount} seeds from ${first}, ${eventCount} events in ${seconds.toFixed(1)} s`);
  if (first !== last && coverage.missing.length > 0) {
    console.log(`never seen: ${coverage.missing.join(", ")}`);
  }
  return 0;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n${usage}`);
  process.exitCode = 2;
}
