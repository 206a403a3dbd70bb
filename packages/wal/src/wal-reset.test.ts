import {
  AssertionError,
  confStateOf,
  type Entry,
  type EntryId,
  type HardState,
  newEntry,
  type Storage,
} from "@quorate/core";
import { expect, test } from "vitest";
import { MemoryDisk } from "./memory-disk.ts";
import { openWal, type OpenedWal } from "./open-wal.ts";
import type { Append } from "./wal.ts";

const options = {
  identity: { clusterId: "test", nodeId: 1 },
  incarnation: new Uint8Array(16).fill(5),
  segmentBytes: 2048,
};
const losesAll = (): boolean => false;

/** Entries of `term` at `from` to `to`, each with 100 bytes of data. */
function entries(term: number, from: number, to: number): readonly Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    return newEntry({ term, index: from + i }, "command", new Uint8Array(100).fill(from + i));
  });
}

function state(term: number, commitIndex: number, vote = 1): HardState {
  return { term, vote, commitIndex };
}

/** The base and the entries: short to compare. */
function shapeOf({ base, entries: log }: Storage): string {
  return [base, ...log].map(({ term, index }) => `${term}/${index}`).join(" ");
}

/** A log of ten entries of term 1, the first `commitIndex` committed, and a snapshot of `id`. */
async function logWith(
  id: EntryId,
  commitIndex: number,
): Promise<OpenedWal & { readonly disk: MemoryDisk }> {
  const disk = new MemoryDisk();
  const opened = await openWal(disk, options);
  for (let index = 1; index <= 10; index++) {
    await opened.wal.append({ entries: entries(1, index, index), hardState: state(1, 0) });
  }
  await opened.wal.append({ entries: [], hardState: state(1, commitIndex) });
  const writer = await opened.snapshots.create({
    snapshot: { ...id, confState: confStateOf([1, 2, 3]) },
    members: new Uint8Array(0),
    id: new Uint8Array(16),
    external: true,
  });
  await writer.commit();
  return { ...opened, disk };
}

async function found(disk: MemoryDisk): Promise<Storage> {
  return (await openWal(disk, options)).storage;
}

test.each([
  ["beyond its end", { term: 2, index: 50 }],
  ["inside of it", { term: 2, index: 6 }],
  ["at its end", { term: 2, index: 10 }],
])("Wal.append resets a log %s, by one write and one sync", async (_, reset) => {
  const { wal, disk } = await logWith(reset, 4);
  const kinds: string[] = [];
  disk.intercept = ({ kind }) => {
    kinds.push(kind);
    return undefined;
  };
  await wal.append({ entries: [], hardState: state(2, reset.index, 0), reset });
  expect(kinds.slice(0, 2)).toEqual(["write", "sync"]);
  expect(wal.base).toEqual(reset);
  expect(wal.lastIndex).toBe(reset.index);
  expect(wal.hardState).toEqual(state(2, reset.index, 0));
  const storage = await found(disk.afterPowerLoss(losesAll));
  expect(shapeOf(storage)).toBe(`2/${reset.index}`);
  expect(storage.hardState).toEqual(state(2, reset.index, 0));
});

test("Wal.append takes entries with a reset, and more after it", async () => {
  const reset = { term: 2, index: 6 };
  const { wal, disk } = await logWith(reset, 4);
  await wal.append({ entries: entries(2, 7, 8), hardState: state(3, 7), reset });
  await wal.append({ entries: entries(3, 9, 9), hardState: undefined });
  await wal.append({ entries: entries(4, 8, 8), hardState: state(4, 7) });
  const storage = await found(disk.afterPowerLoss(losesAll));
  expect(shapeOf(storage)).toBe("2/6 2/7 4/8");
  expect(storage.entries.map(({ data }) => data[0])).toEqual([7, 8]);
});

test("Wal.append resets a log again, and one that is new", async () => {
  const { wal, disk, snapshots } = await logWith({ term: 5, index: 90 }, 4);
  await wal.append({ entries: [], hardState: state(2, 20), reset: { term: 2, index: 20 } });
  await wal.append({ entries: entries(2, 21, 21), hardState: undefined });
  const reset = { term: 5, index: 90 };
  await wal.append({ entries: [], hardState: state(5, 90), reset });
  expect(shapeOf(await found(disk.afterPowerLoss(losesAll)))).toBe("5/90");

  const other = new MemoryDisk();
  const first = await openWal(other, options);
  const newest = snapshots.newest;
  if (newest === undefined) throw new Error("there is a snapshot");
  await (await first.snapshots.create(newest)).commit();
  await first.wal.append({ entries: entries(5, 91, 92), hardState: state(5, 91), reset });
  expect(shapeOf(await found(other.afterPowerLoss(losesAll)))).toBe("5/90 5/91 5/92");
});

test("Wal.compact frees all that stood before a reset, whatever its indexes", async () => {
  const reset = { term: 2, index: 6 };
  const { wal, disk } = await logWith(reset, 4);
  await wal.append({ entries: entries(2, 7, 7), hardState: state(2, 6), reset });
  // The reset went to the last of three segments, whose next one is made already.
  const before = wal.bytes;
  expect(await wal.compact(0)).toEqual(reset);
  expect(wal.bytes).toBe(before - 2 * 2048);
  expect(shapeOf(await found(disk.afterPowerLoss(losesAll)))).toBe("2/6 2/7");
});

test("Wal.compact goes on after a reset as before", async () => {
  const reset = { term: 2, index: 20 };
  const { wal, disk } = await logWith({ term: 2, index: 30 }, 4);
  await wal.append({ entries: [], hardState: state(2, 20), reset });
  for (let index = 21; index <= 34; index++) {
    await wal.append({ entries: entries(2, index, index), hardState: state(2, index) });
  }
  const base = await wal.compact(30);
  expect(base.index).toBeGreaterThan(24);
  expect(base.index).toBeLessThanOrEqual(30);
  const storage = await found(disk.afterPowerLoss(losesAll));
  expect(storage.base).toEqual(base);
  expect(storage.entries.at(-1)?.index).toBe(34);
});

const nothing: readonly Entry[] = [];

test.each<[string, Append]>([
  [
    "before what is committed",
    { entries: nothing, hardState: state(2, 4), reset: { term: 2, index: 3 } },
  ],
  [
    "beyond the snapshot",
    { entries: nothing, hardState: state(2, 7), reset: { term: 2, index: 7 } },
  ],
  [
    "to what is not committed",
    { entries: nothing, hardState: state(2, 5), reset: { term: 2, index: 6 } },
  ],
  [
    "without a commit index",
    { entries: nothing, hardState: undefined, reset: { term: 1, index: 6 } },
  ],
  ["of a later term", { entries: nothing, hardState: state(2, 6), reset: { term: 3, index: 6 } }],
  [
    "before a hole",
    { entries: entries(2, 8, 8), hardState: state(2, 6), reset: { term: 2, index: 6 } },
  ],
  [
    "with a term that goes back",
    { entries: nothing, hardState: state(0, 6), reset: { term: 0, index: 6 } },
  ],
  [
    "with another vote",
    { entries: nothing, hardState: state(1, 6, 2), reset: { term: 1, index: 6 } },
  ],
])("Wal.append asserts against a reset %s", async (_, append) => {
  const { wal, disk } = await logWith({ term: 2, index: 6 }, 4);
  const before = disk.operationCount;
  await expect(wal.append(append)).rejects.toThrow(AssertionError);
  expect(disk.operationCount).toBe(before);
  const reset = { term: 2, index: 6 };
  await wal.append({ entries: [], hardState: state(2, 6), reset });
});

test("Wal.append asserts that a reset does not wait for a later sync", async () => {
  const { wal } = await logWith({ term: 1, index: 6 }, 4);
  const append = { entries: [], hardState: state(1, 6), reset: { term: 1, index: 6 } };
  await expect(wal.append(append, { sync: false })).rejects.toThrow(AssertionError);
});

test("Wal.compact asserts that what it removes is in a stored snapshot", async () => {
  const { wal } = await logWith({ term: 1, index: 6 }, 9);
  await wal.compact(6);
  await expect(wal.compact(7)).rejects.toThrow("what is removed is in a stored snapshot");
});
