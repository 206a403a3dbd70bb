import type { Message } from "@quorate/core";
import { expect, test } from "vitest";
import { electionTimeoutTicks, tickMs, TimedGroup, type TimedNode } from "./timed-group.ts";

const lease = { consistency: "lease" } as const;

/** A group whose leader holds a lease, after it wrote "old". */
async function newLeased(size = 3): Promise<{ group: TimedGroup; old: TimedNode }> {
  const group = await TimedGroup.led(size);
  const old = group.leader;
  old.propose("old");
  await group.until(() => group.nodes.every(({ journal }) => journal.commands.length === 1));
  await warm(group, old);
  return { group, old };
}

/** Reads once, so that the leader has evidence. */
async function warm(group: TimedGroup, leader: TimedNode): Promise<void> {
  const read = leader.ask(lease);
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old"]);
}

/** Lets the others campaign as soon as they owe nobody anything, until one leads and wrote "new". */
async function electAnother(group: TimedGroup, old: TimedNode): Promise<TimedNode> {
  await group.until(() => {
    for (const node of group.others(old)) tryCampaign(node);
    return group.others(old).some(({ raft }) => raft.role === "leader");
  });
  const next = group.leader;
  next.propose("new");
  await group.until(() => next.journal.commands.includes("new"));
  return next;
}

/** What an impatient operator may do. The core refuses while a leader was heard from. */
function tryCampaign(node: TimedNode): void {
  if (node.raft.role !== "follower") return;
  try {
    node.raft.campaign();
  } catch {
    return;
  }
  node.wake();
}

/** The rounds that the messages of a test ask for. */
function watchRounds(group: TimedGroup): Set<number> {
  const rounds = new Set<number>();
  group.loses = (message) => {
    if (message.kind === "heartbeat" && message.readRound > 0) rounds.add(message.readRound);
    return false;
  };
  return rounds;
}

test("a leader that holds a lease answers without asking anyone", async () => {
  const { group, old } = await newLeased();
  group.isolate(old.id);
  const reads = [old.ask(lease), old.ask({ ...lease, atLeast: 2 })];
  // In this very turn: no message can have come or gone.
  await Promise.resolve();
  expect(reads.map(({ value }) => value)).toEqual([
    { index: 2, answer: ["old"] },
    { index: 2, answer: ["old"] },
  ]);
  group.stop();
});

test("a group of one always holds its lease", async () => {
  const { group, old } = await newLeased(1);
  await group.run(5000);
  const read = old.ask(lease);
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old"]);
  group.stop();
});

test("a steady load of lease reads never waits, and costs few rounds", async () => {
  const { group, old } = await newLeased();
  const rounds = watchRounds(group);
  for (let turn = 0; turn < 200; turn++) {
    const read = old.ask(lease);
    await Promise.resolve();
    expect(read.code).toBe("resolved");
    await group.run(50);
  }
  // Ten seconds, and a lease of half a second that is renewed at half its age.
  expect(rounds.size).toBeGreaterThan(20);
  expect(rounds.size).toBeLessThan(60);
  group.stop();
});

test("a lease that nobody uses is not renewed", async () => {
  const { group } = await newLeased();
  const rounds = watchRounds(group);
  await group.run(5000);
  expect(rounds.size).toBe(0);
  group.stop();
});

test("a slow clock and fast ones do not make a lease outlast an election (L5)", async () => {
  const { group, old } = await newLeased();
  const [rival] = group.others(old);
  if (rival === undefined) throw new Error("there are others");
  old.rate = 0.9;
  for (const node of group.others(old)) {
    node.rate = 1.1;
    node.state = "paused";
  }
  await group.run(395);
  // When they go on, they hear of this round first, and then count the ticks that are late.
  const asked = old.ask({});
  await group.run(5);
  for (const node of group.others(old)) node.state = "running";
  await group.until(() => asked.isSettled);
  group.isolate(old.id);
  const start = group.now;
  let answeredMs = 0;
  while (!group.others(old).some(({ raft }) => raft.role === "leader")) {
    tryCampaign(rival);
    const read = old.ask(lease, 1);
    await group.run(5);
    if (read.code === "resolved") answeredMs = group.now - start;
  }
  const electedMs = group.now - start;
  expect(answeredMs).toBeLessThan(electedMs);
  // It is a close call: neither could be much different.
  expect(answeredMs).toBeGreaterThan(500);
  expect(electedMs).toBeLessThan(750);
  group.stop();
});

for (const state of ["paused", "suspended"] as const) {
  test(`a leader that was ${state} counts on no lease (L5)`, async () => {
    const { group, old } = await newLeased();
    old.state = state;
    const next = await electAnother(group, old);
    old.state = "running";
    // The first thing that happens to it: before its timers, and before any message.
    group.isolate(old.id);
    const read = old.ask(lease);
    await group.run(500);
    expect(read.code).toBe("pending");
    group.loses = () => false;
    await group.until(() => read.isSettled);
    expect(read.value.answer).toEqual(["old", "new"]);
    expect(next.raft.role).toBe("leader");
    group.stop();
  });
}

test("a leader whose ticks tell of a pause counts on no lease, however short it was", async () => {
  const { group, old } = await newLeased();
  old.state = "paused";
  await group.run(320);
  old.state = "running";
  await group.run(5);
  group.isolate(old.id);
  const read = old.ask(lease);
  await group.run(50);
  expect(read.code).toBe("pending");
  group.loses = () => false;
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old"]);
  group.stop();
});

test("a round that was on its way while the machine was suspended is dated from its beginning", async () => {
  const { group, old } = await newLeased();
  await group.run(2000);
  group.holds = (message) => message.kind === "heartbeat-response";
  const asked = old.ask({});
  await group.run(100);
  old.state = "suspended";
  const next = await electAnother(group, old);
  old.state = "running";
  // The answers of that round arrive first, so that the old leader takes it for confirmed.
  group.holds = () => false;
  group.loses = (message) =>
    (message.to === old.id && message.term > old.raft.term) || message.from === old.id;
  await group.until(() => asked.isSettled);
  const read = old.ask(lease);
  await group.run(200);
  expect(read.code).toBe("pending");
  group.loses = () => false;
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old", "new"]);
  expect(next.raft.role).toBe("leader");
  group.stop();
});

test("late answers to an old round renew no lease (L3)", async () => {
  const { group, old } = await newLeased();
  await group.run(2000);
  group.holds = (message) => message.kind === "heartbeat-response";
  const asked = old.ask({});
  await group.run(700);
  group.holds = () => false;
  await group.until(() => asked.isSettled);
  group.isolate(old.id);
  const read = old.ask(lease);
  await group.run(50);
  expect(read.code).toBe("pending");
  group.stop();
});

test("a clock that is set voids a lease, and the read asks the others instead", async () => {
  const { group, old } = await newLeased();
  const rounds = watchRounds(group);
  old.clock.setWall(-3_600_000);
  const read = old.ask(lease);
  await Promise.resolve();
  expect(read.code).toBe("pending");
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old"]);
  expect(rounds.size).toBe(1);
  group.stop();
});

test("a transfer that was begun ends the lease for the rest of the term (L6)", async () => {
  const { group, old } = await newLeased();
  const [target, voter] = group.others(old);
  if (target === undefined || voter === undefined) throw new Error("there are three");
  const { term } = old.raft;
  group.holds = ({ kind }) => kind === "timeout-now";
  old.leadership.transfer(target.id, () => {});
  // It is given up, and the leader leads on, confirmed by rounds.
  await group.run(2 * electionTimeoutTicks * tickMs);
  expect([old.raft.role, old.raft.term]).toEqual(["leader", term]);
  const asked = old.ask({});
  await group.until(() => asked.isSettled);
  // Then the request arrives after all; the others elect its target at once, and the old leader knows
  // nothing of it.
  group.holds = () => false;
  group.loses = (message) =>
    message.kind !== "timeout-now" && (message.from === old.id || message.to === old.id);
  await group.until(() => target.raft.role === "leader");
  target.propose("new");
  await group.until(() => target.journal.commands.includes("new"));
  expect(old.raft.role).toBe("leader");
  const read = old.ask(lease);
  await group.run(20);
  expect(read.code).toBe("pending");
  group.loses = () => false;
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old", "new"]);
  group.stop();
});

test("a lease is looked at again once the query is answered", async () => {
  const { group, old } = await newLeased();
  old.journal.holdsQueries = true;
  const read = old.ask(lease);
  await Promise.resolve();
  expect(old.journal.askingCount).toBe(1);
  const next = await electAnother(group, cutOff(group, old));
  expect(next.journal.commands).toEqual(["old", "new"]);
  old.journal.holdsQueries = false;
  old.journal.release();
  await group.run(50);
  expect(read.code).toBe("pending");
  group.loses = () => false;
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old", "new"]);
  group.stop();
});

function cutOff(group: TimedGroup, node: TimedNode): TimedNode {
  group.isolate(node.id);
  return node;
}

test("a lease read waits until everything committed is applied (L4)", async () => {
  const { group, old } = await newLeased();
  old.journal.holdsApplies = true;
  old.propose("more");
  await group.until(() => old.raft.commitIndex === 3);
  const read = old.ask(lease);
  await group.run(100);
  expect(read.code).toBe("pending");
  old.journal.holdsApplies = false;
  old.journal.release();
  await group.until(() => read.isSettled);
  expect(read.value).toEqual({ index: 3, answer: ["old", "more"] });
  group.stop();
});

test("a lease read waits for what is committed by others and not yet on this disk", async () => {
  const { group, old } = await newLeased();
  old.holdsDisk = true;
  old.propose("more");
  await group.until(() => old.raft.commitIndex === 3);
  const read = old.ask(lease);
  await group.run(100);
  expect([read.code, old.raft.appliedIndex]).toEqual(["pending", 2]);
  old.release();
  await group.until(() => read.isSettled);
  expect(read.value).toEqual({ index: 3, answer: ["old", "more"] });
  group.stop();
});

test("a leader holds no lease before it has committed in its term (L1)", async () => {
  const { group, old } = await newLeased();
  // What the next leader needs in order to commit is held back; it hears from the others all the same.
  const isAck = ({ kind }: Message): boolean => kind === "append-entries-response";
  group.loses = (message) => message.from === old.id || message.to === old.id;
  await group.until(() => group.others(old).every(({ raft }) => raft.leader === none));
  group.holds = isAck;
  await group.until(() => group.others(old).some(({ raft }) => raft.role === "leader"));
  const next = group.leader;
  const read = next.ask(lease);
  await group.run(300);
  expect(next.raft.role).toBe("leader");
  expect(read.code).toBe("pending");
  group.holds = () => false;
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old"]);
  group.stop();
});

const none = 0;

test("a lease of an earlier term is no lease", async () => {
  const { group, old } = await newLeased();
  const [between] = group.others(old);
  if (between === undefined) throw new Error("there are others");
  const { term } = old.raft;
  const handOver = async (from: TimedNode, to: TimedNode): Promise<void> => {
    from.leadership.transfer(to.id, () => {});
    await group.until(() => to.raft.role === "leader");
  };
  await handOver(old, between);
  // It never hears that anything is committed in its second term, while what it learned in its first is
  // still young.
  group.holds = (message) =>
    message.kind === "append-entries-response" && message.term === term + 2;
  await handOver(between, old);
  expect(old.raft.term).toBe(term + 2);
  group.isolate(old.id);
  const read = old.ask(lease);
  await group.run(20);
  expect(read.code).toBe("pending");
  group.stop();
});

test("a lease read on a follower is a linearizable one", async () => {
  const { group, old } = await newLeased();
  const rounds = watchRounds(group);
  const [follower] = group.others(old);
  if (follower === undefined) throw new Error("there are followers");
  const read = follower.ask(lease);
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["old"]);
  expect(rounds.size).toBe(1);
  // Nor does what it learned let it answer by itself, once another may lead.
  group.isolate(follower.id);
  const cut = follower.ask(lease);
  await group.run(300);
  expect(cut.code).toBe("pending");
  group.stop();
});

test("a lease read that is refused settles, whatever it waits for", async () => {
  const { group, old } = await newLeased();
  await group.run(2000);
  group.isolate(old.id);
  const unanswered = old.ask(lease, 300);
  await group.run(400);
  expect(unanswered.code).toBe("unavailable");
  const closed = old.ask(lease);
  old.reads.stop(unanswered.error);
  await group.run(10);
  expect(closed.error).toBe(unanswered.error);
  group.stop();
});

test("lease reads are refused without the promise that they need", async () => {
  const group = await TimedGroup.led(3, { leaseReads: false });
  const read = group.leader.ask(lease);
  await group.run(10);
  expect(read.code).toBe("invalid_argument");
  group.stop();
});
