import { expect, test } from "vitest";
import {
  electionTimeoutTicks,
  firstOther,
  isDeposed,
  newLed,
  tickMs,
  type TimedGroup,
} from "./timed-group.ts";

const timeoutMs = electionTimeoutTicks * tickMs;

test("a leader whose disk is stuck hands over, and keeps still until the disk goes on", async () => {
  const { group, old, term } = await newLed();
  old.holdsDisk = true;
  old.propose("a");
  await group.run(4 * timeoutMs - tickMs);
  expect([old.raft.role, old.raft.term]).toEqual(["leader", term]);
  await group.until(() => isDeposed(group, old));
  expect(group.leader.raft.term).toBe(term + 1);
  expect(group.leader.journal.commands).toEqual(["a"]);
  await group.until(() => old.ends.length > 0);
  expect(old.ends).toEqual(["disk-stuck"]);
  expect(old.leadership.isFrozen).toBe(true);
  // No election disturbs the others, however long it hears of no leader.
  group.isolate(old.id);
  await group.run(10 * timeoutMs);
  expect(old.raft.role).toBe("follower");
  expect(old.raft.term).toBe(term + 1);
  group.loses = () => false;
  old.release();
  await group.until(() => old.journal.commands.length === 1);
  expect(old.leadership.isFrozen).toBe(false);
  group.stop();
});

test("a leader whose disk is stuck leads no more, even if nobody can take over", async () => {
  const { group, old, term } = await newLed();
  old.holdsDisk = true;
  old.propose("a");
  group.loses = ({ kind }) => kind === "timeout-now";
  await group.run(4 * timeoutMs + 2 * tickMs);
  expect(old.raft.role).toBe("leader");
  await group.run(timeoutMs);
  expect(old.ends).toEqual(["disk-stuck"]);
  await group.until(() => group.nodes.every(({ raft }) => raft.term > term && raft.leader > 0));
  expect(group.leader).not.toBe(old);
  group.stop();
});

test("a leader whose disk is stuck like those of others leads on, and serves reads", async () => {
  const { group, old, term } = await newLed();
  for (const node of group.nodes) node.holdsDisk = true;
  old.propose("a");
  await group.run(10 * timeoutMs);
  expect([old.raft.role, old.raft.term]).toEqual(["leader", term]);
  const read = old.ask();
  await group.until(() => read.isSettled);
  expect(read.value.answer).toEqual([]);
  // One other that goes on is no majority, two are.
  const [first, second] = group.others(old);
  first?.release();
  await group.run(5 * timeoutMs);
  expect([old.raft.role, old.raft.term]).toEqual(["leader", term]);
  second?.release();
  await group.until(() => isDeposed(group, old) && old.ends.length > 0);
  expect(old.ends).toEqual(["disk-stuck"]);
  for (const node of group.nodes) node.release();
  await group.until(() => group.nodes.every(({ journal }) => journal.commands.length === 1));
  group.stop();
});

test("a leader whose disk is stuck leads on if it is connected to nobody", async () => {
  const { group, old, term } = await newLed();
  group.isConnected = () => false;
  old.holdsDisk = true;
  old.propose("a");
  await group.run(6 * timeoutMs);
  expect([old.raft.role, old.raft.term]).toEqual(["leader", term]);
  group.stop();
});

test("a leader that is alone leads on, whatever its disk does", async () => {
  const { group, old, term } = await newLed(1);
  old.holdsDisk = true;
  old.propose("a");
  await group.run(10 * timeoutMs);
  expect([old.raft.role, old.raft.term]).toEqual(["leader", term]);
  old.release();
  await group.until(() => old.journal.commands.length === 1);
  group.stop();
});

/** Stops all processes of a host for a while: nobody can tell. */
async function pauseAll(group: TimedGroup, ms: number): Promise<void> {
  for (const node of group.nodes) node.state = "paused";
  await group.run(ms);
  for (const node of group.nodes) node.state = "running";
}

test("a pause is not taken for a stuck disk", async () => {
  const { group, old } = await newLed();
  old.holdsDisk = true;
  old.propose("a");
  await group.run(timeoutMs);
  await pauseAll(group, 10 * timeoutMs);
  await group.run(timeoutMs);
  expect(old.ends).toEqual([]);
  old.release();
  await group.until(() => old.journal.commands.length === 1);
  group.stop();
});

test("a leader whose event loop lags again and again hands over", async () => {
  const { group, old } = await newLed();
  for (let pause = 0; pause < 2; pause++) {
    await pauseAll(group, timeoutMs + tickMs);
    await group.run(timeoutMs);
  }
  expect(group.leader).toBe(old);
  await pauseAll(group, timeoutMs + tickMs);
  await group.until(() => isDeposed(group, old));
  await group.until(() => old.ends.length > 0);
  expect(old.ends).toEqual(["event-loop-lag"]);
  group.stop();
});

test("a leader is replaced by a member of higher priority, after a while", async () => {
  const { group, old } = await newLed();
  const [low, high] = group.others(old);
  if (low === undefined || high === undefined) throw new Error("there are two others");
  group.priorities.set(old.id, 1).set(low.id, 2).set(high.id, 3);
  await group.run(9 * timeoutMs);
  expect(group.leader).toBe(old);
  await group.run(2 * timeoutMs);
  expect(group.leader).toBe(high);
  expect(old.ends).toEqual(["transferred"]);
  await group.run(50 * timeoutMs);
  expect(group.leader).toBe(high);
  expect(high.raft.term).toBe(old.raft.term);
  group.stop();
});

test("a member of higher priority that cannot take over changes nothing", async () => {
  const { group, old, term } = await newLed();
  const high = firstOther(group, old);
  group.priorities.set(high.id, 3);
  group.loses = ({ from, to }) => from === high.id || to === high.id;
  await group.run(20 * timeoutMs);
  expect([group.leader.id, group.leader.raft.term]).toEqual([old.id, term]);
  // It is asked rarely, and the less often the less comes of it.
  let attemptCount = 0;
  group.loses = (message) => {
    if (message.kind !== "timeout-now") return false;
    attemptCount++;
    return true;
  };
  const attempts: number[] = [];
  for (let span = 0; span < 150; span++) {
    attemptCount = 0;
    await group.run(timeoutMs);
    if (attemptCount > 0 && old.raft.role === "leader") attempts.push(span);
  }
  const gaps = attempts.slice(1).map((span, position) => span - (attempts[position] ?? 0));
  expect(attempts.length).toBeGreaterThan(3);
  expect(gaps.filter((gap) => gap > 1)).toEqual([
    expect.toSatisfy((gap: number) => gap >= 18 && gap <= 21),
    expect.toSatisfy((gap: number) => gap >= 38 && gap <= 41),
    expect.toSatisfy((gap: number) => gap >= 78 && gap <= 81),
  ]);
  expect([group.leader.id, group.leader.raft.term]).toEqual([old.id, term]);
  group.stop();
});

test("Leadership tells a full disk from other reasons", async () => {
  const { group, old, term } = await newLed();
  const next = firstOther(group, old);
  // As a leader that keeps silent, so that one with room takes over, but still hears.
  old.isFull = true;
  group.loses = ({ from, kind }) => from === old.id && kind === "heartbeat";
  await group.until(() => old.ends.length > 0);
  expect(old.raft.term).toBeGreaterThan(term);
  expect(old.ends).toEqual(["disk-full"]);
  expect(next.ends).toEqual([]);
  group.stop();
});
