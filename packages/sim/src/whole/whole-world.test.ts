import { at } from "@quorate/core";
import { expect, test } from "vitest";
import { type AppCall, callOf } from "./app.ts";
import { checkDisks } from "./check-point.ts";
import { parseDecision } from "./decision.ts";
import { kvApp, type KvQuery } from "./kv-app.ts";
import { judgeCalls } from "./verdict.ts";
import { demandWholeLiveness } from "./whole-liveness.ts";
import { calmWholePlan, type WholePlan } from "./whole-plan.ts";
import { WholeWorld } from "./whole-world.ts";

/** A world in which this and nothing else happens, after so many milliseconds. */
async function worldAfter(
  ms: number,
  lines: readonly string[],
  plan: Partial<WholePlan> = {},
): Promise<WholeWorld<KvQuery, number>> {
  const script = lines.map(parseDecision);
  const world = new WholeWorld({ ...calmWholePlan, ...plan }, kvApp, { script });
  await pass(world, ms);
  return world;
}

async function pass(world: WholeWorld<KvQuery, number>, ms: number): Promise<void> {
  const end = world.timeline.now + ms * 1000;
  world.timeline.add(ms * 1000, "world", () => {});
  while (world.timeline.now < end) await world.advance();
}

/** Calls that write, from 400 ms on. */
const writes = Array.from({ length: 40 }, (_, offset) => offset + 1)
  .filter((number) => callOf(kvApp, calmWholePlan.seed, number).kind === "write")
  .map((number) => {
    const node = (number % 3) + 1;
    return `@${400 + number * 10}ms call client=1 node=${node} number=${number} timeoutMs=0`;
  });

test("a calm world elects one leader and applies every write", async () => {
  const world = await worldAfter(1200, writes);
  expect(writes.length).toBeGreaterThan(10);
  expect(world.leaders).toHaveLength(1);
  expect(world.log.commands).toHaveLength(writes.length);
  expect(world.callers.records.every(({ ending }) => ending.kind === "applied")).toBe(true);
  await checkDisks(world);
});

test("checkDisks finds a log that would not open, and one that lost what it promised", async () => {
  const world = await worldAfter(1200, writes);
  const { memory } = world.host(1);
  for (const name of await memory.list()) {
    const bytes = memory.readFile(name);
    // The first batch of the first segment.
    bytes[1030] = (bytes[1030] ?? 0) ^ 1;
    memory.writeFile(name, bytes);
  }
  await expect(checkDisks(world)).rejects.toThrow("I10: the log of node 1 would not survive");

  const other = await worldAfter(1200, writes);
  for (const name of await other.host(1).memory.list()) await other.host(1).memory.remove(name);
  await other.host(1).memory.syncDirectory();
  await expect(checkDisks(other)).rejects.toThrow(/I6|I7|I10/);
});

test("checkDisks finds what was applied and is on too few disks", async () => {
  const world = await worldAfter(1200, writes);
  // As if a replica had applied one more command.
  const machine = world.log.machine(3, () => {});
  const entries = world.log.commands.map(({ index, term, command: data }) => {
    return { index, term, kind: "command", data } as const;
  });
  const last = at(entries, entries.length - 1);
  void machine.apply([...entries, { ...last, index: last.index + 1 }]);
  await expect(checkDisks(world)).rejects.toThrow("the disks of [1 2 3] are not sure to hold it");
});

test("what was synced outlives the power, and the clients of the node know no more", async () => {
  const lines = [...writes, "@700ms crash node=1 how=power survivePerMille=0 downMs=100"];
  const world = await worldAfter(1500, lines);
  expect(world.coverage.counts.get("start-on-log")).toBe(1);
  const endings = world.callers.records.map(({ ending }) => ending.kind);
  expect(endings).toContain("applied");
  await demandWholeLiveness(world);
});

test("a disk error stops a replica, and its supervisor starts it again", async () => {
  const lines = [...writes, "@500ms trap node=2 call=sync skip=0 trap=fail downMs=10"];
  const world = await worldAfter(1500, lines);
  expect(world.coverage.counts.get("disk-error-stopped-replica")).toBe(1);
  expect(world.host(2).replica).toBeDefined();
  await demandWholeLiveness(world);
});

test("a wiped disk is refused by all who knew what was on it", async () => {
  const lines = [...writes, "@900ms wipe node=2 downMs=50"];
  const world = await worldAfter(1500, lines);
  expect(world.coverage.counts.get("connection-refused")).toBe(2);
  expect(world.network.isConnected(2, 1)).toBe(false);
  await demandWholeLiveness(world);
});

test("a world sees that a node is let in which lost the disk that it is known by", async () => {
  const world = await worldAfter(2000, writes);
  world.host(1).damage = "wiped";
  world.happened("connected", { from: 1, to: 2 });
  await expect(world.advance()).rejects.toThrow("node 2 lets node 1 in");
});

test("a majority goes on while the rest stands still", async () => {
  const world = await worldAfter(800, writes, { memberBits: 0b011 });
  await demandWholeLiveness(world);
  expect(world.host(3).isPaused).toBe(true);
  expect(world.coverage.counts.get("healed-majority")).toBe(1);
});

/** What a leader is asked to do, and the nodes beside it. */
function leaderOf(world: WholeWorld<KvQuery, number>): {
  readonly leader: number;
  readonly others: readonly number[];
} {
  const leader = at(world.leaders, 0);
  return { leader, others: world.born.filter((id) => id !== leader) };
}

function change(
  world: WholeWorld<KvQuery, number>,
  node: number,
  wish: string,
): WholeWorld<KvQuery, number> {
  world.perform({ kind: "change", node, wish, ifNow: 0, timeoutMs: 0 });
  return world;
}

const done = { kind: "done" };

test("a node joins, and one that is removed stops and leaves nothing behind", async () => {
  const world = await worldAfter(800, writes, { spares: 1, snapshotEveryCount: 3 });
  world.perform({ kind: "join", node: 11 });
  await pass(change(world, 2, "add:11"), 500);
  expect(world.group.newest.voters).toEqual([1, 2, 3, 11]);
  await pass(change(world, 1, "remove:3"), 500);
  expect(world.operators.records.map(({ ending }) => ending)).toEqual([done, done]);
  expect(world.group.newest.voters).toEqual([1, 2, 11]);
  expect(world.host(3).isRemoved).toBe(true);
  expect(world.host(3).isUp).toBe(false);
  expect(world.coverage.counts.get("removed-and-stopped")).toBe(1);
  await demandWholeLiveness(world);
  await checkDisks(world);
});

test("a follower that is far behind goes on from a snapshot", async () => {
  const lines = [...writes, "@500ms crash node=2 how=power survivePerMille=0 downMs=400"];
  const pieces = { snapshotChunkBytes: 7, snapshotWindowBytes: 7 };
  const log = { ...pieces, snapshotTailBytes: 0, snapshotKeepBytesMax: 0 };
  const plan = { ...log, snapshotEveryCount: 3, snapshotTailCount: 0 };
  for (const durableMachine of [0, 1]) {
    const world = await worldAfter(1500, lines, { ...plan, durableMachine });
    expect(world.coverage.counts.get("snapshot-received")).toBeGreaterThan(0);
    await demandWholeLiveness(world);
    await checkDisks(world);
  }
});

test("checkDisks finds a snapshot whose state is lost", async () => {
  const world = await worldAfter(1200, writes, { snapshotEveryCount: 3, durableMachine: 1 });
  await checkDisks(world);
  world.host(2).durable.synced = { index: 0, chunks: [] };
  await expect(checkDisks(world)).rejects.toThrow("and its state up to 0 only");
});

test("a wiped disk is refused also when all others have started again, and then replaced", async () => {
  // The logs of nodes are recorded once a second at most.
  const world = await worldAfter(3000, writes, { spares: 1 });
  const { leader, others } = leaderOf(world);
  const victim = at(others, 0);
  world.perform({ kind: "wipe", node: victim, downMs: 50 });
  for (const node of world.founders) {
    world.perform({ kind: "crash", node, how: "power", survivePerMille: 0, downMs: 40 });
  }
  await pass(world, 1000);
  expect(world.coverage.counts.get("connection-refused")).toBeGreaterThan(1);
  for (const node of world.founders) {
    if (node !== victim) expect(world.network.isConnected(victim, node)).toBe(false);
  }
  world.perform({ kind: "join", node: 11 });
  await pass(change(world, leader, `replace:${victim}:11`), 1000);
  expect(world.operators.records.map(({ ending }) => ending)).toEqual([done]);
  expect(world.group.newest.voters).toContain(11);
  expect(world.group.newest.voters).not.toContain(victim);
  await demandWholeLiveness(world);
});

test("a lease is over before another leads, with clocks as far off as they may be", async () => {
  const plan = { leaseReads: 1, clockDriftPerMille: 300, callTimeoutMs: 60 };
  const world = await worldAfter(800, writes, plan);
  const { leader, others } = leaderOf(world);
  const perMilleOf = (node: number): number => (node === leader ? 700 : 1300);
  for (const node of world.founders) {
    world.perform({ kind: "clock-rate", node, perMille: perMilleOf(node), forMs: 10_000 });
  }
  const numbersOf = (isFit: (call: AppCall<KvQuery>) => boolean): readonly number[] => {
    const numbers = Array.from({ length: 500 }, (_, offset) => 1000 + offset);
    return numbers.filter((number) => isFit(callOf(kvApp, calmWholePlan.seed, number)));
  };
  const put = numbersOf(({ kind }) => kind === "write");
  const get = numbersOf((call) => call.kind === "read" && call.consistency === "lease");
  const call = (node: number, number: number): void => {
    world.perform({ kind: "call", client: node, node, number, timeoutMs: 0, abortMs: 0 });
  };
  // So that there is a lease, and it is renewed.
  for (let round = 0; round < 20; round++) {
    call(leader, at(get, round));
    await pass(world, 5);
  }
  const links = others.flatMap((id) => [
    { from: id, to: leader },
    { from: leader, to: id },
  ]);
  world.perform({ kind: "cut", links, forMs: 10_000 });
  const before = world.coverage.counts.get("leader-elected");
  for (let round = 0; round < 50; round++) {
    for (const node of others) call(node, at(put, 2 * round + others.indexOf(node)));
    call(leader, at(get, 20 + round));
    await pass(world, 5);
  }
  expect(world.coverage.counts.get("read-lease-at-leader")).toBeGreaterThan(5);
  expect(world.coverage.counts.get("leader-elected")).toBeGreaterThan(before ?? 0);
  await demandWholeLiveness(world);
  await judgeCalls(kvApp, world.log.commands, world.callers.records);
});

test("a leader whose disk hangs is followed by another while it hangs", async () => {
  const world = await worldAfter(800, writes);
  const { leader, others } = leaderOf(world);
  world.perform({ kind: "stuck-disk", node: leader, forMs: 10_000 });
  // Something that it has to write.
  for (const number of [9, 12]) {
    world.perform({ kind: "call", client: 1, node: leader, number, timeoutMs: 0, abortMs: 0 });
  }
  await pass(world, 1500);
  expect(world.coverage.counts.get("ended-disk-stuck")).toBe(1);
  expect(others).toContain(at(world.leaders, 0));
  await demandWholeLiveness(world);
});

test("a leader that is heard and hears nobody is followed by another", async () => {
  const world = await worldAfter(800, writes, { deadConnectionMs: 100_000 });
  const { leader, others } = leaderOf(world);
  const links = others.map((from) => ({ from, to: leader }));
  world.perform({ kind: "cut", links, forMs: 10_000 });
  await pass(world, 1000);
  expect(world.coverage.counts.get("ended-no-quorum")).toBe(1);
  expect(others).toContain(at(world.leaders, 0));
  await demandWholeLiveness(world);
});

test("a leader whose event loop lags gives up, and one that closes hands over", async () => {
  const world = await worldAfter(800, writes);
  const first = leaderOf(world).leader;
  for (let round = 0; round < 4; round++) {
    world.perform({ kind: "pause", node: first, forMs: 108 });
    await pass(world, 120);
  }
  await pass(world, 200);
  expect(world.coverage.counts.get("ended-event-loop-lag")).toBe(1);
  const second = leaderOf(world).leader;
  expect(second).not.toBe(first);
  world.perform({ kind: "close", node: second, downMs: 50 });
  await pass(world, 300);
  expect(world.coverage.counts.get("ended-shutting-down")).toBe(1);
  expect(leaderOf(world).leader).not.toBe(second);
});
