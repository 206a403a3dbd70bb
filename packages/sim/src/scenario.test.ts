import { expect, test } from "vitest";
import { parseScenario } from "./parse-scenario.ts";
import { printScenario, type Scenario } from "./scenario.ts";
import { ScenarioError } from "./words.ts";

const text = `# I7: node 1 forgets
# Found with seed 1.
level core
raft electionTimeoutTicks=4 preVote=false
node n1 pipelined memory
node n2 simple durable joins
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
compact n1 kept=3
report n1 n2 ok
report n1 n2 failed
change n1 auto +n2 ~n1
change n1 implicit -n2
change n1 auto
transfer n1
transfer n1 n2
step-down n1
forget-leader n2
converge n1 n2 seed=5
converge n1 seed=6 bridge=1
converge n2 n1 seed=7 bridge=2 delay=60
`;

test("a scenario is printed as it was read", () => {
  const scenario = parseScenario(text);
  expect(printScenario(scenario)).toBe(text);
  expect(scenario.cast).toEqual({
    hosts: [
      { door: "pipelined", machine: "memory", joins: false },
      { door: "simple", machine: "durable", joins: true },
    ],
    raft: { electionTimeoutTicks: 4, preVote: false },
    flaw: "forgets-vote",
  });
  expect(scenario.auto).toBe(true);
  expect(scenario.lines.filter(({ kind }) => kind === "tick")).toHaveLength(13);
});

test("spaces and the ends of lines do not matter, but for what is quoted", () => {
  const loose = text.replaceAll("\n", " \r\n").replaceAll(/^(?=tick|start)/gm, "  ");
  expect(printScenario(parseScenario(loose))).toBe(text);
  const quoted = text.replace("last=0/0", '"two  spaces"');
  expect(printScenario(parseScenario(quoted))).toBe(quoted);
});

test("what a scenario does not say is as usual", () => {
  const scenario = parseScenario("node n1 pipelined memory\nexpect holds\ncrash n1\n");
  const expected: Scenario = {
    comments: [],
    cast: {
      hosts: [{ door: "pipelined", machine: "memory", joins: false }],
      raft: {},
      flaw: "none",
    },
    auto: false,
    expect: "holds",
    lines: [{ kind: "crash", node: 1, kept: 0 }],
  };
  expect(scenario).toEqual(expected);
});

const nodes = (count: number): string =>
  Array.from({ length: count }, (_, offset) => `node n${offset + 1} simple memory`).join("\n");

const head = "node n1 pipelined memory\nexpect holds\n";

test.each([
  [`${head}fly n1`, "line 3: unknown: fly"],
  [`${head}crash n2`, "line 3: there is no node n2"],
  [`${head}crash one`, "line 3: not a node: one"],
  [`${head}start n1`, "line 3: start needs seed=<integer>"],
  [`${head}start n1 seed=`, "line 3: start needs seed=<integer>"],
  [`${head}start n1 seed=0x10`, "line 3: start needs seed=<integer>"],
  [`${head}start n1 seed=9999999999999999`, "line 3: start needs seed=<integer>"],
  [`${head}start n1 seed=1 seed=2`, "line 3: start has no seed=2"],
  [`${head}crash n1 kpet=3`, "line 3: crash has no kpet=3"],
  [`${head}persist n1 eahc`, "line 3: persist has no eahc"],
  [`${head}ready n1 n1`, "line 3: ready has no n1"],
  [`${head}tick n1 count=x`, "line 3: tick needs count=<integer>"],
  [`${head}tick n1 count=999999999`, "line 3: count is at most 1000000"],
  [`${head}tick n1 count=999999\ntick n1 count=2`, "line 4: more than 1000000 steps"],
  [`${head}propose n1 command=4294967296`, "line 3: command is at most 4294967295"],
  [`${head}propose n1 command=1 bytes=999999999999`, "line 3: bytes is at most 16777216"],
  [`${head}deliver n1 -> n1 letter`, "line 3: deliver is one of"],
  [`${head}deliver n1 to n1`, "line 3: deliver is one of ->: got to"],
  [`${head}unreachable n1 n7`, "line 3: there is no node n7"],
  [`${head}converge n1 n1`, "line 3: a member is named twice"],
  [`${head}converge n1 bridge=2`, "line 3: the bridge n2 is no member"],
  [`${head}converge n1 n12345`, "line 3: not a node: n12345"],
  [`${head}converge n1 delay=99999`, "line 3: delay is at most 10000"],
  [`${head}read n1\nhost auto`, "line 4: host stands before the first step"],
  [`${head}expect I1`, "line 3: expect is said twice"],
  ["flaw none vanity", "line 1: flaw has no vanity"],
  ["node n2 pipelined memory", "line 1: nodes are numbered from n1 on"],
  ["node n1 swing memory", "line 1: node is one of simple, pipelined: got swing"],
  ["node n1 simple memory twice", "line 1: node has no twice"],
  [nodes(100), "line 100: more than 99 nodes"],
  ["raft preVote=maybe", "line 1: not an option: preVote=maybe"],
  ["raft preVote", "line 1: not an option: preVote"],
  ["raft preVote=3", "line 1: invalid_options: preVote must be true or false: got 3"],
  ["raft preVote=true preVote=false", "line 1: preVote is said twice"],
  [
    "raft heartbeatTicks=0",
    "line 1: invalid_options: heartbeatTicks must be an integer of at least 1: got 0",
  ],
  [
    "raft electionTimeoutTicks=1",
    "line 1: invalid_options: electionTimeoutTicks must exceed heartbeatTicks",
  ],
  ["raft seed=3", "line 1: there is no option seed"],
  ["raft __proto__=1", "line 1: there is no option __proto__"],
  ["flaw vanity", "line 1: flaw is one of"],
  ["level cosmic", "line 1: level is one of core: got cosmic"],
  ["expect holds", "line 1: a scenario names its nodes"],
  ["node n1 simple memory", "line 1: a scenario says what it expects"],
  ["node n1 simple memory\nexpect", "line 2: a scenario says what it expects"],
])("%j is refused", (wrong, message) => {
  expect(() => parseScenario(wrong)).toThrow(ScenarioError);
  expect(() => parseScenario(wrong)).toThrow(message);
});
