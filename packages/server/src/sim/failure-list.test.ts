import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandError } from "../cli/exit-status.ts";
import { type Failure, FailureList } from "./failure-list.ts";
import { FailureReport } from "./failure-report.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-failures-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const failure = (seed: number, level: Failure["level"] = "core"): Failure => {
  return { level, seed, commit: "abc", what: `seed ${seed}: I1` };
};

test("a list keeps each seed of a level once, until it is gone", () => {
  const list = new FailureList(join(directory, "new", "list.jsonl"));
  expect(list.read()).toEqual([]);
  for (const seed of [3, 4, 3]) list.add(failure(seed));
  list.add(failure(3, "whole"));
  list.remove(({ level, seed }) => level === "core" && seed === 4);
  expect(list.read()).toEqual([failure(3), failure(3, "whole")]);
});

test.each([
  ["list.jsonl", join("list", "core-7.txt")],
  ["list", join("list-scenarios", "core-7.txt")],
  [".list", join(".list-scenarios", "core-7.txt")],
  [join("a.b", "list.v2.jsonl"), join("a.b", "list.v2", "core-7.txt")],
])("the scenarios of %s lie beside it, in %s", (name, expected) => {
  const list = new FailureList(join(directory, name));
  list.add(failure(7));
  expect(list.keepScenario("core", 7, "text\n")).toBe(join(directory, expected));
  expect(readFileSync(join(directory, expected), "utf8")).toBe("text\n");
  expect(list.read()).toHaveLength(1);
});

test("files that cannot be read or written are a usage error that names them", () => {
  const folder = new FailureList(directory);
  expect(() => folder.read()).toThrow(CommandError);
  expect(() => folder.read()).toThrow(`${directory}: EISDIR`);
  const file = join(directory, "file");
  writeFileSync(file, "");
  const below = new FailureList(join(file, "list.jsonl"));
  expect(() => below.add(failure(1))).toThrow(CommandError);
  expect(() => below.keepScenario("core", 1, "")).toThrow(CommandError);
});

test("a report tells the first failures in full, and keeps all", () => {
  const path = join(directory, "list.jsonl");
  const told: string[] = [];
  const report = new FailureReport("core", new FailureList(path), (text) => told.push(text));
  for (let seed = 1; seed <= 11; seed++) report.tell(seed, `seed ${seed}: I1\ntick n1`);
  report.keep(2, "level core\n");
  expect(told[9]).toMatch(/^seed 10: I1\ntick n1\ncommit \S+$/);
  expect(told.slice(10)).toEqual([
    "seed 11: I1",
    `seed 2, smallest scenario: ${join(directory, "list", "core-2.txt")}`,
  ]);
  expect(new FailureList(path).read()).toHaveLength(11);
});
