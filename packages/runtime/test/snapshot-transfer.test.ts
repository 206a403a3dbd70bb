import { expect, test } from "vitest";
import { DurableLedger, Ledger } from "./ledger.ts";
import { Trio, Wiretap } from "./trio.ts";

test("a follower that the log does not reach back to catches up while writes go on", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  const tap = new Wiretap(trio.land);
  trio.land.hub.rejoin(3);
  await trio.write(41, 60);
  await trio.untilEqual(60);
  expect(trio.machine(3).restoreCount).toBeGreaterThan(0);
  expect(trio.post(3).told.find((text) => text.startsWith("received"))).toBeDefined();
  expect(trio.post(1).told.some((text) => text.startsWith("sent"))).toBe(true);
  expect(tap.largestChunk).toBe(16);
  expect(tap.inFlightMost).toBeLessThanOrEqual(64);
  await trio.close();
});

test("a stream goes on where it was when the connection broke", async () => {
  const trio = await Trio.lagging(() => new Ledger(), { snapshotBytesPerSecond: 400 });
  const tap = new Wiretap(trio.land);
  trio.land.hub.rejoin(3);
  const receiver = trio.post(3).receiver;
  for (const bytes of [50, 150, 250]) {
    await trio.land.until(() => (receiver.receiving?.receivedBytes ?? 0) >= bytes);
    trio.land.hub.isolate(3);
    await trio.land.run(50);
    trio.land.hub.rejoin(3);
  }
  await trio.untilEqual(40);
  expect(new Set(tap.offers).size).toBe(1);
  const { contentBytes } = trio.post(3).store.newest ?? expect.unreachable();
  expect(tap.chunkBytes).toBeGreaterThanOrEqual(contentBytes);
  expect(tap.chunkBytes).toBeLessThanOrEqual(contentBytes + 3 * 64);
  await trio.close();
});

test("what is lost on the way, or comes twice, is made up for", async () => {
  for (const copies of [0, 2]) {
    for (const type of ["snapshot-offer", "snapshot-chunk", "snapshot-receipt"] as const) {
      const trio = await Trio.lagging(() => new Ledger());
      const tap = new Wiretap(trio.land);
      let count = 0;
      tap.copies = ({ frame }) => (frame.type === type && count++ % 5 === 0 ? copies : 1);
      trio.land.hub.rejoin(3);
      await trio.untilEqual(40);
      expect(count).toBeGreaterThan(0);
      expect(trio.post(1).told.some((text) => text.startsWith("given up"))).toBe(false);
      await trio.close();
    }
  }
});

test("the bandwidth of all streams together is limited", async () => {
  const trio = await Trio.lagging(() => new Ledger(), { snapshotBytesPerSecond: 100 });
  const start = trio.land.clock.now();
  trio.land.hub.rejoin(3);
  await trio.untilEqual(40);
  const { contentBytes } = trio.post(3).store.newest ?? expect.unreachable();
  // Far slower than a stall, and no stall.
  expect(trio.land.clock.now() - start).toBeGreaterThan(contentBytes * 10 - 500);
  expect(trio.post(1).told.some((text) => text.startsWith("given up"))).toBe(false);
  await trio.close();
});

test("a stream without progress is given up, told once, and tried again", async () => {
  const trio = await Trio.lagging(() => new Ledger(), { snapshotRetryMs: 500 });
  const tap = new Wiretap(trio.land);
  tap.copies = ({ frame }) => (frame.type === "snapshot-receipt" ? 0 : 1);
  trio.land.hub.rejoin(3);
  await trio.land.until(() => tap.offers.length > 0);
  await trio.land.run(900);
  expect(trio.post(1).sender.sending).toHaveLength(1);
  await trio.land.run(200);
  expect(trio.post(1).sender.sending).toEqual([]);
  const givenUp = (): number =>
    trio.post(1).told.filter((text) => text === "given up 3 snapshot_failed").length;
  expect(givenUp()).toBe(1);
  expect(
    trio
      .post(1)
      .node.status()
      .progress.find(({ id }) => id === 3)?.kind,
  ).toBe("snapshot");
  await trio.land.until(() => givenUp() === 2);
  tap.copies = () => 1;
  await trio.untilEqual(40);
  await trio.close();
});

test("the next attempt goes on from what the follower has", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  const tap = new Wiretap(trio.land);
  tap.copies = ({ frame }) => (frame.type === "snapshot-chunk" && tap.chunkCount > 10 ? 0 : 1);
  trio.land.hub.rejoin(3);
  await trio.land.until(() => trio.post(1).told.some((text) => text.startsWith("given up")));
  const received = trio.post(3).receiver.receiving?.receivedBytes;
  expect(received).toBe(160);
  tap.copies = () => 1;
  tap.chunkBytes = 0;
  await trio.untilEqual(40);
  expect(new Set(tap.offers).size).toBe(2);
  const { contentBytes } = trio.post(3).store.newest ?? expect.unreachable();
  expect(tap.chunkBytes).toBe(contentBytes - 160);
  await trio.close();
});

test("the log that a stream will need is kept, within a bound", async () => {
  const trio = await Trio.lagging(() => new Ledger(), {
    snapshotBytesPerSecond: 200,
    snapshotKeepBytesMax: 700,
  });
  trio.land.hub.rejoin(3);
  await trio.land.until(() => trio.post(1).sender.sending.length === 1);
  const [stream] = trio.post(1).sender.sending;
  const index = stream?.index ?? expect.unreachable();
  await trio.write(41, 60);
  expect(trio.post(1).store.newest?.snapshot.index).toBe(60);
  expect(trio.post(1).firstIndex).toBe(index + 1);
  await trio.write(61, 140);
  // 700 bytes are 25 entries.
  expect(trio.post(1).store.newest?.snapshot.index).toBe(140);
  expect(trio.post(1).firstIndex).toBe(140 - 25 + 1);
  await trio.untilEqual(140);
  await trio.close();
});

test("a state machine that is durable by itself is pinned, and streamed", async () => {
  const trio = await Trio.lagging(() => new DurableLedger(), {
    snapshotBytesPerSecond: 400,
    snapshotKeepBytesMax: 1000,
  });
  const tap = new Wiretap(trio.land);
  expect(trio.post(1).store.newest?.external).toBe(true);
  trio.land.hub.rejoin(3);
  const { receiver } = trio.post(3);
  await trio.land.until(() => (receiver.receiving?.receivedBytes ?? 0) >= 150);
  expect(trio.machine(1).pinnedCount).toBe(1);
  await trio.write(41, 60);
  trio.land.hub.isolate(3);
  await trio.land.run(50);
  trio.land.hub.rejoin(3);
  await trio.untilEqual(60);
  expect(trio.machine(3).restoreCount).toBe(1);
  expect(trio.machine(1).pinnedCount).toBe(0);
  expect(new Set(tap.offers).size).toBe(1);
  expect(tap.offers.length).toBeGreaterThan(1);
  await trio.close();
});

test("a state is pinned for a follower between applies, and never amid one", async () => {
  const trio = await Trio.lagging(() => new DurableLedger(), { snapshotKeepBytesMax: 1000 });
  const machine = trio.machine(1);
  let end = (): void => {};
  machine.applying = new Promise((resolve) => (end = resolve));
  await trio.write(41, 41);
  expect(machine.commands).toHaveLength(41);
  trio.land.hub.rejoin(3);
  await trio.land.run(200);
  expect(trio.post(1).sender.sending).toMatchObject([{ peer: 3 }]);
  expect(machine.pinnedCount).toBe(0);
  end();
  machine.applying = undefined;
  await trio.untilEqual(41);
  expect(trio.machine(3).restoreCount).toBe(1);
  await trio.close();
});

test("a leader that is deposed stops streaming, and another goes on", async () => {
  const trio = await Trio.lagging(() => new Ledger(), { snapshotBytesPerSecond: 400 });
  trio.land.hub.rejoin(3);
  const { receiver } = trio.post(3);
  await trio.land.until(() => (receiver.receiving?.receivedBytes ?? 0) >= 100);
  trio.post(1).do((node) => {
    node.transferLeadership(2);
  });
  await trio.land.until(() => trio.post(2).node.role === "leader");
  expect(trio.post(1).sender.sending).toEqual([]);
  await trio.land.until(() => receiver.receiving?.from === 2);
  await trio.untilEqual(40);
  expect(trio.post(1).told.some((text) => text.startsWith("given up"))).toBe(false);
  expect(trio.post(3).told.filter((text) => text.startsWith("received"))).toHaveLength(1);
  await trio.close();
});

test("a follower takes no second snapshot while it restores the first", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  let finish = (): void => {};
  trio.machine(3).restoring = new Promise((resolve) => (finish = resolve));
  trio.land.hub.rejoin(3);
  await trio.land.until(() => trio.post(3).told.some((text) => text.startsWith("received")));
  trio.land.hub.isolate(3);
  await trio.write(41, 80);
  trio.land.hub.rejoin(3);
  await trio.land.until(() => trio.post(3).told.includes("refused 1 busy"));
  finish();
  await trio.untilEqual(80);
  expect(trio.machine(3).restoreCount).toBe(2);
  await trio.close();
});

test("a stream goes on when the core asks again, as long as its snapshot is of use", async () => {
  const trio = await Trio.lagging(() => new Ledger(), {
    snapshotBytesPerSecond: 400,
    snapshotKeepBytesMax: 2000,
  });
  const tap = new Wiretap(trio.land);
  trio.land.hub.rejoin(3);
  const { receiver } = trio.post(3);
  await trio.land.until(() => (receiver.receiving?.receivedBytes ?? 0) >= 100);
  await trio.write(41, 60);
  expect(trio.post(1).store.newest?.snapshot.index).toBe(60);
  // As if the follower had been heard to need it no more, and then had.
  trio.post(1).do((node) => node.reportSnapshot(3, false));
  await trio.untilEqual(60);
  expect(new Set(tap.offers).size).toBe(1);
  expect(trio.machine(3).restoreCount).toBe(1);
  expect(trio.post(1).told.filter((text) => text.startsWith("sent"))).toEqual(["sent 40 to 3"]);
  await trio.close();
});

test("a stream of no use any more makes room for the newer snapshot", async () => {
  const trio = await Trio.lagging(() => new Ledger(), { snapshotBytesPerSecond: 400 });
  const tap = new Wiretap(trio.land);
  trio.land.hub.rejoin(3);
  const { receiver } = trio.post(3);
  await trio.land.until(() => (receiver.receiving?.receivedBytes ?? 0) >= 100);
  await trio.write(41, 60);
  trio.post(1).do((node) => node.reportSnapshot(3, false));
  await trio.untilEqual(60);
  expect(new Set(tap.offers).size).toBe(2);
  expect(trio.machine(3).restoreCount).toBe(1);
  expect(trio.post(1).told.filter((text) => text.startsWith("sent"))).toEqual(["sent 60 to 3"]);
  expect(trio.post(1).told.some((text) => text.startsWith("given up"))).toBe(false);
  await trio.close();
});

test("forget ends the stream to a node that is no member any more", async () => {
  const trio = await Trio.lagging(() => new Ledger(), { snapshotBytesPerSecond: 400 });
  trio.land.hub.rejoin(3);
  const { sender } = trio.post(1);
  await trio.land.until(() => (sender.sending[0]?.ackedBytes ?? 0) >= 100);
  expect(sender.neededIndex).toBe(40);
  const tap = new Wiretap(trio.land);
  sender.forget(3);
  await trio.land.run(500);
  expect(sender.sending).toEqual([]);
  expect(sender.neededIndex).toBe(Infinity);
  expect(tap.chunkCount).toBe(0);
  await trio.close();
});

test("what the network has no room for is sent when it has, and costs no bandwidth twice", async () => {
  const trio = await Trio.lagging(() => new Ledger(), { snapshotBytesPerSecond: 2000 });
  const tap = new Wiretap(trio.land);
  trio.post(1).isCongested = (type) => type === "snapshot-chunk";
  trio.land.hub.rejoin(3);
  await trio.land.until(() => tap.offers.length > 0);
  await trio.land.run(900);
  expect(tap.chunkCount).toBe(0);
  const start = trio.land.clock.now();
  trio.post(1).isCongested = () => false;
  await trio.untilEqual(40);
  expect(tap.offers).toHaveLength(1);
  expect(trio.land.clock.now() - start).toBeLessThan(400);
  await trio.close();
});

test("a network that never has room is a stall", async () => {
  const trio = await Trio.lagging(() => new Ledger());
  trio.post(1).isCongested = (type) => type === "snapshot-chunk";
  trio.land.hub.rejoin(3);
  await trio.land.until(() => trio.post(1).told.includes("given up 3 snapshot_failed"));
  await trio.close();
});

test("waiting for bandwidth is no stall, also if what was waited for is lost", async () => {
  const trio = await Trio.lagging(() => new Ledger(), {
    snapshotBytesPerSecond: 40,
    snapshotChunkBytes: 64,
    snapshotWindowBytes: 64,
  });
  const tap = new Wiretap(trio.land);
  tap.copies = ({ frame }) => (frame.type === "snapshot-chunk" && tap.chunkCount % 3 === 0 ? 0 : 1);
  trio.land.hub.rejoin(3);
  await trio.untilEqual(40);
  expect(tap.chunkCount).toBeGreaterThan(7);
  expect(trio.post(1).told.some((text) => text.startsWith("given up"))).toBe(false);
  await trio.close();
});
