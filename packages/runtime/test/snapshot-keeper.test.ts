import { newConfChange } from "@quorate/core";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { DurableLedger, type DurableLedgerDisk, Ledger } from "./ledger.ts";
import { type Machine, Outland, Outpost, type OutpostOptions } from "./outpost.ts";

/** A group of one, which leads. */
async function newLone<M extends Machine>(
  machine: M,
  options: Partial<OutpostOptions> = {},
): Promise<{ land: Outland; post: Outpost; machine: M }> {
  const land = new Outland();
  const post = await Outpost.open(land, { id: 1, voters: [1], machine, ...options });
  post.do((node) => node.campaign());
  await land.until(() => post.node.role === "leader" && post.node.appliedIndex > 0);
  return { land, post, machine };
}

/** `command <from>` and so on. */
function commands(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, offset) => `command ${from + offset}`);
}

test("a snapshot is taken when enough entries were applied, and the log forgets them", async () => {
  const { land, post } = await newLone(new Ledger());
  // The leader's own entry is the first.
  post.propose(1, 8);
  await land.settle();
  expect(post.told).toEqual([]);
  post.propose(9, 9);
  await land.settle();
  expect(post.told).toEqual(["taken 10"]);
  expect(post.store.newest).toMatchObject({ snapshot: { index: 10, term: 1 }, external: false });
  expect(post.node.snapshot?.index).toBe(10);
  expect(post.firstIndex).toBe(11);
  for (let number = 10; number <= 50; number++) {
    post.propose(number, number);
    await land.settle();
  }
  expect(post.told.at(-1)).toBe("taken 50");
  expect(post.firstIndex).toBe(51);
  expect(post.wal.base.index).toBeGreaterThan(10);
  const files = await post.memory.list();
  expect(files.filter((name) => name.includes("snap"))).toHaveLength(1);

  const left = await post.crash();
  const again = await newLone(new Ledger(), { memory: left });
  expect(again.machine.restoreCount).toBe(1);
  expect(again.machine.commands).toEqual(commands(1, 50));
  await again.post.close();
});

test("a snapshot is taken when the entries have enough bytes", async () => {
  const { land, post } = await newLone(new Ledger(), {
    snapshots: { snapshotEveryBytes: 200, snapshotEveryCount: 1000 },
  });
  // 16 bytes for the leader's entry, and 25 for each of these.
  post.propose(1, 7);
  await land.settle();
  expect(post.told).toEqual([]);
  post.propose(8, 8);
  await land.settle();
  expect(post.told).toEqual(["taken 9"]);
  await post.close();
});

test("what a snapshot holds is the state at one index, while applying goes on", async () => {
  const { land, post, machine } = await newLone(new Ledger());
  // Commands are applied at every moment of the writing.
  for (let number = 1; number <= 60; number++) {
    post.propose(number, number);
    land.clock.runDeferred();
    for (let turn = 0; turn < 2; turn++) await Promise.resolve();
  }
  while (post.told.length === 0) await land.turn();
  const stored = post.store.newest ?? expect.unreachable();
  const { index } = stored.snapshot;
  expect(machine.commands.length).toBeGreaterThan(index - 1);

  const reader = await post.store.read(stored);
  const restored = new Ledger();
  await restored.snapshots.restore(reader.chunks());
  await reader.close();
  expect(restored.commands).toEqual(commands(1, index - 1));
  await land.settle();
  await post.close();
});

test("a snapshot that is asked for amid an apply is of the state after it", async () => {
  const { land, post, machine } = await newLone(new Ledger());
  post.propose(1, 3);
  await land.settle();
  let end = (): void => {};
  machine.applying = new Promise((resolve) => (end = resolve));
  post.propose(4, 4);
  await land.settle();
  expect([machine.commands.length, post.node.appliedIndex]).toEqual([4, 4]);
  const taking = post.keeper.take();
  await land.settle();
  expect(machine.saveCount).toBe(0);
  end();
  await land.settle();
  const stored = await taking;
  expect(stored.snapshot.index).toBe(5);
  const reader = await post.store.read(stored);
  const restored = new Ledger();
  await restored.snapshots.restore(reader.chunks());
  await reader.close();
  expect(restored.commands).toEqual(commands(1, 4));
  await post.close();
});

test("the log keeps a tail behind a snapshot: the shorter of two limits", async () => {
  const tails = [
    { snapshotTailCount: 4, snapshotTailBytes: 1000 },
    { snapshotTailCount: 1000, snapshotTailBytes: 4 * 26 },
  ];
  for (const tail of tails) {
    const snapshots = { ...tail, snapshotEveryBytes: 64, snapshotKeepBytesMax: 1000 };
    const { land, post } = await newLone(new Ledger(), { snapshots });
    post.propose(1, 20);
    await land.settle();
    expect(post.store.newest?.snapshot.index).toBe(21);
    expect(post.firstIndex).toBe(18);
    await post.close();
  }
});

test("take gives a snapshot of everything applied, and no new one of the same", async () => {
  const { land, post, machine } = await newLone(new Ledger());
  post.propose(1, 3);
  await land.settle();
  const both = Promise.all([post.keeper.take(), post.keeper.take()]);
  await land.settle();
  const [first, second] = await both;
  expect(first.snapshot.index).toBe(4);
  expect(second).toBe(first);
  const third = post.keeper.take();
  await land.settle();
  expect(await third).toBe(first);
  expect(machine.saveCount).toBe(1);
  await post.close();
});

test("take, while a snapshot is under way, waits for one of its own", async () => {
  const { land, post } = await newLone(new Ledger());
  post.propose(1, 3);
  await land.settle();
  post.disk.holdsSyncs = true;
  const first = post.keeper.take();
  await land.settle();
  post.propose(4, 4);
  const second = post.keeper.take();
  await land.settle();
  post.disk.release();
  await land.settle();
  expect((await first).snapshot.index).toBe(4);
  expect((await second).snapshot.index).toBe(4);
  const third = post.keeper.take();
  await land.settle();
  expect((await third).snapshot.index).toBe(5);
  await post.close();
});

test("need takes a snapshot anew, though nothing was applied since", async () => {
  const { land, post, machine } = await newLone(new Ledger());
  post.propose(1, 9);
  await land.settle();
  const before = post.store.newest;
  post.keeper.need();
  await land.settle();
  expect(machine.saveCount).toBe(2);
  expect(post.store.newest).not.toBe(before);
  expect(post.store.newest?.snapshot.index).toBe(10);
  await land.run(1000);
  expect(machine.saveCount).toBe(2);
  await post.close();
});

test.each(["saveFailure", "readFailure"] as const)(
  "a snapshot that the state machine cannot give (%s) is tried again later",
  async (kind) => {
    const { land, post, machine } = await newLone(new Ledger());
    post.propose(1, 3);
    await land.settle();
    machine[kind] = new RangeError("no");
    const asked = post.keeper.take();
    await Promise.all([expect(asked).rejects.toThrow("the state machine: no"), land.settle()]);
    post.propose(4, 20);
    await land.settle();
    expect(post.told).toEqual(["not taken snapshot_failed"]);
    const files = await post.memory.list();
    expect(files.filter((name) => name.includes("snap"))).toHaveLength(1);
    machine[kind] = undefined;
    await land.settle();
    expect(post.store.newest?.snapshot.index).toBe(0);
    await land.run(100);
    expect(post.store.newest?.snapshot.index).toBe(21);
    expect(post.failure).toBeUndefined();
    await post.close();
    expect(land.clock.timerCount).toBe(0);
  },
);

test("a snapshot that the disk has no room for is tried again, and leaves nothing behind", async () => {
  const memory = new MemoryDisk();
  const { land, post } = await newLone(new Ledger(), { memory });
  memory.intercept = ({ kind, name }) =>
    name.includes("snap") && kind === "write" ? "full" : undefined;
  post.propose(1, 20);
  await land.run(500);
  expect(new Set(post.told)).toEqual(new Set(["not taken disk_full"]));
  expect(post.told.length).toBeGreaterThan(3);
  expect((await memory.list()).filter((name) => name.includes("snap"))).toHaveLength(1);
  memory.intercept = undefined;
  await land.run(100);
  expect(post.told.at(-1)).toBe("taken 21");
  expect(post.failure).toBeUndefined();
  await post.close();
});

test("a disk that fails under a snapshot fails the replica", async () => {
  const { land, post } = await newLone(new Ledger());
  post.memory.intercept = ({ kind, name }) =>
    name.includes("snap") && kind === "sync" ? "fail" : undefined;
  const asked = post.keeper.take();
  await Promise.all([
    expect(asked).rejects.toMatchObject({ code: "storage_failed" }),
    land.settle(),
  ]);
  expect(post.failure).toMatchObject({ code: "storage_failed" });
  await post.close();
});

test("a state machine without snapshots keeps its whole log", async () => {
  const ledger = new Ledger();
  const machine = {
    commands: ledger.commands,
    apply: ledger.apply.bind(ledger),
    query: ledger.query.bind(ledger),
  };
  const { land, post } = await newLone<Machine>(machine);
  post.propose(1, 50);
  await land.run(1000);
  const asked = post.keeper.take();
  await Promise.all([
    expect(asked).rejects.toMatchObject({ code: "snapshot_failed" }),
    land.settle(),
  ]);
  expect(post.firstIndex).toBe(1);
  expect(post.node.appliedIndex).toBe(51);
  await post.close();
});

test("closing in the midst of a snapshot leaves nothing running", async () => {
  for (let steps = 0; steps < 12; steps++) {
    const { land, post } = await newLone(new Ledger());
    post.propose(1, 30);
    for (let step = 0; step < steps; step++) {
      land.clock.runDeferred();
      for (let turn = 0; turn < 2; turn++) await Promise.resolve();
    }
    const asked = post.keeper.take();
    const ending = asked.then(
      () => "taken",
      (error: unknown) => String(error).slice(0, 18),
    );
    const closing = post.close();
    await land.settle();
    await closing;
    expect(["RaftError: closed:", "taken"]).toContain(await ending);
    await expect(post.keeper.take()).rejects.toMatchObject({ code: "closed" });
    expect(land.clock.timerCount).toBe(0);
    const again = await newLone(new Ledger(), { memory: post.memory.afterKill() });
    await again.post.close();
  }
});

test("of a state that is durable by itself, only what a snapshot stands for is stored", async () => {
  const disk: DurableLedgerDisk = { commands: [], index: 0 };
  const { land, post } = await newLone(new DurableLedger(disk));
  post.propose(1, 12);
  await land.settle();
  expect(post.store.newest).toMatchObject({
    snapshot: { index: 10 + 3 },
    external: true,
    contentBytes: 0,
  });
  expect(post.firstIndex).toBe(14);
  const left = await post.crash();
  const again = await newLone(new DurableLedger(disk), { memory: left });
  expect(again.machine.commands).toEqual(commands(1, 12));
  await again.post.close();

  const lost = new DurableLedger();
  const opening = Outpost.open(land, { id: 1, voters: [1], machine: lost, memory: left });
  await expect(opening).rejects.toMatchObject({ code: "snapshot_failed" });
});

test("the log keeps what a state machine has not made durable yet", async () => {
  const disk: DurableLedgerDisk = { commands: [], index: 0 };
  const { land, post, machine } = await newLone(new DurableLedger(disk));
  machine.flushesAlways = false;
  post.propose(1, 12);
  await land.run(500);
  expect(post.told).toEqual([]);
  expect(post.firstIndex).toBe(1);

  const left = post.memory.afterPowerLoss(() => false);
  const again = await newLone(new DurableLedger({ ...disk }), { memory: left });
  expect(again.machine.commands).toEqual(commands(1, 12));
  await again.post.close();

  machine.flush();
  await land.run(100);
  expect(post.told).toEqual(["taken 13"]);
  expect(post.firstIndex).toBe(14);
  await post.close();
});

test("a snapshot of a durable state ends with a command: so it is told from a lost one", async () => {
  const disk: DurableLedgerDisk = { commands: [], index: 0 };
  const { land, post } = await newLone(new DurableLedger(disk));
  post.propose(1, 3);
  await land.settle();
  const left = await post.crash();
  // Another term begins with an entry that the state machine never sees.
  const again = await newLone(new DurableLedger(disk), { memory: left });
  expect(again.post.node.appliedIndex).toBe(5);
  const asked = again.post.keeper.take();
  await again.land.settle();
  expect((await asked).snapshot).toMatchObject({ index: 4, term: 1 });
  const third = await newLone(new DurableLedger(disk), { memory: await again.post.crash() });
  expect(third.machine.commands).toEqual(commands(1, 3));
  await third.post.close();
});

test("a snapshot of a durable state has the configuration of where it ends", async () => {
  const { land, post } = await newLone(new DurableLedger());
  post.propose(1, 3);
  post.do((node) => {
    node.proposeChange(newConfChange([{ kind: "add-learner", id: 9 }]));
  });
  await land.settle();
  expect(post.node.confState.learners).toEqual([9]);
  const early = post.keeper.take();
  await Promise.all([
    expect(early).rejects.toMatchObject({ code: "snapshot_failed" }),
    land.settle(),
  ]);
  post.propose(4, 4);
  await land.settle();
  const asked = post.keeper.take();
  await land.settle();
  expect((await asked).snapshot).toMatchObject({ index: 6, confState: { learners: [9] } });
  await post.close();
});
