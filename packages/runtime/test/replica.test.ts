import { SeededRandom } from "@quorate/runtime/testing";
import { expect, test } from "vitest";
import { Cluster } from "./cluster.ts";
import { textOf } from "./journal.ts";

test("one replica elects itself, writes and reads", async () => {
  const cluster = await Cluster.ready(1);
  expect(await cluster.write(cluster.leader, "a")).toBe("1:a");
  expect(await cluster.write(cluster.leader, "b")).toBe("2:b");
  expect(await cluster.read(cluster.leader)).toEqual(["a", "b"]);
  await cluster.close();
});

test("three replicas replicate what is written on the leader", async () => {
  const cluster = await Cluster.ready(3);
  expect(await cluster.write(cluster.leader, "a")).toBe("1:a");
  for (const member of cluster.members) expect(await cluster.read(member)).toEqual(["a"]);
  await cluster.close();
});

test("a write on a follower is forwarded and gets the leader's result", async () => {
  const cluster = await Cluster.ready(3);
  await cluster.write(cluster.leader, "a");
  for (const follower of cluster.followers) {
    const result = await cluster.write(follower, `by ${follower.id}`);
    expect(result).toMatch(/^[23]:by \d$/);
  }
  expect(await cluster.read(cluster.leader)).toHaveLength(3);
  await cluster.close();
});

test("Replica.propose gives the index of the command, growing along the log", async () => {
  const cluster = await Cluster.ready(3);
  const calls = ["a", "b", "c"].map((text) => cluster.propose(cluster.leader, text));
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  const indexes = calls.map(({ value }) => value.index);
  // Behind the empty entry of the election, and what the group learned of its members.
  expect(indexes).toEqual([3, 4, 5]);
  expect(calls.map(({ value }) => textOf(value.result))).toEqual(["1:a", "2:b", "3:c"]);
  const read = cluster.ask(cluster.leader);
  await cluster.until(() => read.isSettled);
  expect(read.value.index).toBe(5);
  await cluster.close();
});

test("Replica.propose copies the command", async () => {
  const cluster = await Cluster.ready(1);
  const command = Uint8Array.of(97);
  const applied = cluster.leader.replica.propose(command);
  command[0] = 98;
  await cluster.settle();
  expect(textOf((await applied).result)).toBe("1:a");
  await cluster.close();
});

test("calls made before there is a leader wait for one", async () => {
  const cluster = new Cluster(3);
  for (const id of cluster.voters) await cluster.start(id);
  const write = cluster.propose(cluster.member(2), "early");
  const read = cluster.ask(cluster.member(3));
  await cluster.until(() => write.isSettled && read.isSettled);
  expect(textOf(write.value.result)).toBe("1:early");
  expect(["", "early"]).toContain(read.value.answer.join());
  await cluster.close();
});

test("commands proposed in one turn share one write and one sync", async () => {
  const cluster = await Cluster.ready(1);
  const { disk, journal } = cluster.leader;
  const before = disk.syncCount;
  const batches = journal.batches.length;
  const calls = Array.from({ length: 100 }, (_, n) => cluster.propose(cluster.leader, `${n}`));
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(disk.syncCount - before).toBe(1);
  expect(journal.batches.slice(batches)).toEqual([100]);
  await cluster.close();
});

test("commands that arrive during a sync share the next one", async () => {
  const cluster = await Cluster.ready(1);
  const { disk } = cluster.leader;
  const before = disk.syncCount;
  disk.holdsSyncs = true;
  const calls = [cluster.propose(cluster.leader, "first")];
  await cluster.settle();
  for (let turn = 0; turn < 10; turn++) {
    calls.push(cluster.propose(cluster.leader, `${turn}`));
    await cluster.settle();
  }
  expect(disk.syncCount - before).toBe(1);
  expect(calls.some(({ isSettled }) => isSettled)).toBe(false);
  disk.release();
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(disk.syncCount - before).toBe(2);
  await cluster.close();
});

test("a commit index alone costs no sync", async () => {
  const cluster = await Cluster.ready(1);
  await cluster.write(cluster.leader, "a");
  const before = cluster.leader.disk.syncCount;
  await cluster.run(1000);
  expect(cluster.leader.disk.syncCount).toBe(before);
  await cluster.close();
});

test("a local read answers from what is applied, without asking anyone", async () => {
  const cluster = await Cluster.ready(3);
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  await cluster.write(cluster.leader, "a");
  expect(await cluster.read(follower)).toEqual(["a"]);
  cluster.hub.isolate(follower.id);
  await cluster.write(cluster.leader, "b");
  expect(await cluster.read(follower, { consistency: "local" })).toEqual(["a"]);
  await cluster.close();
});

test("a query that throws rejects its read alone", async () => {
  const cluster = await Cluster.ready(1);
  const { replica } = cluster.leader;
  await expect(replica.read("throw", { consistency: "local" })).rejects.toThrow(RangeError);
  expect(replica.status().state).toBe("running");
  expect(replica.status().pending).toEqual({ proposals: 0, reads: 0, calls: 0 });
  await cluster.close();
});

test("Replica.status tells cluster, connections and pending calls", async () => {
  const cluster = await Cluster.ready(3);
  const { replica, id } = cluster.leader;
  const status = replica.status();
  expect(status).toMatchObject({ clusterId: "test", state: "running", role: "leader" });
  expect(status.connected).toEqual(cluster.voters.filter((voter) => voter !== id));
  cluster.leader.disk.holdsSyncs = true;
  const write = cluster.propose(cluster.leader, "a");
  const read = cluster.ask(cluster.leader);
  expect(replica.status().pending).toEqual({ proposals: 1, reads: 1, calls: 0 });
  cluster.clock.runDeferred();
  expect(replica.status().unpersistedBytes).toBeGreaterThan(0);
  cluster.leader.disk.release();
  await cluster.until(() => write.isSettled && read.isSettled);
  expect(replica.status().pending).toEqual({ proposals: 0, reads: 0, calls: 0 });
  await cluster.until(() => replica.status().unpersistedBytes === 0);
  await cluster.close();
});

test("Replica.subscribe tells of roles, leaders and peers, until it is ended", async () => {
  const cluster = await Cluster.ready(3);
  const { events, replica, id } = cluster.leader;
  expect(events.map(({ kind }) => kind)).toContain("peer-connected");
  expect(events).toContainEqual({ kind: "role-changed", term: 1, role: "leader" });
  expect(events).toContainEqual({ kind: "leader-changed", term: 1, leader: id });
  const heard: string[] = [];
  const unsubscribe = replica.subscribe((event) => heard.push(event.kind));
  cluster.hub.isolate(id);
  await cluster.until(() => replica.status().role !== "leader");
  expect(heard).toContain("peer-disconnected");
  expect(heard).toContain("leader-changed");
  unsubscribe();
  const count = heard.length;
  cluster.hub.rejoin(id);
  await cluster.untilLed();
  expect(heard).toHaveLength(count);
  await cluster.close();
});

test("the core learns at once of a connection that is lost", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  const kindOf = (peer: number): string | undefined =>
    leader.replica.status().progress.find(({ id }) => id === peer)?.kind;
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  await cluster.write(leader, "a");
  await cluster.run(200);
  expect(kindOf(follower.id)).toBe("replicate");
  cluster.hub.cut(leader.id, follower.id);
  expect(kindOf(follower.id)).toBe("probe");
  expect(leader.replica.status().connected).not.toContain(follower.id);
  await cluster.close();
});

test("every run draws its own election timeout", async () => {
  const timeouts = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const cluster = new Cluster(3);
    const { replica } = await cluster.start(1, undefined, { random: new SeededRandom(seed) });
    timeouts.add(replica.status().electionTimeoutTicks);
    await cluster.close();
  }
  expect(timeouts.size).toBeGreaterThan(3);
});
