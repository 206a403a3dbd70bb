import type { AbortSignalLike } from "@quorate/runtime";
import { expect, test } from "vitest";
import { Cluster, type Member, Watched } from "./cluster.ts";
import { bytesOf, textOf } from "./journal.ts";

function followerOf(cluster: Cluster): Member {
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  return follower;
}

test("without a leader a command is unavailable: certainly not applied", async () => {
  const cluster = new Cluster(3);
  const member = await cluster.start(1);
  const call = cluster.propose(member, "a", 2000);
  await cluster.until(() => call.isSettled);
  expect(call.code).toBe("unavailable");
  expect(call.error.outcome).toBe("not-applied");
  await cluster.close();
});

test("a forwarded command whose connection is lost is unknown, and not sent again", async () => {
  const cluster = await Cluster.ready(3);
  const follower = followerOf(cluster);
  const { leader } = cluster;
  let forwardCount = 0;
  cluster.hub.meddle(({ frame }) => {
    if (frame.type === "forward") forwardCount++;
    return frame.type === "forward-result" ? 0 : 1;
  });
  const call = cluster.propose(follower, "a");
  await cluster.settle();
  expect(call.isSettled).toBe(false);
  cluster.hub.cut(follower.id, leader.id);
  await cluster.settle();
  expect(call.code).toBe("leadership_lost");
  expect(call.error.outcome).toBe("unknown");
  await cluster.run(10_000);
  expect(forwardCount).toBe(1);
  expect(await cluster.read(leader)).toEqual(["a"]);
  await cluster.close();
});

test("a forwarded command that vanishes is unknown when time runs out", async () => {
  const cluster = await Cluster.ready(3);
  cluster.hub.meddle(({ frame }) => (frame.type === "forward" ? 0 : 1));
  const call = cluster.propose(followerOf(cluster), "a", 700);
  await cluster.until(() => call.isSettled);
  expect(call.code).toBe("deadline_exceeded");
  expect(await cluster.read(cluster.leader)).toEqual([]);
  await cluster.close();
});

test("a forwarded command that is delivered twice is applied once", async () => {
  const cluster = await Cluster.ready(3);
  cluster.hub.meddle(({ frame }) => (frame.type === "forward" ? 3 : 1));
  expect(await cluster.write(followerOf(cluster), "once")).toBe("1:once");
  await cluster.run(1000);
  expect(await cluster.read(cluster.leader)).toEqual(["once"]);
  await cluster.close();
});

test("an answer that is delivered twice settles one command", async () => {
  const cluster = await Cluster.ready(3);
  cluster.hub.meddle(({ frame }) => (frame.type === "forward-result" ? 2 : 1));
  const follower = followerOf(cluster);
  expect(await cluster.write(follower, "a")).toBe("1:a");
  expect(await cluster.write(follower, "b")).toBe("2:b");
  await cluster.close();
});

test("a command that a node refuses because it does not lead is tried again elsewhere", async () => {
  const cluster = await Cluster.ready(3);
  const follower = followerOf(cluster);
  const old = cluster.leader;
  // The follower still thinks that the old leader leads when it forwards; by then it was deposed.
  cluster.hub.isolate(old.id);
  await cluster.until(() => old.replica.status().role !== "leader");
  await cluster.until(() => cluster.members.some(({ replica }) => replica.status().term > 1));
  cluster.hub.rejoin(old.id);
  await cluster.untilLed();
  expect(await cluster.write(follower, "a")).toBe("1:a");
  await cluster.close();
});

test("a refused forward is sent again under another id, and its late twin is not proposed", async () => {
  const cluster = await Cluster.ready(3);
  const [one, two] = cluster.followers;
  if (one === undefined || two === undefined) throw new Error("there are two followers");
  const { leader } = cluster;
  // `one` asks the leader, which answers nothing but refusals for a while: its disk is behind.
  const requests: Uint8Array[] = [];
  cluster.hub.meddle(({ frame, from }) => {
    if (frame.type === "forward" && from === one.id) requests.push(frame.payload.slice());
    return 1;
  });
  leader.memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
  await fillDisk(cluster, leader);
  const call = cluster.propose(one, "retried", 30_000);
  await cluster.until(() => requests.length >= 2);
  leader.memory.intercept = undefined;
  await cluster.until(() => call.isSettled);
  expect(textOf(call.value.result)).toMatch(/^\d+:retried$/);
  const ids = new Set(requests.map((payload) => payload.join()));
  expect(ids.size).toBe(requests.length);
  await cluster.untilLed();
  const commands = await cluster.read(two);
  expect(commands.filter((text) => text === "retried")).toHaveLength(1);
  await cluster.close();
});

test("a signal that is aborted before the call begins rejects it untouched", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  const signal = AbortSignal.abort("no more");
  const write = new Watched(replica.propose(bytesOf("a"), { signal }));
  const read = new Watched(replica.read("all", { signal }));
  await cluster.settle();
  expect([write.code, read.code]).toEqual(["unavailable", "unavailable"]);
  expect(write.error.cause).toBe("no more");
  expect(await cluster.read(cluster.leader)).toEqual([]);
  await cluster.close();
});

test("a signal aborted while a command waits for a leader rejects it as not applied", async () => {
  const cluster = new Cluster(3);
  const member = await cluster.start(1);
  const controller = new AbortController();
  const { signal } = controller;
  const call = new Watched(member.replica.propose(bytesOf("a"), { signal }));
  const read = new Watched(member.replica.read("all", { signal }));
  await cluster.run(100);
  controller.abort();
  await cluster.settle();
  expect([call.code, read.code]).toEqual(["unavailable", "unavailable"]);
  expect(call.error.outcome).toBe("not-applied");
  expect(member.replica.status().pending).toEqual({ proposals: 0, reads: 0, calls: 0 });
  for (const id of [2, 3]) await cluster.start(id);
  await cluster.untilLed();
  expect(await cluster.read(cluster.leader)).toEqual([]);
  await cluster.close();
});

test("a signal aborted after a command was handed over leaves it unknown", async () => {
  const cluster = await Cluster.ready(3);
  for (const member of [cluster.leader, followerOf(cluster)]) {
    const controller = new AbortController();
    const { signal } = controller;
    const call = new Watched(member.replica.propose(bytesOf("a"), { signal }));
    controller.abort();
    await cluster.settle();
    expect(call.code).toBe("aborted");
    expect(call.error.outcome).toBe("unknown");
  }
  expect(await cluster.read(cluster.leader)).toEqual(["a", "a"]);
  await cluster.close();
});

test("a call that settled no longer listens to its signal", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  const listeners = new Set<() => void>();
  const signal: AbortSignalLike = {
    aborted: false,
    addEventListener: (_type, listener) => listeners.add(listener),
    removeEventListener: (_type, listener) => listeners.delete(listener),
  };
  const calls = [
    new Watched(replica.propose(bytesOf("a"), { signal })),
    new Watched(replica.read("all", { signal })),
  ];
  expect(listeners.size).toBe(2);
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(listeners.size).toBe(0);
  await cluster.close();
});

test("Replica.close settles what is pending: stopped if handed over, closed if not", async () => {
  const cluster = await Cluster.ready(3);
  const follower = followerOf(cluster);
  const { leader } = cluster;
  leader.disk.holdsSyncs = true;
  for (const { disk } of cluster.followers) disk.holdsSyncs = true;
  const proposed = cluster.propose(leader, "a");
  const forwarded = cluster.propose(follower, "b");
  const read = cluster.ask(leader);
  cluster.hub.cut(follower.id, 99);
  const closing = [leader.replica.close(), follower.replica.close()];
  await cluster.settle();
  expect([proposed.code, forwarded.code]).toEqual(["stopped", "stopped"]);
  expect(read.code).toBe("closed");
  for (const { disk } of cluster.members) disk.release();
  await Promise.all(closing);
  const late = cluster.propose(leader, "c");
  await cluster.settle();
  expect(late.code).toBe("closed");
  expect(leader.replica.status().state).toBe("closed");
  await leader.replica.close();
  await cluster.close();
});

test("Replica.close settles a command that waits for a leader as closed: not applied", async () => {
  const cluster = new Cluster(3);
  const member = await cluster.start(1);
  const call = cluster.propose(member, "a");
  await member.replica.close();
  await cluster.settle();
  expect(call.code).toBe("closed");
  expect(call.error.outcome).toBe("not-applied");
  await cluster.close();
});

test("Replica.close resolves only after the write in flight", async () => {
  const cluster = await Cluster.ready(1);
  const { replica, disk } = cluster.leader;
  disk.holdsSyncs = true;
  cluster.propose(cluster.leader, "a");
  await cluster.settle();
  const closing = new Watched(replica.close());
  await cluster.settle();
  expect(closing.isSettled).toBe(false);
  disk.release();
  await cluster.settle();
  expect(closing.isSettled).toBe(true);
  await cluster.close();
});

test("calls with a timeout out of range, or with no bytes, are refused", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
    const calls = [
      new Watched(replica.propose(bytesOf("a"), { timeoutMs })),
      new Watched(replica.read("all", { timeoutMs })),
    ];
    await cluster.settle();
    expect(calls.map(({ code }) => code)).toEqual(["invalid_argument", "invalid_argument"]);
  }
  await cluster.close();
});

/** Writes on `member` until its full disk refuses. */
async function fillDisk(cluster: Cluster, member: Member): Promise<void> {
  for (let n = 0; member.replica.status().state === "running"; n++) {
    const call = cluster.propose(member, `${n}`.padEnd(1000, "."), 60_000);
    await cluster.settle();
    if (call.isSettled) continue;
    await cluster.run(10);
  }
}
