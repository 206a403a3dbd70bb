import { expect, test } from "vitest";
import { parseScenario, printScenario, type Scenario, ScenarioError } from "./scenario.ts";

const text = `# I7: node 1 forgets
# Found with seed 1.
level core
raft electionTimeoutTicks=4 preVote=false
node n1 pipelined memory
node n2 simple durable
flaw forgets-vote
host auto
expect I7

start n1 seed=7 applied=0
tick n1 count=12
tick n2
deliver n1 -> n2 request-vote term=1 last=0/0
propose n1 command=3 bytes=9
read n2
ready n1
discard n1
persist n1 count=2 each
lie n1 count=1
apply n1 count=1
unreachable n1 n2
campaign n2
crash n2 kept=1
converge n1 n2 seed=5
converge n1 seed=6 bridge=1
`;

test("a scenario is printed as it was read", () => {
  const scenario = parseScenario(text);
  expect(printScenario(scenario)).toBe(text);
  expect(scenario.cast).toEqual({
    hosts: [
      { door: "pipelined", machine: "memory" },
      { door: "simple", machine: "durable" },
    ],
    raft: { electionTimeoutTicks: 4, preVote: false },
    flaw: "forgets-vote",
  });
  expect(scenario.auto).toBe(true);
  expect(scenario.lines.filter(({ kind }) => kind === "tick")).toHaveLength(13);
});

test("what a scenario does not say is as usual", () => {
  const scenario = parseScenario("node n1 pipelined memory\nexpect holds\ncrash n1\n");
  const expected: Scenario = {
    comments: [],
    cast: { hosts: [{ door: "pipelined", machine: "memory" }], raft: {}, flaw: "none" },
    auto: false,
    expect: "holds",
    lines: [{ kind: "crash", node: 1, kept: 0 }],
  };
  expect(scenario).toEqual(expected);
});

const head = "node n1 pipelined memory\nexpect holds\n";

test.each([
  [`${head}fly n1`, "line 3: unknown: fly"],
  [`${head}crash n2`, "line 3: there is no node n2"],
  [`${head}crash one`, "line 3: not a node: one"],
  [`${head}start n1`, "line 3: start needs seed=<integer>"],
  [`${head}tick n1 count=x`, "line 3: tick needs count=<integer>"],
  [`${head}deliver n1 -> n1 letter`, "line 3: deliver is one of"],
  [`${head}unreachable n1 n7`, "line 3: there is no node n7"],
  ["node n2 pipelined memory", "line 1: nodes are numbered from n1 on"],
  ["node n1 swing memory", "line 1: node is one of simple, pipelined: got swing"],
  ["raft preVote=maybe", "line 1: not an option: preVote=maybe"],
  ["flaw vanity", "line 1: flaw is one of"],
  ["level cosmic", "line 1: level is one of core: got cosmic"],
  ["expect holds", "line 1: a scenario names its nodes"],
  ["node n1 simple memory", "line 1: a scenario says what it expects"],
])("%j is refused", (wrong, message) => {
  expect(() => parseScenario(wrong)).toThrow(ScenarioError);
  expect(() => parseScenario(wrong)).toThrow(message);
});
