import { expect, test } from "vitest";
import { kvApp } from "./kv-app.ts";
import { calmWholePlan, drawWholePlan } from "./whole-plan.ts";
import {
  labelsOf,
  parseWholeScenario,
  printWholeScenario,
  type WholeScenario,
} from "./whole-scenario.ts";

const scenario: WholeScenario = {
  comments: ["What it shows.", "And more."],
  plan: { ...calmWholePlan, seed: 5, nodes: 5 },
  expect: "liveness no-leader",
  decisions: [
    {
      kind: "at",
      at: 2500,
      what: { kind: "call", client: 1, node: 2, number: 3, timeoutMs: 0, abortMs: 0 },
    },
    { kind: "frame", link: { from: 1, to: 2 }, number: 9, fate: { kind: "lost" } },
  ],
};

test("a scenario tells what is not calm, and is read back", () => {
  const text = printWholeScenario(scenario, labelsOf(kvApp, 5));
  expect(text).toBe(
    [
      "# What it shows.",
      "# And more.",
      "level whole",
      "plan seed=5",
      "plan nodes=5",
      "expect liveness no-leader",
      "",
      "@2.5ms call client=1 node=2 number=3 timeoutMs=0  # get 0",
      "frame n1>n2 number=9 lost",
      "",
    ].join("\n"),
  );
  expect(parseWholeScenario(text)).toEqual(scenario);
});

test("the plan of any seed is read back", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const drawn = { ...scenario, plan: drawWholePlan(seed) };
    expect(parseWholeScenario(printWholeScenario(drawn))).toEqual(drawn);
  }
});

test.each([
  ["expect holds", "line 1: this is no scenario of the whole level"],
  ["level whole", "line 1: a scenario says what it expects"],
  ["level whole\nplan color=3", "line 2: no part of a plan: color=3"],
  ["level whole\nplan nodes=many", "line 2: no part of a plan: nodes=many"],
  ["level whole\n\n@1ms dance", 'line 3: nothing is called "dance"'],
])("%j is refused: %s", (text, what) => {
  expect(() => parseWholeScenario(text)).toThrow(what);
});
