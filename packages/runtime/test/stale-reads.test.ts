import { expect, test } from "vitest";
import { TimedGroup, type TimedNode, withLearners } from "./timed-group.ts";

const stalenessMsMax = 1000;
const bounded = { consistency: "local", stalenessMsMax } as const;

/** A group, one of its followers, and a write that all have applied. */
async function newGroup(): Promise<{ group: TimedGroup; leader: TimedNode; follower: TimedNode }> {
  const group = await TimedGroup.led(3);
  const { leader } = group;
  const [follower] = group.others(leader);
  if (follower === undefined) throw new Error("there are followers");
  leader.propose("old");
  await group.until(() => group.nodes.every(({ journal }) => journal.commands.length === 1));
  return { group, leader, follower };
}

async function settle(group: TimedGroup, node: TimedNode): Promise<readonly string[]> {
  const read = node.ask(bounded);
  await group.until(() => read.isSettled);
  return read.value.answer;
}

test("a read that may be a little old asks once, and then no more until that is too long ago", async () => {
  const { group, follower } = await newGroup();
  const first = follower.ask(bounded);
  await Promise.resolve();
  expect(first.code).toBe("pending");
  await group.until(() => first.isSettled);
  expect(first.value).toEqual({ index: 2, answer: ["old"] });
  group.isolate(follower.id);
  const asked = group.now;
  let answeredMs = 0;
  for (let turn = 0; turn < 300; turn++) {
    const read = follower.ask(bounded, 1);
    await group.run(5);
    if (read.code === "resolved") answeredMs = group.now - asked;
  }
  // Less what clocks may hide.
  expect(answeredMs).toBeGreaterThan(800);
  expect(answeredMs).toBeLessThan(stalenessMsMax);
  group.stop();
});

test("a slow clock does not let a read be older than it may", async () => {
  const { group, leader, follower } = await newGroup();
  follower.rate = 0.9;
  await settle(group, follower);
  group.isolate(follower.id);
  const cutAt = group.now;
  leader.propose("new");
  await group.until(() => leader.journal.commands.includes("new"));
  await group.run(stalenessMsMax - (group.now - cutAt));
  const read = follower.ask(bounded);
  await group.run(100);
  expect(read.code).toBe("pending");
  group.loses = () => false;
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old", "new"]);
  group.stop();
});

test.each(["paused", "suspended"] as const)(
  "a replica that was %s does not take what it knew for young",
  async (state) => {
    const { group, leader, follower } = await newGroup();
    await settle(group, follower);
    follower.state = state;
    leader.propose("new");
    await group.run(2 * stalenessMsMax);
    group.isolate(follower.id);
    follower.state = "running";
    const read = follower.ask(bounded);
    await group.run(100);
    expect(read.code).toBe("pending");
    group.loses = () => false;
    await group.until(() => read.isSettled);
    expect(read.value.answer).toEqual(["old", "new"]);
    group.stop();
  },
);

test("a steady load of reads that may be a little old never waits", async () => {
  const { group, follower } = await newGroup();
  await settle(group, follower);
  let askedCount = 0;
  group.loses = ({ kind }) => {
    if (kind === "read-index") askedCount++;
    return false;
  };
  for (let turn = 0; turn < 100; turn++) {
    const read = follower.ask(bounded);
    await Promise.resolve();
    expect(read.code).toBe("resolved");
    await group.run(100);
  }
  // Ten seconds, at half a second each.
  expect(askedCount).toBeGreaterThan(10);
  expect(askedCount).toBeLessThan(35);
  group.stop();
});

test("a read that may be a little old waits for what was current then", async () => {
  const { group, leader, follower } = await newGroup();
  follower.holdsDisk = true;
  leader.propose("new");
  await group.until(() => leader.journal.commands.includes("new"));
  const asked = follower.ask();
  await group.run(50);
  // The follower knows by now that "new" was current, and cannot apply it before its disk has it.
  const read = follower.ask(bounded);
  await group.run(50);
  expect([asked.code, read.code]).toEqual(["pending", "pending"]);
  follower.release();
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old", "new"]);
  group.stop();
});

test("a local read without a bound answers whatever there is", async () => {
  const { group, follower } = await newGroup();
  group.isolate(follower.id);
  await group.run(5000);
  const read = follower.ask({ consistency: "local" });
  await Promise.resolve();
  expect(read.value).toEqual({ index: 2, answer: ["old"] });
  group.stop();
});

test.each([
  ["local", {}],
  ["bounded", { stalenessMsMax }],
] as const)("a %s read sees what its token stands for", async (_, bound) => {
  const { group, leader, follower } = await newGroup();
  await settle(group, follower);
  group.holds = ({ to, kind }) => to === follower.id && kind === "append-entries";
  leader.propose("new");
  await group.until(() => leader.journal.commands.includes("new"));
  const token = leader.raft.appliedIndex;
  const read = follower.ask({ consistency: "local", ...bound, atLeast: token });
  const unbound = follower.ask({ consistency: "local" });
  await group.run(100);
  expect(unbound.value.answer).toEqual(["old"]);
  expect(read.code).toBe("pending");
  group.holds = () => false;
  await group.until(() => read.isSettled);
  expect(read.value).toEqual({ index: token, answer: ["old", "new"] });
  // What a read saw is a token, too.
  const { index } = read.value;
  const next = leader.ask({ consistency: "linearizable", atLeast: index });
  await group.until(() => next.isSettled);
  expect(next.value.index).toBeGreaterThanOrEqual(index);
  group.stop();
});

test("a learner reads like any other, also while leaders change (L10)", async () => {
  const group = await TimedGroup.led(4, withLearners(4));
  const learner = group.node(4);
  const reads = [learner.ask(), learner.ask({ consistency: "lease" }), learner.ask(bounded)];
  await group.until(() => reads.every(({ isSettled }) => isSettled));
  expect(reads.map(({ code }) => code)).toEqual(["resolved", "resolved", "resolved"]);
  // The question gets lost, with the leader that it was put to.
  const old = group.leader;
  group.isolate(old.id);
  const lost = learner.ask();
  await group.until(() => lost.isSettled);
  expect(lost.code).toBe("resolved");
  expect(learner.raft.leader).not.toBe(old.id);
  group.stop();
});

test("a token that the group never reaches is refused in time", async () => {
  const { group, leader } = await newGroup();
  const reads = (["linearizable", "lease", "local"] as const).map((consistency) =>
    leader.ask({ consistency, atLeast: 1000 }, 500),
  );
  await group.run(600);
  expect(reads.map(({ code }) => code)).toEqual(["unavailable", "unavailable", "unavailable"]);
  group.stop();
});
