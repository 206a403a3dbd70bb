import { expect, test } from "vitest";
import { DurableLedger, Ledger } from "./ledger.ts";
import type { Machine } from "./outpost.ts";
import { Trio, Wiretap } from "./trio.ts";

test("the follower's disk alone brings back what was installed", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  trio.land.hub.rejoin(3);
  await trio.untilEqual(40);
  const left = await trio.post(3).crash();
  await trio.start(3, left);
  expect(trio.machine(3).commands.length).toBeGreaterThan(30);
  await trio.write(41, 41);
  await trio.untilEqual(41);
  await trio.close();
});

test("a part that nobody sends the rest of is removed in the end", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  const tap = new Wiretap(trio.land);
  tap.copies = ({ frame }) => (frame.type === "snapshot-chunk" && tap.chunkCount > 10 ? 0 : 1);
  trio.land.hub.rejoin(3);
  await trio.land.until(() => (trio.post(3).receiver.receiving?.receivedBytes ?? 0) === 160);
  trio.land.hub.isolate(3);
  await trio.land.run(3900);
  expect(trio.post(3).receiver.receiving).toBeDefined();
  await trio.land.run(1100);
  expect(trio.post(3).receiver.receiving).toBeUndefined();
  const files = (await trio.post(3).memory.list()).filter((name) => name.includes("snap"));
  expect(files).toHaveLength(1);
  await trio.close();
});

test("a follower without room refuses, and gets the snapshot when it has some", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  const tap = new Wiretap(trio.land);
  trio.post(3).memory.intercept = ({ kind, name }) =>
    name.includes("snap") && kind === "write" ? "full" : undefined;
  trio.land.hub.rejoin(3);
  await trio.land.run(1000);
  expect(trio.post(3).told.at(-1)).toBe("refused 1 disk_full");
  expect(trio.post(1).told.at(-1)).toBe("given up 3 disk_full");
  // With a pause between two attempts.
  expect(tap.receipts.filter((text) => text === "disk_full").length).toBeLessThanOrEqual(10);
  expect(tap.receipts.filter((text) => text === "disk_full").length).toBeGreaterThan(3);
  trio.post(3).memory.intercept = undefined;
  await trio.untilEqual(40);
  await trio.close();
});

test("a disk that fails under a received snapshot fails the replica", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  trio.post(3).memory.intercept = ({ kind, name }) =>
    name.includes("snap") && kind === "sync" ? "fail" : undefined;
  trio.land.hub.rejoin(3);
  await trio.land.until(() => trio.post(3).failure !== undefined);
  expect(trio.post(3).failure).toMatchObject({ code: "storage_failed" });
  await trio.close();
});

test("a damaged snapshot is not sent: another is taken", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  const { memory, store } = trio.post(1);
  const name = (await memory.list()).find((candidate) => candidate.includes("snap"));
  const bytes = memory.readFile(name ?? expect.unreachable());
  const damaged = bytes.slice();
  // In the middle of the content.
  const offset = String.fromCharCode(...bytes).indexOf("command 25");
  damaged[offset] = 0;
  memory.writeFile(name ?? expect.unreachable(), damaged);
  const before = store.newest;
  trio.land.hub.rejoin(3);
  // The open file of a reader is what it was; the next one finds the damage.
  await trio.untilEqual(40);
  expect(trio.post(1).told).toContain("given up 3 corrupt");
  expect(store.newest).not.toBe(before);
  await trio.close();
});

test("a follower that lost what it received gets all of it again", async () => {
  for (const newMachine of [() => new Ledger(), () => new DurableLedger()]) {
    const trio = await Trio.lagging<Machine>(newMachine, { snapshotBytesPerSecond: 400 });
    trio.land.hub.rejoin(3);
    const { receiver } = trio.post(3);
    await trio.land.until(() => (receiver.receiving?.receivedBytes ?? 0) >= 150);
    const left = await trio.post(3).crash();
    await trio.start(3, left);
    await trio.untilEqual(40);
    await trio.close();
  }
});

test("a crash of the follower at any moment of an install loses nothing", async () => {
  for (let at = 1; ; at++) {
    const trio = await Trio.lagging(() => new Ledger());
    const { memory } = trio.post(3);
    const before = memory.operationCount;
    const doomed = before + at;
    let isCut = false;
    memory.intercept = ({ number }) => {
      if (number < doomed) return undefined;
      isCut = true;
      return "kill-after";
    };
    trio.land.hub.rejoin(3);
    const isCaughtUp = (): boolean => trio.machine(3).commands.length === 40;
    await trio.land.until(() => isCut || isCaughtUp());
    if (!isCut) {
      expect(at).toBeGreaterThan(5);
      await trio.close();
      return;
    }
    // Every other time, what was not synced is there all the same.
    const left = await trio.post(3).crash(() => at % 2 === 0);
    await trio.start(3, left);
    await trio.write(41, 45);
    await trio.untilEqual(45);
    await trio.close();
  }
});

test("closing either end in the midst of a stream leaves nothing running", async () => {
  for (const id of [1, 3]) {
    for (const newMachine of [() => new Ledger(), () => new DurableLedger()]) {
      for (let steps = 1; steps < 10; steps++) {
        const trio = await Trio.lagging<Machine>(newMachine, { snapshotBytesPerSecond: 400 });
        trio.land.hub.rejoin(3);
        await trio.land.until(() => trio.post(1).sender.sending.length === 1);
        await trio.land.run(steps * 50);
        for (let step = 0; step < steps; step++) await trio.land.turn();
        const closing = trio.post(id).close();
        await trio.land.settle();
        await closing;
        trio.posts.delete(id);
        const machine = trio.machine(1);
        if (id === 1 && machine instanceof DurableLedger) expect(machine.pinnedCount).toBe(0);
        await trio.close();
      }
    }
  }
});
