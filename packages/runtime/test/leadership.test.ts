import { type NodeId, RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import {
  electionTimeoutTicks,
  firstOther,
  newLed,
  tickMs,
  TimedGroup,
  type TimedNode,
} from "./timed-group.ts";

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

test("Leadership.transfer refuses who does not lead, who cannot, and two at a time", async () => {
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

test("Leadership.transfer fails once the core gives up, and the leader goes on (L8)", async () => {
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

test("Leadership.transfer that failed is not the reason for what comes later", async () => {
  const { group, old } = await newLed();
  group.loses = ({ kind }) => kind === "timeout-now";
  const told = new Told();
  old.leadership.transfer(0, told.reply);
  await group.until(() => told.results.length > 0);
  // Others hear nothing of it, and it hears of them.
  group.loses = ({ from, kind }) => from === old.id && kind === "heartbeat";
  await group.until(() => old.ends.length > 0);
  expect(old.ends).toEqual(["newer-term"]);
  group.stop();
});

test("Leadership.transfer is not the reason if the majority is lost meanwhile", async () => {
  const { group, old } = await newLed();
  group.isolate(old.id);
  await group.until(() => {
    const { electionElapsedTicks, progress } = old.raft.status();
    const isUnheard = progress.every(({ recentlyActive }) => !recentlyActive);
    return isUnheard && electionElapsedTicks === electionTimeoutTicks - 2;
  });
  old.leadership.transfer(0, () => {});
  await group.until(() => old.ends.length > 0);
  expect(old.ends).toEqual(["no-quorum"]);
  group.stop();
});

test("Leadership.transfer survives the loss of a connection", async () => {
  const { group, old } = await newLed();
  const target = firstOther(group, old);
  group.holds = ({ kind }) => kind === "timeout-now";
  const told = new Told();
  old.leadership.transfer(target.id, told.reply);
  old.leadership.onDisconnected(target.id);
  await group.run(3 * tickMs);
  expect(told.results).toEqual([]);
  group.holds = () => false;
  await group.until(() => told.results.length > 0);
  expect(told.results).toEqual([target.id]);
  group.stop();
});

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

test("Leadership.handOver chooses who is furthest", async () => {
  const { group, old } = await newLed();
  const [behind, ahead] = group.others(old);
  group.loses = ({ to, kind }) => to === behind?.id && kind === "append-entries";
  old.propose("a");
  await group.until(() => old.journal.commands.length === 1);
  const watched = watch(old.leadership.handOver(timeoutMs));
  await group.until(() => watched.isOver);
  expect(old.raft.leader).toBe(ahead?.id);
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
