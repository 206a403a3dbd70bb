import { expect, test } from "vitest";
import { type Flaw, nameFailure, parseScenario, play, shrink, simulate } from "@quorate/sim";
import { shrinkScenario } from "../src/shrink.ts";

/** The first seed whose run fails if every host has `flaw`. */
function firstSeed(flaw: Flaw): number {
  for (let seed = 0; seed < 100; seed++) {
    try {
      simulate(seed, { flaw });
    } catch {
      return seed;
    }
  }
  throw new Error(`no seed shows ${flaw}`);
}

test.each([
  ["forgets-vote", 8],
  ["sends-early", 24],
  ["lying-disk", 28],
] as const)("a run that fails by %s shrinks to a few lines", async (flaw, lineCountMax) => {
  const shrunk = await shrink(firstSeed(flaw), { flaw });

  expect(shrunk).toBeDefined();
  if (shrunk === undefined) return;
  const { scenario, text, stepCountBefore } = shrunk;
  expect(scenario.lines.length).toBeLessThanOrEqual(lineCountMax);
  expect(stepCountBefore).toBeGreaterThan(scenario.lines.length);
  // The text alone shows the same failure, and nothing in it can be spared.
  const read = parseScenario(text);
  expect(nameFailure(play(read).error)).toBe(read.expect);
  for (const offset of read.lines.keys()) {
    const lines = read.lines.filter((_, other) => other !== offset);
    expect(nameFailure(play({ ...read, lines }).error)).not.toBe(read.expect);
  }
  // It is the flaw that fails.
  const honest = text.replace(/^flaw .*\n/m, "").replace(/^lie /gm, "persist ");
  expect(play(parseScenario(honest)).error).toBeUndefined();
});

test("a run that does not fail has nothing to shrink", async () => {
  expect(await shrink(1)).toBeUndefined();
});

test("a failure of liveness shrinks to what keeps the cluster from converging", async () => {
  const noise = Array.from({ length: 300 }, (_, offset) => `tick n${1 + (offset % 3)}`);
  const scenario = parseScenario(`
node n1 pipelined memory
node n2 simple durable
node n3 pipelined memory
raft electionTimeoutTicks=3
expect liveness no-leader
start n1 seed=1
start n2 seed=2
start n3 seed=3
${noise.join("\n")}
converge n1 seed=4 delay=60
`);
  const { lines, cast } = await shrinkScenario(scenario);
  expect(lines.map(({ kind }) => kind)).toEqual(["converge"]);
  expect(cast.hosts).toHaveLength(2);
  expect(cast.raft).toEqual({ preVote: false });
});

test("a scenario that cannot make progress is told so", () => {
  const scenario = parseScenario(`
node n1 pipelined memory
node n2 pipelined memory
node n3 pipelined memory
expect liveness no-leader
start n1 seed=1
converge n1
`);
  const { error } = play(scenario);
  expect(nameFailure(error)).toBe("liveness no-leader");
});

test("what is sent after a cluster converged can be delivered", () => {
  const scenario = parseScenario(`
node n1 pipelined memory
node n2 pipelined memory
node n3 pipelined memory
raft preVote=false checkQuorum=false
host auto
expect holds
start n1 seed=1
start n2 seed=2
start n3 seed=3
converge n1 n2 n3
crash n1
crash n2
crash n3
start n1 seed=4
start n2 seed=5
campaign n1
deliver n1 -> n2 request-vote
deliver n2 -> n1 request-vote-response
`);
  const { error, lines, stage } = play(scenario);
  expect(error).toBeUndefined();
  expect(lines).toHaveLength(scenario.lines.length);
  expect(stage.node(1).status?.role).toBe("leader");
});

test("lines that are not possible do nothing", () => {
  const scenario = parseScenario(`
node n1 pipelined memory
node n2 pipelined memory
expect holds
crash n1
ready n1
start n1 seed=1
start n1 seed=2
persist n1
apply n1
deliver n1 -> n2 heartbeat term=1
tick n2
`);
  const { error, lines } = play(scenario);
  expect(error).toBeUndefined();
  expect(lines.map(({ kind }) => kind)).toEqual(["start"]);
});
