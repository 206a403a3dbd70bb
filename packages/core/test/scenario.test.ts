import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { type Message, newEntry } from "../src/index.ts";
import { Cluster } from "./cluster.ts";
import { Network } from "./network.ts";
import { bytes, parseEntry, parseMessage } from "./parse.ts";
import { runScenario } from "./scenario.ts";

const folder = mkdtempSync(join(tmpdir(), "scenario-"));
afterAll(() => rmSync(folder, { recursive: true }));
// A rewriting run may not judge here: it would write back what it should refuse.
beforeEach(() => {
  vi.stubEnv("REWRITE", undefined);
  return () => vi.unstubAllEnvs();
});

function runText(text: string): void {
  const path = join(folder, "scenario.txt");
  writeFileSync(path, text);
  const cluster = new Cluster();
  runScenario(pathToFileURL(path), (command, args) => cluster.run(command, args));
}

test("runScenario passes a file that says what happens", () => {
  runText("# A comment.\n\ncluster n1\n# Another.\nlog n1\n----\nn1 -\n");
});

test("runScenario fails a file that says something else", () => {
  expect(() => runText("cluster n1\ncrash n1\nstatus\n----\nn1 up\n")).toThrow("to be");
});

test("runScenario refuses commands without an expected output", () => {
  expect(() => runText("cluster n1\n")).toThrow("a block has no line ----");
});

test("runScenario refuses a command that does not exist", () => {
  expect(() => runText("explode n1\n----\nok\n")).toThrow("unknown command: explode");
});

test("Cluster notices two leaders in one term", () => {
  const cluster = new Cluster();
  cluster.run("cluster", ["n1", "n2", "n3", "preVote=false"]);
  cluster.run("campaign", ["n1"]);
  cluster.run("campaign", ["n2"]);
  const grant = (to: string): string =>
    cluster.run("step", [to, "n3", "->", to, "request-vote-response", "term=1", "granted=true"]);
  grant("n1");
  expect(() => grant("n2")).toThrow("I1: two leaders in term 1");
});

test("Cluster notices two entries applied at one index", () => {
  const cluster = new Cluster();
  cluster.run("cluster", ["n1", "n2", "n3"]);
  const append = (to: string, data: string): string =>
    cluster.run("step", [
      to,
      ...["n3", "->", to, "append-entries", "term=1", "prev=0/0", `entries=1/1:${data}`],
      "commit=1",
    ]);
  append("n1", "x");
  expect(() => append("n2", "y")).toThrow("I5: node 2 applies another entry at 1");
});

test("Network delivers in the order of sending, and only what is selected", () => {
  const network = new Network();
  const [first, second] = ["n1 -> n2 heartbeat term=1", "n1 -> n3 heartbeat term=2"].map((text) =>
    parseMessage(text.split(" ")),
  ) as [Message, Message];
  const all = { from: undefined, to: undefined, among: [], kind: undefined, countMax: 9 };
  network.send([first, second]);
  expect(network.peek({ ...all, to: 3 })).toEqual([second]);
  expect(network.peek({ ...all, among: [1, 2] })).toEqual([first]);
  expect(network.peek({ ...all, kind: "propose" })).toEqual([]);
  network.duplicate({ ...all, countMax: 1 });
  expect(network.take(all)).toEqual([first, second, first]);
  expect(network.messages).toEqual([]);
  network.cut(1, 2);
  network.send([first, second]);
  expect(network.messages).toEqual([second]);
});

test("parseEntry reads a no-op and a command", () => {
  expect(parseEntry("2/7")).toEqual(newEntry({ term: 2, index: 7 }, "no-op"));
  expect(parseEntry("2/7:x")).toEqual(newEntry({ term: 2, index: 7 }, "command", bytes("x")));
});
