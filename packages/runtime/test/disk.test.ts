import type { Message } from "@quorate/core";
import { decodeBatch } from "@quorate/wire";
import { expect, test } from "vitest";
import { Cluster, type Member, type Watched } from "./cluster.ts";
import { textOf } from "./journal.ts";

/** Collects every message that leaves any member from now on. */
function collect(cluster: Cluster): Message[] {
  const messages: Message[] = [];
  cluster.hub.meddle(({ frame }) => {
    if (frame.type === "raft") messages.push(...decodeBatch(frame.payload));
    return 1;
  });
  return messages;
}

test("a follower acknowledges an entry only after its disk holds it", async () => {
  const cluster = await Cluster.ready(3);
  const messages = collect(cluster);
  const held = cluster.followers;
  for (const { disk } of held) disk.holdsSyncs = true;
  const call = cluster.propose(cluster.leader, "a");
  await cluster.run(500);
  const acknowledged = (): boolean =>
    messages.some(
      (message) => message.kind === "append-entries-response" && message.matchIndex >= 2,
    );
  expect(messages.some(({ kind }) => kind === "append-entries")).toBe(true);
  expect(acknowledged()).toBe(false);
  expect(call.isSettled).toBe(false);
  for (const { disk } of held) disk.release();
  await cluster.until(() => call.isSettled);
  expect(acknowledged()).toBe(true);
  expect(textOf(call.value.result)).toBe("1:a");
  await cluster.close();
});

test("votes, and requests for them, leave only after the disk holds the term", async () => {
  const cluster = new Cluster(3);
  for (const id of cluster.voters) (await cluster.start(id)).disk.holdsSyncs = true;
  const messages = collect(cluster);
  await cluster.run(10_000);
  const kinds = (): Set<string> => new Set(messages.map(({ kind }) => kind));
  expect(kinds()).toContain("pre-vote");
  expect(kinds()).not.toContain("request-vote");
  for (const { disk } of cluster.members) disk.release();
  await cluster.untilLed();
  expect(kinds()).toContain("request-vote-response");
  await cluster.close();
});

test("a leader's own entry counts only once its disk holds it; its followers' may come first", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  leader.disk.holdsSyncs = true;
  const call = cluster.propose(leader, "a");
  await cluster.settle();
  // Both followers hold it: committed, but not durable here, and so not applied here.
  expect(leader.replica.status().commitIndex).toBe(3);
  expect(call.isSettled).toBe(false);
  for (const { disk } of cluster.followers) disk.holdsSyncs = true;
  const next = cluster.propose(leader, "b");
  await cluster.settle();
  expect(leader.replica.status().commitIndex).toBe(3);
  for (const { disk } of cluster.members) disk.release();
  await cluster.until(() => call.isSettled && next.isSettled);
  expect(textOf(next.value.result)).toBe("2:b");
  await cluster.close();
});

test("heartbeats and reads go on while the disk is slow", async () => {
  const cluster = await Cluster.ready(3);
  await cluster.write(cluster.leader, "a");
  const { id } = cluster.leader;
  const { term } = cluster.leader.replica.status();
  for (const { disk } of cluster.members) disk.holdsSyncs = true;
  const write = cluster.propose(cluster.leader, "b", 60_000);
  await cluster.run(10_000);
  expect(await cluster.read(cluster.leader)).toEqual(["a"]);
  expect(cluster.leader.id).toBe(id);
  expect(cluster.leader.replica.status().term).toBe(term);
  for (const { disk } of cluster.members) disk.release();
  await cluster.until(() => write.isSettled);
  await cluster.close();
});

test("a failed sync stops the replica: everything settles, nothing is sent, the others go on", async () => {
  const cluster = await Cluster.ready(3);
  const failing = cluster.leader;
  const { replica, memory, events } = failing;
  memory.intercept = ({ kind }) => (kind === "sync" ? "fail" : undefined);
  let resultCount = 0;
  cluster.hub.meddle(({ frame }) => {
    if (frame.type === "forward-result") resultCount++;
    return 1;
  });
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  const forwarded = cluster.propose(follower, "f");
  const write = cluster.propose(failing, "a");
  await cluster.until(() => replica.status().state === "failed");
  await cluster.settle();
  expect(forwarded.code).toBe("leadership_lost");
  expect(resultCount).toBe(0);
  const sent = collect(cluster);
  const fromFailed = (): number => sent.filter(({ from }) => from === failing.id).length;
  expect(write.isSettled).toBe(true);
  expect(["resolved", "storage_failed"]).toContain(write.code);
  expect(events.at(-1)).toMatchObject({ kind: "failed", error: { code: "storage_failed" } });
  expect(replica.status().failure).toContain("storage_failed");
  const late = cluster.propose(failing, "b");
  const read = cluster.ask(failing);
  await cluster.settle();
  expect([late.code, read.code]).toEqual(["closed", "closed"]);
  const others = cluster.members.filter(({ id }) => id !== failing.id);
  await cluster.until(() => others.some((other) => other.replica.status().role === "leader"));
  expect(fromFailed()).toBe(0);
  const [other] = others;
  if (other === undefined) throw new Error("there are others");
  await cluster.write(other, "c");
  await replica.close();
  expect(replica.status().state).toBe("failed");
  await cluster.close();
});

test("pending calls of a replica whose disk fails are unknown if handed over", async () => {
  const cluster = await Cluster.ready(1);
  const { memory } = cluster.leader;
  memory.intercept = ({ kind }) => (kind === "write" ? "fail" : undefined);
  const write = cluster.propose(cluster.leader, "a");
  await cluster.settle();
  expect(write.code).toBe("storage_failed");
  expect(write.error.outcome).toBe("unknown");
  await cluster.close();
});

test("a full disk refuses proposals, and the replica resumes by itself when there is room", async () => {
  const cluster = await Cluster.ready(1, { segmentBytes: 4096 });
  const { replica, memory, events } = cluster.leader;
  memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
  const big = ".".repeat(1000);
  const calls = [];
  while (replica.status().state === "running") {
    calls.push(cluster.propose(cluster.leader, big, 60_000));
    await cluster.settle();
  }
  const pending = calls.filter(({ isSettled }) => !isSettled);
  expect(pending).toHaveLength(1);
  const refused = cluster.propose(cluster.leader, "refused");
  await cluster.settle();
  expect(refused.code).toBe("disk_full");
  expect(refused.error.outcome).toBe("not-applied");
  await cluster.run(5000);
  expect(events.filter(({ kind }) => kind === "disk-full")).toHaveLength(1);
  expect(replica.status().state).toBe("full");
  expect(pending[0]?.isSettled).toBe(false);

  memory.intercept = undefined;
  await cluster.until(() => pending[0]?.isSettled === true);
  expect(pending[0]?.code).toBe("resolved");
  expect(replica.status().state).toBe("running");
  expect(events.map(({ kind }) => kind)).toContain("disk-recovered");
  expect(await cluster.write(cluster.leader, "again")).toBe(`${calls.length + 1}:again`);
  await cluster.close();
});

test("a leader with a full disk falls silent, and one with room takes over", async () => {
  const cluster = await Cluster.ready(3, { segmentBytes: 4096 });
  const full = cluster.leader;
  full.memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
  while (full.replica.status().state === "running") {
    cluster.propose(full, ".".repeat(1000), 60_000);
    await cluster.settle();
  }
  const others = cluster.members.filter(({ id }) => id !== full.id);
  await cluster.until(() => others.some(({ replica }) => replica.status().role === "leader"));
  const next = others.find(({ replica }) => replica.status().role === "leader");
  if (next === undefined) throw new Error("someone leads");
  await cluster.write(next, "after");
  expect(full.replica.status().state).toBe("full");
  full.memory.intercept = undefined;
  await cluster.until(() => full.replica.status().state === "running");
  await cluster.untilLed();
  expect(await cluster.read(full)).toContain("after");
  await cluster.close();
});

test("openReplica refuses a disk of another node or cluster, and leaves nothing running", async () => {
  const cluster = await Cluster.ready(1);
  const { memory } = cluster.leader;
  await cluster.close();
  const clusterId = "other";
  await expect(cluster.start(1, memory.afterKill(), { clusterId })).rejects.toMatchObject({
    code: "wrong_identity",
  });
  expect(cluster.clock.timerCount).toBe(0);
});

test("openReplica closes the log if the network cannot be opened", async () => {
  const cluster = new Cluster(1);
  const network = cluster.hub.network(1);
  const failure = new Error("the port is taken");
  const open = (): Promise<void> => Promise.reject(failure);
  await expect(cluster.start(1, undefined, { network: { ...network, open } })).rejects.toBe(
    failure,
  );
  await cluster.settle();
  expect(cluster.clock.timerCount).toBe(0);
  expect(cluster.disks.map(({ openFileCount }) => openFileCount)).toEqual([0]);
});

test("a leader with a full disk falls silent although it is asked to read", async () => {
  const cluster = await Cluster.ready(3, { segmentBytes: 4096 });
  const full = cluster.leader;
  await fill(cluster, full);
  const others = cluster.members.filter(({ id }) => id !== full.id);
  const reads: Watched<unknown>[] = [];
  let isLed = false;
  for (let ms = 0; ms < 10_000 && !isLed; ms += 50) {
    for (const member of cluster.members) reads.push(cluster.ask(member, { timeoutMs: 60_000 }));
    await cluster.run(50);
    isLed = others.some(({ replica }) => replica.status().role === "leader");
  }
  expect(isLed).toBe(true);
  // Reads at the full one may need what it has no room for.
  full.memory.intercept = undefined;
  await cluster.until(() => reads.every(({ isSettled }) => isSettled));
  expect(new Set(reads.map(({ code }) => code))).toEqual(new Set(["resolved"]));
  await cluster.close();
});

test("a cluster whose disks are all full still answers reads", async () => {
  const cluster = await Cluster.ready(3, { segmentBytes: 4096 });
  await cluster.write(cluster.leader, "a");
  for (const { memory } of cluster.members) {
    memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
  }
  const { leader } = cluster;
  while (cluster.members.some(({ replica }) => replica.status().state === "running")) {
    cluster.propose(leader, ".".repeat(1000), 1000);
    await cluster.run(10);
  }
  for (const member of cluster.members) {
    const read = cluster.ask(member, { timeoutMs: 60_000 });
    await cluster.until(() => read.isSettled);
    expect(read.value.answer).toContain("a");
  }
  expect(leader.replica.status().role).toBe("leader");
  await cluster.close();
});

/** Writes on `member` until its disk, which has no room for another segment, is full. */
async function fill(cluster: Cluster, member: Member): Promise<void> {
  member.memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
  while (member.replica.status().state === "running") {
    cluster.propose(member, ".".repeat(1000), 60_000);
    await cluster.settle();
  }
}
