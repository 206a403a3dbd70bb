import type { Finding } from "quorate";
import { expect, test } from "vitest";
import { FindingLog } from "./finding-log.ts";
import { createLog } from "./log.ts";

/** A log of findings, and the lines that it wrote since it was last asked. */
function newLog(level: "debug" | "info"): { look: (...found: Finding[]) => readonly string[] } {
  let lines: string[] = [];
  const sink = { write: (line: string) => lines.push(line) };
  const findings = new FindingLog(createLog(1, { format: "json", level }, sink));
  return {
    look: (...found) => {
      lines = [];
      findings.look(found);
      return lines.map((line) => {
        const { level: at, message } = JSON.parse(line) as { level: string; message: string };
        return `${at} ${message}`;
      });
    },
  };
}

const slow: Finding = {
  code: "disk_slow",
  severity: "warning",
  message: "It is slow.",
  remedy: "Look.",
};
const gone: Finding = {
  code: "no_majority",
  severity: "error",
  message: "Nobody leads.",
  remedy: "Start node 2.",
  peers: [2],
};
const passing: Finding = {
  code: "transfer_under_way",
  severity: "info",
  message: "On.",
  remedy: "",
};

test("FindingLog tells once that a finding has come, and once that it has gone", () => {
  const { look } = newLog("info");
  expect(look(slow)).toEqual([]);
  expect(look(slow)).toEqual(["warn It is slow."]);
  expect(look(slow, gone)).toEqual([]);
  expect(look({ ...slow, message: "It is slow for 3 s." }, gone)).toEqual(["error Nobody leads."]);
  expect(look({ ...slow, message: "It is slow for 4 s." }, gone)).toEqual([]);
  expect(look(gone)).toEqual([]);
  expect(look(gone)).toEqual(["info no more: It is slow for 4 s."]);
  for (let count = 0; count < 100; count++) expect(look(gone)).toEqual([]);
  expect([look(), look(), look()]).toEqual([[], ["info no more: Nobody leads."], []]);
});

test("FindingLog tells findings about different nodes apart", () => {
  const { look } = newLog("info");
  const other = { ...gone, message: "Node 3.", peers: [3] };
  look(gone);
  look(gone, other);
  expect(look(other)).toEqual(["error Node 3."]);
  expect(look(other)).toEqual(["info no more: Nobody leads."]);
});

test("FindingLog is not flooded by what comes and goes", () => {
  const { look } = newLog("info");
  const lines: string[] = [];
  for (let count = 0; count < 100; count++) {
    // A single look may be a passing moment.
    lines.push(...look(...(count % 2 === 0 ? [slow] : [])));
  }
  expect(lines).toEqual([]);
  for (let count = 0; count < 120; count++) {
    lines.push(...look(...(count % 4 < 2 ? [slow] : [])));
  }
  expect(lines).toEqual([
    "warn It is slow.",
    "info no more: It is slow.",
    "warn It is slow.",
    "info no more: It is slow.",
  ]);
});

test("FindingLog tells information at level debug, and aloud once it becomes more", () => {
  const quiet = newLog("info");
  quiet.look(passing);
  expect(quiet.look(passing)).toEqual([]);
  expect(quiet.look({ ...passing, severity: "warning" })).toEqual(["warn On."]);
  expect([quiet.look(), quiet.look()]).toEqual([[], ["info no more: On."]]);
  const verbose = newLog("debug");
  verbose.look(passing);
  expect(verbose.look(passing)).toEqual(["debug On."]);
  expect([verbose.look(), verbose.look()]).toEqual([[], ["debug no more: On."]]);
});
