#!/usr/bin/env node
// Searches every schedule of a small group: `--nodes 3 --terms 2 --entries 1 --crashes 1`. Build first.
import process from "node:process";
import { parseArgs } from "node:util";
import { Counterexample, describeBound, explore } from "../dist/index.js";

const usage = `usage: npm run explore -- [--nodes N] [--terms N] [--entries N] [--crashes N|any]
    [--duplicates N|any] [--heartbeats N|any] [--writes-max N|any] [--gather-max N] [--states-max N]`;

function main() {
  const { values } = parseArgs({
    options: {
      nodes: { type: "string", default: "3" },
      terms: { type: "string", default: "2" },
      entries: { type: "string", default: "1" },
      crashes: { type: "string", default: "1" },
      duplicates: { type: "string", default: "0" },
      heartbeats: { type: "string", default: "0" },
      "writes-max": { type: "string", default: "any" },
      "gather-max": { type: "string", default: "1" },
      "states-max": { type: "string", default: "20000000" },
    },
  });
  const bound = {
    nodes: count(values.nodes),
    terms: count(values.terms),
    entries: count(values.entries),
    crashes: count(values.crashes),
    duplicates: count(values.duplicates),
    heartbeats: count(values.heartbeats),
  };
  console.log(`${describeBound(bound)}; ${values["writes-max"]} writes under way`);
  const begin = Date.now();
  const report = explore(bound, {
    writesMax: count(values["writes-max"]),
    gatherMax: count(values["gather-max"]),
    statesMax: count(values["states-max"]),
    onProgress: (progress) => console.log(describe(progress, begin)),
  });
  console.log(describe(report, begin));
  const covered = report.complete
    ? "complete: every schedule within the bound keeps every invariant"
    : `not complete: every schedule of up to ${report.depth} steps keeps every invariant`;
  console.log(covered);
}

function count(text) {
  if (text === "any") return Infinity;
  if (!/^\d{1,15}$/.test(text)) throw new TypeError(`not a number: ${text}`);
  return Number(text);
}

function describe({ states, transitions, depth, waiting, seats, messages }, begin) {
  const seconds = (Date.now() - begin) / 1000;
  const cpuSeconds = process.cpuUsage().user / 1e6;
  const rate = Math.round(transitions / cpuSeconds / 1000);
  return (
    `${states} states, ${transitions} steps, depth ${depth}, ${waiting} waiting, ${seats} seats, ` +
    `${messages} messages; ${seconds.toFixed(0)} s, ${cpuSeconds.toFixed(0)} s of CPU, ` +
    `${rate}k steps per second of CPU`
  );
}

try {
  main();
} catch (error) {
  if (error instanceof Counterexample) {
    console.error(error.message);
    process.exitCode = 1;
  } else if (error instanceof TypeError || error?.code === "invalid_argument") {
    console.error(`${error.message}\n${usage}`);
    process.exitCode = 2;
  } else throw error;
}
