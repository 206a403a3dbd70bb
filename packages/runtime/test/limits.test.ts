import { expect, test } from "vitest";
import { Cluster, type Member } from "./cluster.ts";

function followerOf(cluster: Cluster): Member {
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  return follower;
}

test("beyond proposalCountMax a command is refused as busy, and taken again later", async () => {
  const cluster = await Cluster.ready(1, { proposalCountMax: 2 });
  const calls = ["a", "b", "c"].map((text) => cluster.propose(cluster.leader, text));
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(calls.map(({ code }) => code)).toEqual(["resolved", "resolved", "busy"]);
  expect(await cluster.write(cluster.leader, "d")).toBe("3:d");
  await cluster.close();
});

test("forwarded commands count for the limit of the leader", async () => {
  const cluster = await Cluster.ready(3, { proposalCountMax: 2 });
  for (const { disk } of cluster.members) disk.holdsSyncs = true;
  const calls = ["a", "b"].map((text) => cluster.propose(cluster.leader, text));
  const forwarded = cluster.propose(followerOf(cluster), "c");
  await cluster.settle();
  expect(forwarded.code).toBe("busy");
  expect(forwarded.error.outcome).toBe("not-applied");
  for (const { disk } of cluster.members) disk.release();
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  await cluster.close();
});

test("beyond proposalBytesMax a command is refused, but a single one never", async () => {
  const cluster = await Cluster.ready(1, { proposalBytesMax: 10 });
  const large = cluster.propose(cluster.leader, ".".repeat(20));
  const second = cluster.propose(cluster.leader, "b");
  await cluster.until(() => large.isSettled && second.isSettled);
  expect([large.code, second.code]).toEqual(["resolved", "busy"]);
  const calls = ["12345", "67890", "!"].map((text) => cluster.propose(cluster.leader, text));
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(calls.map(({ code }) => code)).toEqual(["resolved", "resolved", "busy"]);
  await cluster.close();
});

test("a command beyond commandBytesMax is too large on every replica", async () => {
  const cluster = await Cluster.ready(3, { raft: { commandBytesMax: 10 } });
  for (const member of [cluster.leader, followerOf(cluster)]) {
    const call = cluster.propose(member, ".".repeat(11));
    await cluster.settle();
    expect(call.code).toBe("too_large");
    expect(await cluster.write(member, "0123456789")).toMatch(/:0123456789$/);
  }
  await cluster.close();
});

test("beyond readCountMax a read is refused as busy, and taken again later", async () => {
  const cluster = await Cluster.ready(1, { readCountMax: 2 });
  const reads = [1, 2, 3].map(() => cluster.ask(cluster.leader));
  await cluster.until(() => reads.every(({ isSettled }) => isSettled));
  expect(reads.map(({ code }) => code)).toEqual(["resolved", "resolved", "busy"]);
  expect(await cluster.read(cluster.leader)).toEqual([]);
  await cluster.close();
});

test("a leader whose disk is behind by unpersistedBytesMax refuses commands as busy", async () => {
  const cluster = await Cluster.ready(1, { unpersistedBytesMax: 1000 });
  const { disk } = cluster.leader;
  disk.holdsSyncs = true;
  const calls = [cluster.propose(cluster.leader, ".".repeat(1000))];
  await cluster.settle();
  const refused = cluster.propose(cluster.leader, "b");
  await cluster.settle();
  expect(refused.code).toBe("busy");
  disk.release();
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(await cluster.write(cluster.leader, "c")).toBe("2:c");
  await cluster.close();
});

test("a follower whose disk is behind drops appends, stays bounded, and catches up", async () => {
  const unpersistedBytesMax = 20_000;
  const cluster = await Cluster.ready(3, { segmentBytes: 512 * 1024 });
  const { id } = followerOf(cluster);
  const memory = await cluster.crash(id);
  const slow = await cluster.start(id, memory, { unpersistedBytesMax });
  await cluster.untilLed();
  slow.disk.holdsSyncs = true;
  for (let n = 0; n < 100; n++) {
    await cluster.write(cluster.leader, `${n}`.padEnd(1000, "."));
    // One more append may be taken when the limit is not reached yet.
    expect(slow.replica.status().unpersistedBytes).toBeLessThan(unpersistedBytesMax + 2000);
  }
  expect(slow.replica.status().unpersistedBytes).toBeGreaterThan(unpersistedBytesMax / 2);
  slow.disk.release();
  await cluster.until(() => slow.journal.commands.length === 100);
  await cluster.close();
});

test("an apply that ends makes room for the next, without waiting for a tick", async () => {
  const cluster = await Cluster.ready(1, { raft: { applyBytesMax: 100 } });
  const { journal } = cluster.leader;
  journal.holdsApplies = true;
  const calls = Array.from({ length: 5 }, (_, n) =>
    cluster.propose(cluster.leader, `${n}`.padEnd(100, ".")),
  );
  for (let turn = 0; turn < 5; turn++) {
    await cluster.settle();
    expect(journal.applyingCount).toBe(1);
    journal.release();
  }
  await cluster.settle();
  expect(calls.every(({ code }) => code === "resolved")).toBe(true);
  expect(journal.batches).toEqual([1, 1, 1, 1, 1]);
  await cluster.close();
});
