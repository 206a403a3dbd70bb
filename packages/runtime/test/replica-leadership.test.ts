import { expect, test } from "vitest";
import { Cluster, type Member, Watched } from "./cluster.ts";
import { bytesOf } from "./journal.ts";

const leasing = { raft: { leaseReads: true } };

function follower(cluster: Cluster): Member {
  const [member] = cluster.followers;
  if (member === undefined) throw new Error("there are followers");
  return member;
}

function reasonsOf({ events }: Member): unknown[] {
  return events.flatMap((event) =>
    event.kind === "role-changed" && event.reason !== undefined ? [event.reason] : [],
  );
}

test("leadership is handed over from any node, and everybody tells the same", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  const next = follower(cluster);
  const asked = new Watched(next.replica.transferLeadership(next.id));
  const writes = [leader, next].map((member, index) => cluster.propose(member, `w${index}`));
  await cluster.until(() => asked.isSettled);
  expect(asked.value).toBe(next.id);
  expect(next.replica.status().role).toBe("leader");
  expect(reasonsOf(leader)).toEqual(["transferred"]);
  expect(leader.replica.status().leadershipEnd).toBe("transferred");
  await cluster.until(() => writes.every(({ isSettled }) => isSettled));
  expect(writes.map(({ code }) => code)).toEqual(["resolved", "resolved"]);
  const same = new Watched(leader.replica.transferLeadership(next.id));
  await cluster.until(() => same.isSettled);
  expect(same.value).toBe(next.id);
  await cluster.close();
});

test("a hand-over to whoever does not answer fails, writes go on, and no lease is left", async () => {
  const cluster = await Cluster.ready(3, leasing);
  const { leader } = cluster;
  const gone = follower(cluster);
  cluster.hub.isolate(gone.id);
  expect(await cluster.read(leader, { consistency: "lease" })).toEqual([]);
  let roundCount = 0;
  cluster.hub.meddle(({ from, frame }) => {
    if (from === leader.id && frame.type === "raft") roundCount++;
    return 1;
  });
  const leased = cluster.ask(leader, { consistency: "lease" });
  expect(roundCount).toBe(0);
  const failed = new Watched(leader.replica.transferLeadership(gone.id));
  const waiting = cluster.propose(leader, "waits");
  await cluster.until(() => failed.isSettled && waiting.isSettled);
  expect(leased.code).toBe("resolved");
  expect(failed.code).toBe("transfer_failed");
  expect(waiting.code).toBe("resolved");
  expect(reasonsOf(leader)).toEqual([]);
  roundCount = 0;
  const read = cluster.ask(leader, { consistency: "lease" });
  expect(read.isSettled).toBe(false);
  await cluster.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["waits"]);
  expect(roundCount).toBeGreaterThan(0);
  await cluster.close();
});

test("a transfer settles whatever becomes of the leader meanwhile", async () => {
  for (const end of ["closed", "crashed", "isolated", "failed", "removed"] as const) {
    const cluster = await Cluster.ready(3);
    const { leader } = cluster;
    const target = follower(cluster);
    cluster.hub.isolate(target.id);
    const own = new Watched(leader.replica.transferLeadership(target.id));
    const other = cluster.followers.find(({ id }) => id !== target.id);
    if (other === undefined) throw new Error("there is a third");
    const remote = new Watched(other.replica.transferLeadership(target.id, { timeoutMs: 2000 }));
    await cluster.run(50);
    if (end === "closed") void leader.replica.close();
    if (end === "crashed") await cluster.crash(leader.id);
    if (end === "isolated") cluster.hub.isolate(leader.id);
    if (end === "failed") {
      leader.memory.intercept = () => "fail";
      cluster.propose(leader, "waits");
    }
    const removal =
      end === "removed" ? new Watched(other.replica.members.remove(leader.id)) : undefined;
    cluster.hub.rejoin(target.id);
    await cluster.run(6000);
    expect([end, own.isSettled, remote.isSettled]).toEqual([end, true, true]);
    expect(removal?.code ?? "resolved").toBe("resolved");
    for (const call of [own, remote]) expect(call.code).not.toBe("other");
    for (const { replica } of cluster.members) {
      expect(replica.status().pending).toEqual({ proposals: 0, reads: 0, calls: 0 });
    }
    leader.memory.intercept = undefined;
    await cluster.run(3000);
    await cluster.close();
  }
});

test("a leader that was suspended answers no read from its lease", async () => {
  const cluster = await Cluster.ready(3, leasing);
  const { leader } = cluster;
  await cluster.write(leader, "old");
  await cluster.read(leader, { consistency: "lease" });
  const before = cluster.ask(leader, { consistency: "lease" });
  await cluster.settle();
  expect(before.isSettled).toBe(true);
  cluster.hub.isolate(leader.id);
  cluster.clock.suspend(60_000);
  const after = cluster.ask(leader, { consistency: "lease", timeoutMs: 500 });
  const bounded = cluster.ask(leader, {
    consistency: "local",
    stalenessMsMax: 5000,
    timeoutMs: 500,
  });
  await cluster.settle();
  expect([after.code, bounded.code]).toEqual(["pending", "pending"]);
  await cluster.until(() => after.isSettled && bounded.isSettled);
  expect([after.code, bounded.code]).toEqual(["unavailable", "unavailable"]);
  await cluster.close();
});

test("a suspension while a leased query runs sends the read to the others", async () => {
  const cluster = await Cluster.ready(3, leasing);
  const { leader } = cluster;
  await cluster.read(leader, { consistency: "lease" });
  leader.journal.holdsQueries = true;
  const read = cluster.ask(leader, { consistency: "lease", timeoutMs: 500 });
  await cluster.settle();
  cluster.hub.isolate(leader.id);
  cluster.clock.suspend(10_000);
  leader.journal.holdsQueries = false;
  leader.journal.release();
  await cluster.settle();
  expect(read.code).toBe("pending");
  await cluster.until(() => read.isSettled);
  expect(read.code).toBe("unavailable");
  await cluster.close();
});

test("more calls than may wait are busy, and all settle", async () => {
  const cluster = new Cluster(3);
  const member = await cluster.start(1);
  const calls = Array.from(
    { length: 1100 },
    () => new Watched(member.replica.transferLeadership(undefined, { timeoutMs: 1000 })),
  );
  await cluster.settle();
  expect(calls.filter(({ code }) => code === "busy")).toHaveLength(76);
  expect(member.replica.status().pending.calls).toBe(1024);
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(new Set(calls.map(({ code }) => code))).toEqual(new Set(["busy", "unavailable"]));
  expect(member.replica.status().pending.calls).toBe(0);
  await cluster.close();
});

test("two replicas of one process follow their own groups", async () => {
  const one = await Cluster.ready(1);
  const two = await Cluster.ready(1);
  await one.write(one.leader, "one");
  await two.write(two.leader, "two");
  expect(await one.read(one.leader)).toEqual(["one"]);
  expect(await two.read(two.leader)).toEqual(["two"]);
  await one.close();
  await two.write(two.leader, "goes on");
  await two.close();
});

test("a replica that is told to forget its leader takes calls as before", async () => {
  const cluster = await Cluster.ready(3);
  const member = follower(cluster);
  const pending = new Watched(member.replica.propose(bytesOf("a")));
  expect(member.replica.forgetLeader()).toBe(cluster.leader.id);
  expect(member.replica.forgetLeader()).toBe(0);
  const later = new Watched(member.replica.propose(bytesOf("b")));
  const read = cluster.ask(member);
  await cluster.until(() => [pending, later, read].every(({ isSettled }) => isSettled));
  expect([pending.code, later.code, read.code]).toEqual(["resolved", "resolved", "resolved"]);
  await member.replica.close();
  const { leader } = member.replica.status();
  expect(() => member.replica.forgetLeader()).toThrow("closed: the replica is closed");
  expect(member.replica.status().leader).toBe(leader);
  await cluster.close();
});

test("commands wait for the next leader where a leader that hangs is forgotten", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  const [member, other] = cluster.followers;
  if (member === undefined || other === undefined) throw new Error("there are followers");
  // Connections stay, and nothing arrives.
  cluster.hub.meddle(({ from, to }) => (from === old.id || to === old.id ? 0 : 1));
  expect(member.replica.forgetLeader()).toBe(old.id);
  const waiting = cluster.propose(member, "a", 5000);
  const handed = cluster.propose(other, "b", 5000);
  await cluster.until(() => waiting.isSettled && handed.isSettled);
  expect(waiting.code).toBe("resolved");
  expect(handed.error.outcome).toBe("unknown");
  await cluster.close();
});
