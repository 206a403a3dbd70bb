import type { NodeId } from "@quorate/core";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type ClusterOptions, type Member, Watched } from "./cluster.ts";
import { Ledger } from "./ledger.ts";

/** Starts node `id` as one that joins. */
function join(
  cluster: Cluster,
  id: NodeId,
  memory: MemoryDisk = new MemoryDisk(),
  options: ClusterOptions = {},
): Promise<Member> {
  return cluster.start(id, memory, { voters: [], join: true, ...options });
}

function votersOf(member: Member): readonly NodeId[] {
  return member.replica.status().confState.voters;
}

async function settled<T>(cluster: Cluster, promise: Promise<T>): Promise<T> {
  const call = new Watched(promise);
  await cluster.until(() => call.isSettled);
  return call.value;
}

test("a removed leader retires: its calls settle, the others go on, and it is told last", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  await cluster.write(leader, "before");
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  const removal = new Watched(follower.replica.members.remove(leader.id));
  const writes = Array.from({ length: 5 }, (_, index) => cluster.propose(leader, `w${index}`));
  await cluster.until(() => removal.isSettled && leader.replica.status().state === "removed");
  expect(removal.value.removed).toEqual([leader.id]);
  await cluster.run(6000);
  for (const write of writes) expect(write.isSettled).toBe(true);
  expect(leader.events.at(-1)).toMatchObject({ kind: "removed" });
  const ends = leader.events.filter(({ kind }) => kind === "role-changed").slice(-1);
  expect(ends).toMatchObject([{ role: "follower", reason: "removed" }]);
  expect(leader.replica.status()).toMatchObject({
    connected: [],
    pending: { proposals: 0, reads: 0, calls: 0 },
  });
  const after = cluster.propose(leader, "late");
  await cluster.settle();
  expect(after.code).toBe("removed");
  await cluster.write(follower, "after");
  const commands = await cluster.read(follower);
  for (const [index, write] of writes.entries()) {
    if (write.code === "resolved") expect(commands).toContain(`w${index}`);
    else if (write.error.outcome === "not-applied") expect(commands).not.toContain(`w${index}`);
  }
  await cluster.close();
});

test("a node that was down when it was removed learns it when it comes back", async () => {
  const cluster = await Cluster.ready(3);
  const [down, other] = cluster.followers;
  if (down === undefined || other === undefined) throw new Error("there are followers");
  const left = await cluster.crash(down.id, () => true);
  await settled(cluster, cluster.leader.replica.members.remove(down.id));
  const back = await cluster.start(down.id, left);
  const pending = cluster.propose(back, "from the dead");
  await cluster.until(() => back.replica.status().state === "removed");
  await cluster.settle();
  expect(pending.isSettled).toBe(true);
  expect(pending.error.outcome).toBe("not-applied");
  expect(back.events.filter(({ kind }) => kind === "removed")).toHaveLength(1);
  await cluster.write(other, "goes on");
  await cluster.close();
});

test("a removed follower hears of it, and ends", async () => {
  const cluster = await Cluster.ready(3);
  const [gone] = cluster.followers;
  if (gone === undefined) throw new Error("there are followers");
  const asked = new Watched(gone.replica.members.remove(gone.id));
  await cluster.until(() => gone.replica.status().state === "removed");
  await cluster.settle();
  expect(asked.code).toBe("resolved");
  expect(votersOf(gone)).not.toContain(gone.id);
  expect(gone.events.at(-1)).toMatchObject({ kind: "removed" });
  await cluster.close();
});

test("a new node learns before, while and after it is added, with restarts in between", async () => {
  const cluster = await Cluster.ready(3);
  await cluster.write(cluster.leader, "a");
  // Before: it waits, silent, and starts again.
  await join(cluster, 4);
  await cluster.run(5000);
  let left = await cluster.crash(4, () => true);
  await join(cluster, 4, left);
  const added = new Watched(cluster.leader.replica.members.add({ id: 4, address: "four" }));
  await cluster.run(50);
  left = await cluster.crash(4, () => true);
  await cluster.run(3000);
  const four = await join(cluster, 4, left);
  await cluster.until(() => added.isSettled);
  expect(added.value.confState.voters).toEqual([1, 2, 3, 4]);
  await cluster.until(() => votersOf(four).length === 4);
  expect(await cluster.read(four)).toEqual(["a"]);
  expect(await cluster.write(four, "b")).toBe("2:b");
  // After: as it was, or without a word of joining, or as one of quite another group.
  left = await cluster.crash(4);
  const again = await cluster.start(4, left, { voters: [4, 9] });
  await cluster.untilLed();
  expect(votersOf(again)).toEqual([1, 2, 3, 4]);
  expect(await cluster.read(again)).toEqual(["a", "b"]);
  await cluster.close();
});

test("a new node is brought by a snapshot, and starts again from what it has", async () => {
  const options = { snapshotEveryCount: 5, snapshotTailCount: 0 };
  const cluster = new Cluster(3, options);
  for (const id of cluster.voters) {
    await cluster.start(id, new MemoryDisk(), { stateMachine: new Ledger() });
  }
  await cluster.untilLed();
  await cluster.run(1500);
  const texts = Array.from({ length: 30 }, (_, index) => `c${index}`);
  for (const text of texts) await cluster.write(cluster.leader, text);
  expect(cluster.leader.replica.status().firstIndex).toBeGreaterThan(20);
  const four = await join(cluster, 4, new MemoryDisk(), { stateMachine: new Ledger() });
  const added = await settled(
    cluster,
    cluster.leader.replica.members.add({ id: 4, address: "four" }),
  );
  expect(added.confState.voters).toEqual([1, 2, 3, 4]);
  await cluster.until(() => votersOf(four).length === 4);
  expect(four.events.map(({ kind }) => kind)).toContain("snapshot-received");
  expect(await cluster.read(four)).toEqual(texts);
  expect(four.replica.members.list().members.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  const left = await cluster.crash(4);
  const ledger = new Ledger();
  const again = await cluster.start(4, left, { stateMachine: ledger, voters: [4] });
  await cluster.untilLed();
  expect(votersOf(again)).toEqual([1, 2, 3, 4]);
  expect(await cluster.read(again)).toEqual(texts);
  await cluster.close();
});

test("a wiped node is refused under its old id, and replaced by a new one", async () => {
  const cluster = await Cluster.ready(3);
  await cluster.write(cluster.leader, "a");
  const [wiped] = cluster.followers;
  if (wiped === undefined) throw new Error("there are followers");
  await cluster.crash(wiped.id);
  const impostor = await cluster.start(wiped.id, new MemoryDisk());
  await cluster.run(5000);
  expect(impostor.replica.status().commitIndex).toBe(0);
  await impostor.replica.close();
  const four = await join(cluster, 4);
  const replaced = new Watched(
    cluster.leader.replica.members.replace(wiped.id, { id: 4, address: "" }),
  );
  await cluster.until(() => replaced.isSettled);
  expect(replaced.value.removed).toEqual([wiped.id]);
  expect(await cluster.read(four)).toEqual(["a"]);
  await cluster.write(four, "b");
  await cluster.close();
});

test("a restart with other voters and a compacted log changes nothing", async () => {
  const cluster = new Cluster(3, { snapshotEveryCount: 5, snapshotTailCount: 0 });
  for (const id of cluster.voters) {
    await cluster.start(id, new MemoryDisk(), { stateMachine: new Ledger() });
  }
  await cluster.untilLed();
  for (let count = 0; count < 20; count++) await cluster.write(cluster.leader, `c${count}`);
  const { id } = cluster.leader;
  const left = await cluster.crash(id);
  const again = await cluster.start(id, left, { stateMachine: new Ledger(), voters: [id] });
  await cluster.untilLed();
  expect(votersOf(again)).toEqual([1, 2, 3]);
  expect(await cluster.read(again)).toHaveLength(20);
  await cluster.close();
});

test("a group of one grows, and shrinks to the one that came", async () => {
  const cluster = await Cluster.ready(1);
  await cluster.write(cluster.leader, "a");
  const two = await join(cluster, 2);
  const one = cluster.member(1);
  await settled(cluster, one.replica.members.add({ id: 2, address: "" }));
  await cluster.until(() => votersOf(two).length === 2);
  const removal = await settled(cluster, one.replica.members.remove(1));
  expect(removal.removed).toEqual([1]);
  // Whoever is told that it is done may turn the removed one off.
  cluster.hub.kill(1);
  await cluster.until(() => two.replica.status().role === "leader");
  expect(await cluster.write(two, "b")).toBe("2:b");
  // The network lets the removed one go after a moment.
  await cluster.run(200);
  await cluster.close();
});

test("the present members as precondition", async () => {
  const cluster = await Cluster.ready(3);
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  const seen = follower.replica.members.list();
  const first = await settled(
    cluster,
    follower.replica.members.demote(follower.id, { ifIndex: seen.index }),
  );
  const second = new Watched(
    follower.replica.members.promote(follower.id, { ifIndex: seen.index }),
  );
  await cluster.until(() => second.isSettled);
  expect(second.code).toBe("configuration_changed");
  const third = new Watched(
    follower.replica.members.promote(follower.id, { ifIndex: first.index }),
  );
  await cluster.until(() => third.isSettled);
  expect(third.value.confState.voters).toEqual([1, 2, 3]);
  await cluster.close();
});

test("a learner takes calls of every kind", async () => {
  const cluster = await Cluster.ready(3);
  const learner = await join(cluster, 4);
  await settled(cluster, cluster.leader.replica.members.add({ id: 4, address: "", as: "learner" }));
  await cluster.until(() => learner.replica.status().leader !== 0);
  expect(await cluster.write(learner, "a")).toBe("1:a");
  expect(await cluster.read(learner)).toEqual(["a"]);
  const [next] = cluster.followers.filter(({ id }) => id !== 4);
  if (next === undefined) throw new Error("there are followers");
  expect(await settled(cluster, learner.replica.transferLeadership(next.id))).toBe(next.id);
  const [other] = cluster.followers.filter(({ id }) => id !== 4);
  if (other === undefined) throw new Error("there are followers");
  const refused = new Watched(learner.replica.transferLeadership(4));
  await cluster.until(() => refused.isSettled);
  expect(refused.code).toBe("invalid_argument");
  const changed = await settled(cluster, learner.replica.members.promote(4));
  expect(changed.confState.voters).toEqual([1, 2, 3, 4]);
  await cluster.close();
});

test("a removed node stays until somebody who stays tells it, who may have needed its vote", async () => {
  const cluster = await Cluster.ready(2);
  const { leader } = cluster;
  const [gone] = cluster.followers;
  if (gone === undefined) throw new Error("there is a follower");
  // The leader's own disk does not learn that the change is committed, and then forgets that it was.
  const removal = new Watched(leader.replica.members.remove(gone.id));
  leader.replica.subscribe(({ kind }) => {
    if (kind === "members-changed") leader.disk.holdsSyncs = true;
  });
  await cluster.until(() => !votersOf(gone).includes(gone.id));
  const left = await cluster.crash(leader.id);
  expect(removal.isSettled).toBe(true);
  await cluster.run(30_000);
  expect(gone.replica.status()).toMatchObject({ state: "running", role: "follower" });
  expect(gone.events.map(({ kind }) => kind)).not.toContain("removed");
  const again = await cluster.start(leader.id, left);
  await cluster.until(() => again.replica.status().role === "leader");
  await cluster.until(() => gone.replica.status().state === "removed");
  expect(gone.events.at(-1)).toEqual({ kind: "removed", by: leader.id });
  await cluster.close();
});

test("a leader that is removed says so only when the others know", async () => {
  const cluster = await Cluster.ready(2);
  const { leader } = cluster;
  const [other] = cluster.followers;
  if (other === undefined) throw new Error("there is a follower");
  leader.replica.subscribe(({ kind }) => {
    if (kind === "members-changed") cluster.hub.cut(leader.id, other.id);
  });
  const removal = new Watched(leader.replica.members.remove(leader.id));
  await cluster.until(() => !votersOf(leader).includes(leader.id));
  await cluster.run(500);
  // The other may need this one's vote: it would be too early to switch this one off.
  expect(votersOf(other)).toContain(leader.id);
  expect(removal.isSettled).toBe(false);
  await cluster.until(() => removal.isSettled);
  expect(removal.error.outcome).toBe("unknown");
  cluster.hub.join(leader.id, other.id);
  await cluster.until(() => other.replica.status().role === "leader");
  await cluster.until(() => leader.replica.status().state === "removed");
  await cluster.close();
});
