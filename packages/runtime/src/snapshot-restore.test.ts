import { confStateOf, type LogIndex, snapshotAtStart } from "@quorate/core";
import { openWal, type SnapshotStore } from "@quorate/wal";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { restoreAtStart } from "./snapshot-restore.ts";
import type { DurableSnapshots, MemorySnapshots } from "./state-machine.ts";

const members = new Uint8Array(0);
const confState = confStateOf([1]);

/** A store whose newest snapshot ends at `index`, with content unless it is external. */
async function newStore(index: LogIndex, external = false): Promise<SnapshotStore> {
  const { snapshots } = await openWal(new MemoryDisk(), {
    identity: { clusterId: "test", nodeId: 1 },
    incarnation: new Uint8Array(16),
    segmentBytes: 2048,
    start: { snapshot: snapshotAtStart(confState), members },
  });
  if (index === 0) return snapshots;
  const snapshot = { term: 1, index, confState };
  const id = new Uint8Array(16);
  const writer = await snapshots.create({ snapshot, members, id, external });
  if (!external) await writer.write(Uint8Array.of(1, 2, 3));
  await writer.commit();
  return snapshots;
}

/** Snapshots of a state machine that remembers what it was restored from. */
function newMemory(): MemorySnapshots & { readonly restored: number[] } {
  const restored: number[] = [];
  return {
    kind: "memory",
    restored,
    save: () => [],
    restore: async (chunks) => {
      for await (const chunk of chunks) restored.push(...chunk);
    },
  };
}

/** The same of one that is durable up to `index`. */
function newDurable(index: LogIndex): DurableSnapshots & { readonly restored: number[] } {
  const { restored, restore } = newMemory();
  return {
    kind: "durable",
    restored,
    appliedIndex: async () => index,
    pin: () => Promise.reject(new Error("not now")),
    restore: async (chunks, restoredIndex) => {
      await restore(chunks);
      restored.push(restoredIndex);
    },
  };
}

test("restoreAtStart begins with the first entry if nothing was forgotten", async () => {
  const store = await newStore(0);
  expect(await restoreAtStart({}, store)).toBe(0);
  const snapshots = newMemory();
  expect(await restoreAtStart({ snapshots }, store)).toBe(0);
  expect(snapshots.restored).toEqual([]);
  expect(await restoreAtStart({ snapshots: newDurable(7) }, store)).toBe(7);
});

test("restoreAtStart restores a state machine from the newest snapshot", async () => {
  const store = await newStore(20);
  const snapshots = newMemory();
  expect(await restoreAtStart({ snapshots }, store)).toBe(20);
  expect(snapshots.restored).toEqual([1, 2, 3]);
  await expect(restoreAtStart({}, store)).rejects.toMatchObject({ code: "snapshot_failed" });
});

test("restoreAtStart restores a durable state only if that was received and not finished", async () => {
  const store = await newStore(20);
  const behind = newDurable(19);
  expect(await restoreAtStart({ snapshots: behind }, store)).toBe(20);
  expect(behind.restored).toEqual([1, 2, 3, 20]);
  const ahead = newDurable(25);
  expect(await restoreAtStart({ snapshots: ahead }, store)).toBe(25);
  expect(ahead.restored).toEqual([]);
});

test("restoreAtStart refuses a state machine that lost the state it kept", async () => {
  const store = await newStore(20, true);
  expect(await restoreAtStart({ snapshots: newDurable(20) }, store)).toBe(20);
  for (const snapshots of [newDurable(19), newMemory()]) {
    await expect(restoreAtStart({ snapshots }, store)).rejects.toMatchObject({
      code: "snapshot_failed",
    });
  }
});
