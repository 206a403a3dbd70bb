import { type Entry, RaftError } from "@quorate/core";
import type { MemorySnapshots, ReplicaEvent, StateMachine } from "@quorate/runtime";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type Member, Watched } from "./cluster.ts";
import { bytesOf } from "./journal.ts";
import { DurableLedger, type DurableLedgerDisk, Ledger } from "./ledger.ts";

async function settled<T>(cluster: Cluster, promise: Promise<T>): Promise<T> {
  const call = new Watched(promise);
  await cluster.until(() => call.isSettled);
  return call.value;
}

/** Every call that a replica offers, begun now. */
function allCalls({ replica }: Member): Watched<unknown>[] {
  const { members } = replica;
  return [
    new Watched(replica.propose(bytesOf("p"))),
    new Watched(replica.read("all")),
    new Watched(replica.read("all", { consistency: "local" })),
    new Watched(replica.read("all", { consistency: "local", stalenessMsMax: 1000 })),
    new Watched(replica.read("all", { atLeast: 1_000_000 })),
    new Watched(replica.snapshot()),
    new Watched(replica.transferLeadership()),
    new Watched(members.update({ id: 1, address: "elsewhere" })),
    new Watched(members.add({ id: 9, address: "nine" })),
  ];
}

test.each(["running", "full", "stuck", "alone"])(
  "every call settles when a replica is closed: %s",
  async (phase) => {
    for (const who of ["leader", "follower"] as const) {
      const cluster = new Cluster(3);
      for (const id of cluster.voters) {
        await cluster.start(id, new MemoryDisk(), { stateMachine: new Ledger() });
      }
      await cluster.untilLed();
      await cluster.run(1500);
      const member = who === "leader" ? cluster.leader : cluster.followers[0];
      if (member === undefined) throw new Error("there are followers");
      if (phase === "full") {
        member.memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
        while (member.replica.status().state === "running") {
          cluster.propose(cluster.leader, "fills".padEnd(1000));
          await cluster.run(10);
        }
      }
      if (phase === "stuck") member.disk.holdsSyncs = true;
      if (phase === "alone") cluster.hub.isolate(member.id);
      const calls = allCalls(member);
      await cluster.run(30);
      calls.push(...allCalls(member));
      const closing = new Watched(member.replica.close());
      calls.push(...allCalls(member));
      await cluster.settle();
      const open = calls.map(({ code }, index) => `${index}:${code}`);
      expect(
        open.filter((text) => text.endsWith(":pending")),
        `${who} ${open.join(" ")}`,
      ).toEqual([]);
      for (const { code } of calls) expect(code).not.toBe("other");
      expect(member.replica.status()).toMatchObject({
        state: "closed",
        connected: [],
        pending: { proposals: 0, reads: 0, calls: 0 },
        snapshots: { sending: [], receiving: undefined },
      });
      member.disk.release();
      await cluster.settle();
      expect(closing.isSettled).toBe(true);
      member.memory.intercept = undefined;
      await cluster.run(200);
      await cluster.close();
    }
  },
);

test("a leader that is closed hands over; what is called meanwhile settles truthfully", async () => {
  const cluster = await Cluster.ready(3, { handOverTimeoutMs: 60_000 });
  const { leader } = cluster;
  const early = cluster.propose(leader, "early");
  const startMs = cluster.clock.now();
  const closing = new Watched(leader.replica.close());
  const late = Array.from({ length: 3 }, (_, index) => cluster.propose(leader, `late${index}`));
  const read = cluster.ask(leader);
  await cluster.until(() => closing.isSettled);
  // No longer than it takes: an election, and the answers.
  expect(cluster.clock.now() - startMs).toBeLessThan(5000);
  const [other] = cluster.members.filter((member) => member !== leader);
  if (other === undefined) throw new Error("there are others");
  await cluster.until(() => other.replica.status().leader !== leader.id);
  await cluster.run(1000);
  const commands = await cluster.read(other);
  for (const [call, text] of [
    [early, "early"] as const,
    ...late.map((call, index) => [call, `late${index}`] as const),
  ]) {
    expect(call.isSettled).toBe(true);
    if (call.code === "resolved") expect(commands).toContain(text);
    else if (call.error.outcome === "not-applied") expect(commands).not.toContain(text);
  }
  expect(early.code).toBe("resolved");
  // They waited for the next leader, which has them now.
  expect(late.map(({ code }) => code)).toEqual(["resolved", "resolved", "resolved"]);
  expect(read.isSettled).toBe(true);
  await cluster.close();
});

test("a leader that is closed answers what others handed to it", async () => {
  const cluster = await Cluster.ready(3, { handOverTimeoutMs: 2000 });
  const { leader, followers } = cluster;
  for (const { disk } of followers) disk.holdsSyncs = true;
  const calls = followers.flatMap((follower) =>
    Array.from({ length: 5 }, (_, index) => cluster.propose(follower, `${follower.id}-${index}`)),
  );
  await cluster.until(() => leader.replica.status().pending.proposals === 10);
  const closing = new Watched(leader.replica.close());
  for (const { disk } of followers) disk.release();
  await cluster.until(() => closing.isSettled);
  await cluster.settle();
  expect(calls.map(({ code }) => code)).toEqual(calls.map(() => "resolved"));
  await cluster.close();
});

test("nothing is told after a removed replica said that it is removed", async () => {
  for (const who of ["leader", "follower"] as const) {
    const cluster = await Cluster.ready(3);
    const member = who === "leader" ? cluster.leader : cluster.followers[0];
    if (member === undefined) throw new Error("there are followers");
    const told: ReplicaEvent[] = [];
    member.replica.subscribe((event) => {
      told.push(event);
      if (event.kind === "removed") expect(member.replica.status().state).toBe("removed");
    });
    const removal = new Watched(member.replica.members.remove(member.id));
    await cluster.until(() => member.replica.status().state === "removed");
    await cluster.run(3000);
    expect(removal.isSettled).toBe(true);
    expect(told.at(-1)?.kind).toBe("removed");
    await cluster.close();
  }
});

test("a leader that was removed while it heard nobody goes in time", async () => {
  const cluster = await Cluster.ready(3, { raft: { checkQuorum: false } });
  const { leader, followers } = cluster;
  const [other] = followers;
  if (other === undefined) throw new Error("there are followers");
  cluster.hub.isolate(leader.id);
  await cluster.until(() => other.replica.status().leader !== leader.id);
  const removal = new Watched(other.replica.members.remove(leader.id));
  await cluster.until(() => removal.isSettled);
  expect(removal.code).toBe("resolved");
  expect(leader.replica.status().role).toBe("leader");
  cluster.hub.rejoin(leader.id);
  await cluster.until(() => leader.replica.status().state === "removed");
  await cluster.settle();
  expect(leader.events.slice(-2)).toMatchObject([
    { kind: "role-changed", role: "follower", reason: "removed" },
    { kind: "removed" },
  ]);
  await cluster.close();
});

test("a node whose database is ahead of its log names the log that was lost", async () => {
  const disk: DurableLedgerDisk = { commands: [], index: 0 };
  const cluster = new Cluster(1);
  await cluster.start(1, new MemoryDisk(), { stateMachine: new DurableLedger(disk) });
  await cluster.untilLed();
  for (const text of ["a", "b", "c"]) await cluster.write(cluster.leader, text);
  await cluster.crash(1);
  const start = new Watched(
    cluster.start(1, new MemoryDisk(), { stateMachine: new DurableLedger(disk) }),
  );
  await cluster.until(() => start.isSettled);
  expect(start.error.code).toBe("log_lost");
  expect(start.error.message).toContain("log");
  await cluster.close();
});

test("a database that answers nonsense is a coded error", async () => {
  const cluster = new Cluster(1);
  for (const index of [-1, 0.5, Number.NaN]) {
    const start = new Watched(
      cluster.start(1, new MemoryDisk(), {
        stateMachine: new DurableLedger({ commands: [], index }),
      }),
    );
    await cluster.until(() => start.isSettled);
    expect(start.error).toBeInstanceOf(RaftError);
    expect(start.code).toBe("state_machine_failed");
  }
  await cluster.close();
});

/** A ledger whose methods do something first. */
class Meddler extends Ledger implements StateMachine<null, readonly string[]> {
  onSave: () => void = () => {};
  onApply: () => void = () => {};
  onQuery: () => void = () => {};
  onRestore: () => void = () => {};

  override readonly snapshots: MemorySnapshots = {
    kind: "memory",
    save: () => {
      this.onSave();
      return [bytesOf(this.commands.map((text) => `${text}\n`).join(""))];
    },
    restore: async (chunks) => {
      this.onRestore();
      let length = 0;
      for await (const chunk of chunks) length += chunk.length;
      if (length === 0) this.commands = [];
    },
  };

  override apply(
    entries: readonly Entry[],
  ): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    this.onApply();
    return super.apply(entries);
  }

  override query(): readonly string[] {
    this.onQuery();
    return super.query();
  }
}

test.each(["onSave", "onApply", "onQuery"] as const)(
  "a state machine that closes its replica in %s: it ends, and leaves nothing",
  async (door) => {
    const machine = new Meddler();
    const cluster = new Cluster(1);
    const member = await cluster.start(1, new MemoryDisk(), { stateMachine: machine });
    await cluster.untilLed();
    await cluster.write(member, "a");
    let closing: Watched<void> | undefined;
    machine[door] = () => {
      closing ??= new Watched(member.replica.close());
    };
    const calls = allCalls(member);
    await cluster.until(() => closing?.isSettled === true);
    await cluster.settle();
    expect(calls.map(({ code }) => code)).not.toContain("pending");
    expect(cluster.clock.timerCount).toBe(0);
    expect(member.disk.openFileCount).toBe(0);
    const { writeCount } = counting(member.memory);
    await cluster.run(2000);
    expect(writeCount()).toBe(0);
    expect(cluster.clock.timerCount).toBe(0);
    expect(member.disk.openFileCount).toBe(0);
  },
);

function counting(memory: MemoryDisk): { writeCount: () => number } {
  let count = 0;
  memory.intercept = () => {
    count++;
    return undefined;
  };
  return { writeCount: () => count };
}

test.each(["onSave", "onApply", "onQuery"] as const)(
  "a state machine that calls its replica in %s",
  async (door) => {
    const machine = new Meddler();
    const cluster = new Cluster(1);
    const member = await cluster.start(1, new MemoryDisk(), { stateMachine: machine });
    await cluster.untilLed();
    let hasCalled = false;
    let calls: Watched<unknown>[] = [];
    machine[door] = () => {
      if (hasCalled) return;
      hasCalled = true;
      calls = allCalls(member);
    };
    await settled(cluster, member.replica.propose(bytesOf("a")));
    await settled(cluster, member.replica.snapshot());
    await settled(cluster, member.replica.read("all"));
    await cluster.until(() => calls.every(({ isSettled }) => isSettled));
    expect(member.replica.status().state).toBe("running");
    await cluster.close();
  },
);

test.each([
  "leader-changed",
  "role-changed",
  "members-changed",
  "snapshot-taken",
  "peer-connected",
  "peer-disconnected",
] as const)("a listener that closes its replica on %s", async (kind) => {
  const cluster = new Cluster(3, { snapshotEveryCount: 3, snapshotTailCount: 0 });
  for (const id of cluster.voters) {
    await cluster.start(id, new MemoryDisk(), { stateMachine: new Ledger() });
  }
  await cluster.untilLed();
  const { leader } = cluster;
  let closing: Watched<void> | undefined;
  let calls: Watched<unknown>[] = [];
  leader.replica.subscribe((event) => {
    if (event.kind !== kind || closing !== undefined) return;
    calls = allCalls(leader);
    closing = new Watched(leader.replica.close());
  });
  const writes = Array.from({ length: 10 }, (_, index) => cluster.propose(leader, `w${index}`));
  calls.push(new Watched(leader.replica.members.update({ id: 1, priority: 5 })));
  await cluster.run(500);
  cluster.hub.isolate(leader.id);
  await cluster.run(3000);
  cluster.hub.rejoin(leader.id);
  await cluster.run(3000);
  expect(closing?.isSettled).toBe(true);
  expect([...calls, ...writes].map(({ code }) => code)).not.toContain("pending");
  await cluster.close();
});
