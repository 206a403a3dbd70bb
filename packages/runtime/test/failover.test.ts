import { type ErrorCode, type NodeId, RaftError } from "@quorate/core";
import { decodeBatch, type Frame } from "@quorate/wire";
import { expect, test } from "vitest";
import { Cluster, type Member, type Watched } from "./cluster.ts";
import { textOf } from "./journal.ts";

test("no acknowledged write is lost when leaders crash in turn, unsynced bytes and all", async () => {
  const cluster = await Cluster.ready(3);
  const acknowledged: string[] = [];
  const left = new Map<NodeId, Awaited<ReturnType<Cluster["crash"]>>>();
  for (let round = 0; round < 6; round++) {
    for (let n = 0; n < 5; n++) {
      const text = `${round}.${n}`;
      await cluster.write(cluster.leader, text);
      acknowledged.push(text);
    }
    // Left pending: it may survive or not, but never twice.
    for (const member of cluster.members) cluster.propose(member, `${round} pending`);
    const { id } = cluster.leader;
    left.set(id, await cluster.crash(id));
    await cluster.untilLed();
    const survived = await cluster.read(cluster.leader);
    expect(survived.filter((text) => !text.includes("pending"))).toEqual(acknowledged);
    await cluster.start(id, left.get(id));
    await cluster.untilLed();
  }
  const all = await cluster.read(cluster.leader);
  for (const member of cluster.members) expect(await cluster.read(member)).toEqual(all);
  await cluster.close();
});

test("a cluster whose members all lose power finds everything that was acknowledged", async () => {
  const cluster = await Cluster.ready(3);
  const texts = Array.from({ length: 20 }, (_, n) => `${n}`);
  for (const text of texts) await cluster.write(cluster.leader, text);
  const left = [];
  for (const id of cluster.voters) left.push({ id, memory: await cluster.crash(id) });
  for (const { id, memory } of left) await cluster.start(id, memory);
  await cluster.untilLed();
  expect(await cluster.read(cluster.leader)).toEqual(texts);
  await cluster.close();
});

test("one replica that is closed and opened again goes on where it was", async () => {
  const cluster = await Cluster.ready(1);
  await cluster.write(cluster.leader, "a");
  const { memory } = cluster.leader;
  await cluster.close();
  await cluster.start(1, memory.afterKill());
  await cluster.untilLed();
  expect(await cluster.write(cluster.leader, "b")).toBe("2:b");
  expect(await cluster.read(cluster.leader)).toEqual(["a", "b"]);
  await cluster.close();
});

test("a command that another leader's entry replaced is superseded: certainly not applied", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  cluster.hub.isolate(old.id);
  const lost = ["lost", "gone"].map((text) => cluster.propose(old, text, 60_000));
  // The other's no-op takes the place of the first, and its command that of the second.
  const next = await leaderAmong(cluster, old.id);
  expect(await cluster.write(next, "won")).toBe("1:won");
  expect(lost.some(({ isSettled }) => isSettled)).toBe(false);
  cluster.hub.rejoin(old.id);
  await cluster.until(() => lost.every(({ isSettled }) => isSettled));
  expect(lost.map(({ code }) => code)).toEqual(["superseded", "superseded"]);
  expect(lost[0]?.error.outcome).toBe("not-applied");
  expect(await cluster.read(old)).toEqual(["won"]);
  await cluster.close();
});

test("a leader again that proposes where an earlier command of its own stood gives that up", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  cluster.hub.isolate(old.id);
  const lost = ["x", "y", "z"].map((text) => cluster.propose(old, text, 600_000));
  const next = await leaderAmong(cluster, old.id);
  await cluster.until(() => next.replica.status().commitIndex === 3);
  // Only the old leader hears of it, so that it can win the next election.
  cluster.hub.rejoin(old.id);
  await cluster.until(() => lost[0]?.isSettled === true);
  await cluster.untilLed();
  const again = await cluster.crash(next.id);
  const third = cluster.members.find(({ id }) => id !== old.id);
  if (third === undefined) throw new Error("there is a third");
  const waiting = cluster.propose(old, "w", 60_000);
  // The third cannot be elected: nobody hears it ask.
  cluster.hub.meddle(({ from, frame }) => (from === third.id && asksForVotes(frame) ? 0 : 1));
  await cluster.until(() => lost.every(({ isSettled }) => isSettled) && waiting.isSettled);
  expect(lost.map(({ code }) => code)).toEqual(["superseded", "superseded", "leadership_lost"]);
  expect(lost[2]?.error.outcome).toBe("unknown");
  expect(textOf(waiting.value.result)).toBe("1:w");
  expect(waiting.value.index).toBe(5);
  await cluster.start(next.id, again);
  await cluster.close();
});

test("a command of a deposed leader that survives is answered with its result", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  // The others take the command, and the leader never hears so.
  cluster.hub.meddle(({ to }) => (to === old.id ? 0 : 1));
  const kept = cluster.propose(old, "kept", 60_000);
  await cluster.settle();
  cluster.hub.isolate(old.id);
  cluster.hub.meddle(() => 1);
  const next = await leaderAmong(cluster, old.id);
  expect(await cluster.write(next, "more")).toBe("2:more");
  expect(kept.isSettled).toBe(false);
  cluster.hub.rejoin(old.id);
  await cluster.until(() => kept.isSettled);
  expect(textOf(kept.value.result)).toBe("1:kept");
  await cluster.close();
});

test("a leader that was deposed says leadership_lost when time runs out", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  cluster.hub.isolate(old.id);
  const call = cluster.propose(old, "unknown", 4000);
  await cluster.until(() => call.isSettled);
  expectUnknown(call, "leadership_lost");
  await cluster.close();
});

test("a leader that still leads says deadline_exceeded when time runs out", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  cluster.hub.isolate(old.id);
  const start = cluster.clock.now();
  const call = cluster.propose(old, "unknown", 500);
  await cluster.until(() => call.isSettled);
  expectUnknown(call, "deadline_exceeded");
  expect(cluster.clock.now() - start).toBeGreaterThanOrEqual(500);
  expect(cluster.clock.now() - start).toBeLessThan(530);
  expect(old.replica.status().pending.proposals).toBe(0);
  await cluster.close();
});

test("a member that comes back from a pause deposes nobody", async () => {
  const cluster = await Cluster.ready(3);
  const { id } = cluster.leader;
  const { term } = cluster.leader.replica.status();
  await cluster.write(cluster.leader, "a");
  cluster.clock.pause(30_000);
  await cluster.run(3000);
  expect(cluster.leader.id).toBe(id);
  expect(cluster.leader.replica.status().term).toBe(term);
  await cluster.close();
});

function asksForVotes({ type, payload }: Frame): boolean {
  const kinds = type === "raft" ? decodeBatch(payload).map(({ kind }) => kind) : [];
  return kinds.includes("pre-vote") || kinds.includes("request-vote");
}

/** The member that leads once `old` is cut off. */
async function leaderAmong(cluster: Cluster, old: NodeId): Promise<Cluster["leader"]> {
  const others = cluster.members.filter(({ id }) => id !== old);
  await cluster.until(() => others.some(({ replica }) => replica.status().role === "leader"));
  const next = others.find(({ replica }) => replica.status().role === "leader");
  if (next === undefined) throw new Error("someone leads");
  return next;
}

function expectUnknown(call: Watched<unknown>, code: string): void {
  expect(call.code).toBe(code);
  expect(call.error.outcome).toBe("unknown");
}

/** Whom `member` forgets, or why it does not. */
function forgottenBy({ replica }: Member): NodeId | ErrorCode {
  try {
    return replica.forgetLeader();
  } catch (error) {
    if (error instanceof RaftError) return error.code;
    throw error;
  }
}

test("a replica forgets its leader until it hears from one, but not with leases", async () => {
  for (const leaseReads of [false, true]) {
    const cluster = await Cluster.ready(3, { raft: { leaseReads } });
    const [follower] = cluster.followers;
    if (follower === undefined) throw new Error("there are followers");
    const { id } = cluster.leader;
    expect(forgottenBy(cluster.leader)).toBe("is_leader");
    expect(forgottenBy(follower)).toBe(leaseReads ? "lease_promised" : id);
    expect(follower.replica.status().leader).toBe(leaseReads ? id : 0);
    await cluster.run(200);
    expect(follower.replica.status().leader).toBe(id);
    expect(cluster.leader.id).toBe(id);
    await cluster.close();
  }
});
