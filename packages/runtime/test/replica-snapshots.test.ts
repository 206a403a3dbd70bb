import { RaftError } from "@quorate/core";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type ClusterOptions, type Member, Watched } from "./cluster.ts";
import { bytesOf } from "./journal.ts";
import { DurableLedger, type DurableLedgerDisk, Ledger } from "./ledger.ts";

const small: ClusterOptions = {
  snapshotEveryCount: 5,
  snapshotTailCount: 0,
  snapshotKeepBytesMax: 0,
  snapshotTailBytes: 0,
  snapshotChunkBytes: 16,
  snapshotWindowBytes: 32,
  snapshotRetryMs: 50,
  callTimeoutMs: 20_000,
};

/** Three nodes that lead each other, and keep little of their logs. */
async function ready(
  machines: Map<number, Ledger | DurableLedger>,
  options: ClusterOptions = {},
): Promise<Cluster> {
  const cluster = new Cluster(3, { ...small, ...options });
  for (const id of cluster.voters) {
    const stateMachine = new Ledger();
    machines.set(id, stateMachine);
    await cluster.start(id, new MemoryDisk(), { stateMachine });
  }
  await cluster.untilLed();
  await cluster.run(1500);
  return cluster;
}

async function writeAll(cluster: Cluster, member: Member, texts: readonly string[]): Promise<void> {
  for (const text of texts) await cluster.write(member, text);
}

function texts(count: number, prefix = "c"): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

test("a deposed leader that a snapshot brings up to date settles what it had begun", async () => {
  const cluster = await ready(new Map());
  const old = cluster.leader;
  await writeAll(cluster, old, ["before"]);
  cluster.hub.isolate(old.id);
  const lost = texts(8, "lost").map((text) => [text, cluster.propose(old, text)] as const);
  const reads = [cluster.ask(old), cluster.ask(old, { atLeast: 30 })];
  const bounded = cluster.ask(old, { consistency: "local", stalenessMsMax: 1 });
  await cluster.until(() => cluster.members.some((m) => m !== old && isLeader(m)));
  const next = cluster.members.find((member) => member !== old && isLeader(member));
  if (next === undefined) throw new Error("another leads");
  await writeAll(cluster, next, texts(40));
  await cluster.until(() => !isLeader(old));
  const waiting = cluster.propose(old, "waits for a leader");
  cluster.hub.rejoin(old.id);
  await cluster.until(() => old.events.some(({ kind }) => kind === "snapshot-received"));
  await cluster.until(() => [...reads, bounded, waiting].every(({ isSettled }) => isSettled));
  await cluster.run(1000);
  const final = await cluster.read(next);
  for (const [text, call] of lost) {
    expect(call.isSettled).toBe(true);
    expect(call.code).not.toBe("resolved");
    if (call.error.outcome === "not-applied") expect(final).not.toContain(text);
  }
  expect(lost.map(([, { code }]) => code)).toContain("leadership_lost");
  for (const read of [...reads, bounded]) expect(read.value.answer.length).toBeGreaterThan(30);
  expect(waiting.code).toBe("resolved");
  expect(await cluster.read(old)).toEqual(final);
  await cluster.close();
});

function isLeader({ replica }: Member): boolean {
  return replica.status().role === "leader";
}

test("members change while a snapshot is on its way, which is given up for who is removed", async () => {
  const cluster = await ready(new Map());
  const { leader } = cluster;
  const [slow] = cluster.followers;
  if (slow === undefined) throw new Error("there are followers");
  cluster.hub.isolate(slow.id);
  await cluster.run(3000);
  await writeAll(cluster, leader, texts(40));
  let chunkCount = 0;
  cluster.hub.meddle(({ frame, to }) => {
    if (frame.type !== "snapshot-chunk" || to !== slow.id) return 1;
    chunkCount++;
    return chunkCount > 2 ? 0 : 1;
  });
  cluster.hub.rejoin(slow.id);
  await cluster.until(() => leader.replica.status().snapshots.sending.length > 0 && chunkCount > 2);
  const removal = new Watched(leader.replica.members.remove(slow.id));
  await cluster.until(() => removal.isSettled);
  expect(removal.value.removed).toEqual([slow.id]);
  expect(leader.replica.status().snapshots.sending).toEqual([]);
  await cluster.until(() => slow.replica.status().state === "removed");
  await cluster.run(1000);
  await cluster.close();
});

test("a database that was being restored when the power failed is restored again", async () => {
  const machines = new Map<number, Ledger | DurableLedger>();
  const cluster = await ready(machines);
  const { leader } = cluster;
  const [slow] = cluster.followers;
  if (slow === undefined) throw new Error("there are followers");
  await cluster.crash(slow.id);
  await writeAll(cluster, leader, texts(30));
  // It is another node, since its id came with another disk.
  const database: DurableLedgerDisk = { commands: [], index: 0 };
  const first = new DurableLedger(database);
  let restoreCount = 0;
  const restore = (): Promise<void> => {
    restoreCount++;
    return new Promise(() => {});
  };
  const joins = { voters: [], join: true };
  const stateMachine = {
    apply: first.apply.bind(first),
    query: first.query.bind(first),
    snapshots: { ...first.snapshots, restore },
  };
  await cluster.start(4, new MemoryDisk(), { ...joins, stateMachine });
  const added = new Watched(leader.replica.members.replace(slow.id, { id: 4, address: "" }));
  await cluster.until(() => restoreCount > 0);
  await cluster.run(300);
  const memory = cluster.member(4).memory.afterPowerLoss(() => false);
  cluster.hub.kill(4);
  void cluster.member(4).replica.close();
  await cluster.settle();
  const again = new DurableLedger(database);
  const back = await cluster.start(4, memory, { ...joins, stateMachine: again });
  await cluster.until(() => added.isSettled);
  expect(added.code).toBe("resolved");
  expect(await cluster.read(back)).toEqual(await cluster.read(leader));
  await cluster.close();
});

test("a database that lost what its log forgot is refused; one that lost less catches up", async () => {
  const database: DurableLedgerDisk = { commands: [], index: 0 };
  const cluster = new Cluster(1, small);
  const member = await cluster.start(1, new MemoryDisk(), {
    stateMachine: new DurableLedger(database),
  });
  await cluster.untilLed();
  await writeAll(cluster, member, texts(12));
  const taken = new Watched(member.replica.snapshot());
  await cluster.until(() => taken.isSettled);
  expect(taken.value).toMatchObject({ bytes: 0, index: database.index });
  const atSnapshot = { commands: [...database.commands], index: database.index };
  await writeAll(cluster, member, ["later"]);
  const left = await cluster.crash(1);
  const old = { commands: [], index: 0 };
  const refused = new Watched(
    cluster.start(
      1,
      left.afterPowerLoss(() => true),
      { stateMachine: new DurableLedger(old) },
    ),
  );
  await cluster.until(() => refused.isSettled);
  expect(refused.code).toBe("snapshot_failed");
  expect(refused.error.message).toContain("lost");
  const back = await cluster.start(1, left, { stateMachine: new DurableLedger(atSnapshot) });
  await cluster.untilLed();
  expect(await cluster.read(back)).toEqual([...texts(12), "later"]);
  // What is the newest already need not be taken.
  const again = new Watched(back.replica.snapshot());
  await cluster.until(() => again.isSettled);
  expect(again.value.index).toBe(taken.value.index + 1);
  await cluster.close();
});

test("a database gives the snapshot that it has after a restart to whoever asks", async () => {
  const database: DurableLedgerDisk = { commands: [], index: 0 };
  const cluster = new Cluster(1, small);
  const member = await cluster.start(1, new MemoryDisk(), {
    stateMachine: new DurableLedger(database),
  });
  await cluster.untilLed();
  await writeAll(cluster, member, texts(12));
  const taken = new Watched(member.replica.snapshot());
  await cluster.until(() => taken.isSettled);
  const left = await cluster.crash(1);
  const back = await cluster.start(1, left, { stateMachine: new DurableLedger(database) });
  await cluster.untilLed();
  const again = new Watched(back.replica.snapshot());
  await cluster.until(() => again.isSettled);
  expect(again.value).toEqual(taken.value);
  await cluster.close();
});

test("snapshot() of what has none, and before there is anything", async () => {
  const cluster = await Cluster.ready(1);
  const none = new Watched(cluster.leader.replica.snapshot());
  await cluster.until(() => none.isSettled);
  expect(none.error).toBeInstanceOf(RaftError);
  expect(none.code).toBe("snapshot_failed");
  const joiner = await cluster.start(5, new MemoryDisk(), {
    voters: [],
    join: true,
    stateMachine: new Ledger(),
  });
  const early = new Watched(joiner.replica.snapshot());
  await cluster.until(() => early.isSettled);
  expect(early.code).toBe("snapshot_failed");
  await cluster.close();
});

test("snapshot() keeps its deadline and its signal, while the disk is stuck", async () => {
  const machine = new Ledger();
  const cluster = new Cluster(1, { callTimeoutMs: 1000 });
  const member = await cluster.start(1, new MemoryDisk(), { stateMachine: machine });
  await cluster.untilLed();
  await cluster.write(member, "a");
  member.disk.holdsSyncs = true;
  const controller = new AbortController();
  const late = new Watched(member.replica.snapshot());
  const aborted = new Watched(member.replica.snapshot({ signal: controller.signal }));
  const patient = new Watched(member.replica.snapshot({ timeoutMs: 60_000 }));
  await cluster.run(100);
  controller.abort("enough");
  await cluster.settle();
  expect(aborted.code).toBe("unavailable");
  expect(aborted.error.cause).toBe("enough");
  await cluster.until(() => late.isSettled);
  expect(late.code).toBe("unavailable");
  member.disk.release();
  await cluster.until(() => patient.isSettled);
  expect(patient.value.index).toBe(member.replica.status().snapshotIndex);
  await cluster.close();
});

test("a follower whose disk is full is brought up to date by a snapshot when it has room", async () => {
  const cluster = await ready(new Map());
  const { leader } = cluster;
  const [full] = cluster.followers;
  if (full === undefined) throw new Error("there are followers");
  cluster.hub.isolate(full.id);
  await cluster.run(3000);
  await writeAll(cluster, leader, texts(40));
  full.memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
  cluster.hub.rejoin(full.id);
  await cluster.run(3000);
  expect(full.replica.status().appliedIndex).toBeLessThan(20);
  expect(leader.events.map(({ kind }) => kind)).toContain("snapshot-given-up");
  full.memory.intercept = undefined;
  await cluster.until(() => full.replica.status().appliedIndex > 30);
  expect(await cluster.read(full)).toEqual(texts(40));
  await cluster.close();
});

test("a restore that fails stops the replica, and what waits is told", async () => {
  const machines = new Map<number, Ledger | DurableLedger>();
  const cluster = await ready(machines);
  const { leader } = cluster;
  const [broken] = cluster.followers;
  if (broken === undefined) throw new Error("there are followers");
  const machine = machines.get(broken.id);
  if (!(machine instanceof Ledger)) throw new Error("it is in memory");
  cluster.hub.isolate(broken.id);
  await cluster.run(3000);
  await writeAll(cluster, leader, texts(40));
  machine.restoring = Promise.reject(new RangeError("no room for it"));
  machine.restoring.catch(() => {});
  const calls = [
    cluster.ask(broken),
    cluster.ask(broken, { atLeast: 40 }),
    cluster.propose(broken, "p"),
    new Watched(broken.replica.snapshot()),
    new Watched(broken.replica.members.update({ id: 1, priority: 1 })),
  ];
  cluster.hub.rejoin(broken.id);
  await cluster.until(() => broken.replica.status().state === "failed");
  await cluster.settle();
  expect(calls.map(({ code }) => code)).not.toContain("pending");
  expect(broken.replica.status().failure).toContain("no room for it");
  expect(broken.events.at(-1)).toMatchObject({ kind: "failed" });
  const later = new Watched(broken.replica.propose(bytesOf("x")));
  await cluster.settle();
  expect(later.code).toBe("closed");
  await cluster.run(1000);
  await cluster.close();
});

test("a change that was being applied when a snapshot came gives way to what that tells", async () => {
  const machines = new Map<number, Ledger | DurableLedger>();
  const cluster = await ready(machines, { snapshotEveryCount: 20 });
  const { leader } = cluster;
  const [slow] = cluster.followers;
  const machine = machines.get(slow?.id ?? 0);
  if (slow === undefined || machine === undefined) throw new Error("there are followers");
  cluster.hub.isolate(slow.id);
  await cluster.run(2000);
  const update = new Watched(leader.replica.members.update({ id: leader.id, priority: 1 }));
  await cluster.until(() => update.isSettled);
  await writeAll(cluster, leader, ["amid"]);
  let end = (): void => {};
  machine.applying = new Promise((resolve) => (end = resolve));
  cluster.hub.rejoin(slow.id);
  await cluster.until(() => machine.commands.includes("amid"));
  cluster.hub.isolate(slow.id);
  await cluster.run(2000);
  const addition = new Watched(leader.replica.members.add({ id: 4, address: "", as: "learner" }));
  await cluster.until(() => addition.isSettled);
  await writeAll(cluster, leader, texts(40));
  cluster.hub.rejoin(slow.id);
  await cluster.until(() => slow.events.some(({ kind }) => kind === "snapshot-received"));
  expect(slow.replica.status().appliedIndex).toBeLessThan(20);
  machine.applying = undefined;
  end();
  await cluster.until(() => slow.replica.status().appliedIndex > 40);
  expect(await cluster.read(slow)).toEqual(["amid", ...texts(40)]);
  expect(slow.replica.members.list().confState).toEqual(leader.replica.members.list().confState);
  await cluster.close();
});

test("a leader whose snapshot is damaged takes another, and sends that", async () => {
  const cluster = await ready(new Map());
  const { leader } = cluster;
  const [slow] = cluster.followers;
  if (slow === undefined) throw new Error("there are followers");
  cluster.hub.isolate(slow.id);
  await cluster.run(3000);
  await writeAll(cluster, leader, texts(40, "command "));
  await damageSnapshot(leader.memory, "command 20");
  cluster.hub.rejoin(slow.id);
  await cluster.until(() => slow.replica.status().appliedIndex > 40);
  expect(leader.events).toContainEqual(
    expect.objectContaining({ kind: "snapshot-given-up", peer: slow.id }),
  );
  expect(await cluster.read(slow)).toEqual(texts(40, "command "));
  await cluster.close();
});

/** Changes a byte of the newest snapshot on a disk: the first of `text`, which its content holds. */
async function damageSnapshot(memory: MemoryDisk, text: string): Promise<void> {
  const names = (await memory.list()).filter((name) => name.includes("snap")).sort();
  const name = names.at(-1) ?? expect.unreachable();
  const bytes = memory.readFile(name).slice();
  const offset = String.fromCharCode(...bytes).indexOf(text);
  expect(offset).toBeGreaterThan(0);
  bytes[offset] = 0;
  memory.writeFile(name, bytes);
}
