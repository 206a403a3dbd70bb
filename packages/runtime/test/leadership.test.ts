import { type NodeId, RaftError, type Term } from "@quorate/core";
import { expect, test } from "vitest";
import { electionTimeoutTicks, tickMs, TimedGroup, type TimedNode } from "./timed-group.ts";

const timeoutMs = electionTimeoutTicks * tickMs;

/** What a transfer came to. */
class Told {
  readonly results: (NodeId | RaftError)[] = [];
  readonly reply = (result: NodeId | RaftError): void => {
    this.results.push(result);
  };

  get code(): string | undefined {
    const [result] = this.results;
    return result instanceof RaftError ? result.code : undefined;
  }
}

async function newLed(size = 3): Promise<{ group: TimedGroup; old: TimedNode; term: Term }> {
  const group = await TimedGroup.led(size);
  const old = group.leader;
  return { group, old, term: old.raft.term };
}

function firstOther(group: TimedGroup, node: TimedNode): TimedNode {
  const [other] = group.others(node);
  if (other === undefined) throw new Error("there are others");
  return other;
}

/** Whether another node leads in a newer term. */
function isDeposed(group: TimedGroup, old: TimedNode): boolean {
  return group.others(old).some(({ raft }) => raft.role === "leader");
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RaftError) return error.code;
    throw error;
  }
  return "none";
}

test("Leadership.transfer hands over to whom it is told, and says so", async () => {
  const { group, old, term } = await newLed();
  const target = group.others(old)[1];
  if (target === undefined) throw new Error("there are two others");
  const told = new Told();
  old.leadership.transfer(target.id, told.reply);
  await group.until(() => told.results.length > 0);
  expect(told.results).toEqual([target.id]);
  expect([target.raft.role, target.raft.term]).toEqual(["leader", term + 1]);
  expect(old.ends).toEqual(["transferred"]);
  await group.run(3 * timeoutMs);
  expect(told.results).toHaveLength(1);
  expect(group.leader).toBe(target);
  group.stop();
});

test("Leadership.transfer to anybody chooses who is furthest", async () => {
  const { group, old } = await newLed();
  const behind = firstOther(group, old);
  group.loses = ({ to }) => to === behind.id;
  old.propose("a");
  await group.until(() => old.journal.commands.length === 1);
  group.loses = () => false;
  const told = new Told();
  old.leadership.transfer(0, told.reply);
  await group.until(() => told.results.length > 0);
  expect(told.results).not.toEqual([behind.id]);
  expect(told.results).toEqual([group.leader.id]);
  group.stop();
});

test("Leadership.transfer to the leader itself is done at once", async () => {
  const { group, old, term } = await newLed();
  const told = new Told();
  old.leadership.transfer(old.id, told.reply);
  expect(told.results).toEqual([old.id]);
  await group.run(timeoutMs);
  expect(old.raft.term).toBe(term);
  group.stop();
});

test("Leadership.transfer refuses who does not lead, who cannot, and a second at the same time", async () => {
  const { group, old } = await newLed();
  const other = firstOther(group, old);
  const told = new Told();
  expect(codeOf(() => other.leadership.transfer(old.id, told.reply))).toBe("not_leader");
  expect(codeOf(() => old.leadership.transfer(9, told.reply))).toBe("invalid_argument");
  group.holds = ({ kind }) => kind === "timeout-now";
  old.leadership.transfer(other.id, () => {});
  expect(codeOf(() => old.leadership.transfer(0, told.reply))).toBe("transferring");
  expect(told.results).toEqual([]);
  group.stop();
});

test("Leadership.transfer fails once the core gives up, and the leader takes commands again (L8)", async () => {
  const { group, old, term } = await newLed();
  const target = firstOther(group, old);
  group.loses = ({ kind }) => kind === "timeout-now";
  const told = new Told();
  old.leadership.transfer(target.id, told.reply);
  expect(codeOf(() => old.propose("during"))).toBe("transferring");
  await group.run(timeoutMs - 2 * tickMs);
  expect(told.results).toEqual([]);
  await group.until(() => told.results.length > 0);
  expect(told.code).toBe("transfer_failed");
  old.propose("after");
  await group.until(() => old.journal.commands.includes("after"));
  expect([old.raft.role, old.raft.term]).toEqual(["leader", term]);
  // It is not the reason for what comes later, either.
  group.isolate(old.id);
  await group.until(() => old.ends.length > 0);
  expect(old.ends).toEqual(["no-quorum"]);
  group.stop();
});

/** Begins a transfer whose target campaigns in vain, so that `winner` is elected after it. */
async function loseTransfer(group: TimedGroup, old: TimedNode, winner: TimedNode): Promise<Told> {
  const { term } = old.raft;
  const told = new Told();
  group.loses = ({ kind, from }) =>
    (kind === "request-vote" || kind === "pre-vote") && from !== winner.id;
  old.leadership.transfer(firstOther(group, old).id, told.reply);
  await group.until(() => winner.raft.role === "leader" && winner.raft.term > term);
  await group.until(() => told.results.length > 0);
  return told;
}

test("Leadership.transfer tells who leads in the end, whoever that is", async () => {
  const { group, old } = await newLed();
  const winner = group.others(old)[1];
  if (winner === undefined) throw new Error("there are two others");
  const told = await loseTransfer(group, old, winner);
  expect(told.results).toEqual([winner.id]);
  group.stop();
});

test("Leadership.transfer fails if this node is elected again", async () => {
  const { group, old } = await newLed();
  const told = await loseTransfer(group, old, old);
  expect(told.code).toBe("transfer_failed");
  group.stop();
});

test("Leadership.transfer that nobody waits for goes on", async () => {
  const { group, old } = await newLed();
  const target = firstOther(group, old);
  const told = new Told();
  const forget = old.leadership.transfer(target.id, told.reply);
  forget();
  await group.until(() => target.raft.role === "leader");
  await group.run(timeoutMs);
  expect(told.results).toEqual([]);
  expect(old.ends).toEqual(["transferred"]);
  group.stop();
});

test("Leadership.stop tells those who wait", async () => {
  const { group, old } = await newLed();
  group.loses = ({ kind }) => kind === "timeout-now";
  const told = new Told();
  old.leadership.transfer(0, told.reply);
  old.leadership.stop(new RaftError("stopped", "closed"));
  expect(told.code).toBe("stopped");
  await group.run(2 * timeoutMs);
  expect(told.results).toHaveLength(1);
  group.stop();
});

/** Whether a hand-over is over. */
function watch(handOver: Promise<void> | undefined): { isOver: boolean } {
  const watched = { isOver: false };
  void handOver?.then(() => (watched.isOver = true));
  return watched;
}

test("Leadership.handOver waits for the next leader before a replica closes", async () => {
  const { group, old } = await newLed();
  const watched = watch(old.leadership.handOver(timeoutMs));
  await Promise.resolve();
  expect(watched.isOver).toBe(false);
  const start = group.now;
  await group.until(() => watched.isOver);
  // Not only that it leads no more: the next leader may need its vote.
  expect(group.leader).not.toBe(old);
  expect(old.raft.leader).toBe(group.leader.id);
  expect(group.now - start).toBeLessThan(timeoutMs / 2);
  expect(old.ends).toEqual(["shutting-down"]);
  group.stop();
});

test("Leadership.handOver does not wait where nobody can take over", async () => {
  const { group, old } = await newLed();
  const timers = old.clock.timerCount;
  expect(firstOther(group, old).leadership.handOver(timeoutMs)).toBeUndefined();
  expect(old.leadership.handOver(0)).toBeUndefined();
  group.isConnected = () => false;
  expect(old.leadership.handOver(timeoutMs)).toBeUndefined();
  const alone = await TimedGroup.led(1);
  expect(alone.leader.leadership.handOver(timeoutMs)).toBeUndefined();
  expect(old.clock.timerCount).toBe(timers);
  expect(old.raft.role).toBe("leader");
  group.stop();
  alone.stop();
});

test("Leadership.handOver waits no longer than it is told, nor for a lost connection", async () => {
  const { group, old } = await newLed();
  const timers = old.clock.timerCount;
  group.loses = ({ kind }) => kind === "timeout-now";
  const timed = watch(old.leadership.handOver(300));
  await group.run(250);
  expect(timed.isOver).toBe(false);
  await group.run(100);
  expect(timed.isOver).toBe(true);
  expect(old.clock.timerCount).toBe(timers);

  // The transfer goes on, and with it whoever waits now.
  const cut = watch(old.leadership.handOver(10 * timeoutMs));
  for (const { id } of group.nodes) old.leadership.onDisconnected(id);
  await Promise.resolve();
  await Promise.resolve();
  expect(cut.isOver).toBe(true);
  expect(old.clock.timerCount).toBe(timers);
  group.stop();
});

test("Leadership.handOver joins a transfer that is under way", async () => {
  const { group, old } = await newLed();
  const target = firstOther(group, old);
  const told = new Told();
  old.leadership.transfer(target.id, told.reply);
  const watched = watch(old.leadership.handOver(timeoutMs));
  await group.until(() => watched.isOver);
  expect(told.results).toEqual([target.id]);
  expect(old.ends).toEqual(["shutting-down"]);
  group.stop();
});

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

test("Leadership.endOf tells a full disk from other reasons", async () => {
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
