import {
  confStateOf,
  type EntryId,
  joiningSnapshot,
  newEntry,
  snapshotAtStart,
  type Storage,
} from "@quorate/core";
import { expect, test } from "vitest";
import { fileName } from "./file-name.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { openWal, type OpenedWal } from "./open-wal.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

const options = {
  identity: { clusterId: "test", nodeId: 1 },
  incarnation: new Uint8Array(16).fill(5),
  segmentBytes: 2048,
};
const start = { snapshot: snapshotAtStart(confStateOf([1, 2, 3])), members: Uint8Array.of(1, 2) };
const losesAll = (): boolean => false;
const firstSegment = fileName("wal", 1);
const firstSnapshot = fileName("snap", 1);

async function store(snapshots: SnapshotStore, id: EntryId): Promise<void> {
  const writer = await snapshots.create({
    snapshot: { ...id, confState: confStateOf([1, 2, 3]) },
    members: Uint8Array.of(id.index),
    id: new Uint8Array(16),
    external: true,
  });
  await writer.commit();
}

/** A log of `count` entries of term 1, with the first `commitIndex` committed, and a snapshot of `id`. */
async function diskWith(count: number, commitIndex: number, id: EntryId): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { wal, snapshots } = await openWal(disk, options);
  for (let index = 1; index <= count; index++) {
    const entry = newEntry({ term: 1, index }, "command", new Uint8Array(200));
    await wal.append({ entries: [entry], hardState: { term: 1, vote: 2, commitIndex: 0 } });
  }
  await wal.append({ entries: [], hardState: { term: 1, vote: 2, commitIndex } });
  await store(snapshots, id);
  await wal.close();
  await snapshots.close();
  return disk;
}

async function reopen(disk: MemoryDisk): Promise<OpenedWal> {
  return await openWal(disk, options);
}

/** The base, how many entries, and the hard state: short to compare. */
function summary({ base, entries, hardState }: Storage): readonly number[] {
  const { term, vote, commitIndex } = hardState;
  return [base.term, base.index, entries.length, term, vote, commitIndex];
}

test("openWal makes durable what a node starts from, and then ignores what it is told", async () => {
  const disk = new MemoryDisk();
  const first = await openWal(disk, { ...options, start });
  expect(first.storage).toMatchObject({ snapshot: start.snapshot, entries: [] });
  expect(first.members).toEqual(start.members);
  expect(first.snapshots.newest).toMatchObject({ contentBytes: 0, external: false });

  const left = disk.afterPowerLoss(losesAll);
  const other = { snapshot: joiningSnapshot, members: new Uint8Array(9) };
  for (const again of [{}, { start: other }]) {
    const { storage, members, snapshots, wal } = await openWal(left, { ...options, ...again });
    expect(storage.snapshot).toEqual(start.snapshot);
    expect(members).toEqual(start.members);
    await wal.close();
    await snapshots.close();
  }
  expect((await left.list()).toSorted()).toEqual([firstSnapshot, firstSegment]);
});

test("openWal stores what a joining node starts from", async () => {
  const disk = new MemoryDisk();
  await openWal(disk, {
    ...options,
    start: { snapshot: joiningSnapshot, members: new Uint8Array(0) },
  });
  expect((await reopen(disk.afterPowerLoss(losesAll))).storage.snapshot).toEqual(joiningSnapshot);
});

test("openWal stores what a node starts from beside a log that has none", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  const entry = newEntry({ term: 1, index: 1 }, "no-op");
  await wal.append({ entries: [entry], hardState: { term: 1, vote: 1, commitIndex: 1 } });
  await wal.close();
  const { storage, members } = await openWal(disk, { ...options, start });
  expect(storage.snapshot).toEqual(start.snapshot);
  expect(storage.entries.length).toBe(1);
  expect(members).toEqual(start.members);
});

test.each([
  ["an index", { term: 1, index: 1, confState: confStateOf([1]) }],
  ["no configuration that can be", { ...joiningSnapshot, confState: confStateOf([0]) }],
])("openWal refuses to start from a snapshot with %s", async (_, snapshot) => {
  const disk = new MemoryDisk();
  const wrong = { snapshot, members: new Uint8Array(0) };
  await expect(openWal(disk, { ...options, start: wrong })).rejects.toThrow(
    "invalid_options: start",
  );
  expect(await disk.list()).toEqual([]);
});

test.each([
  ["is not reached by the log", { term: 3, index: 8 }, [3, 8, 0, 3, 0, 8]],
  ["is not reached, of the present term", { term: 1, index: 8 }, [1, 8, 0, 1, 2, 8]],
  ["contradicts its last entry", { term: 2, index: 5 }, [2, 5, 0, 2, 0, 5]],
  ["contradicts an entry in it", { term: 2, index: 3 }, [2, 3, 0, 2, 0, 3]],
])("openWal resets the log for a snapshot that %s", async (_, id, wanted) => {
  const disk = await diskWith(5, 2, id);
  for (let again = 0; again < 2; again++) {
    const { storage, wal } = await reopen(disk);
    expect(summary(storage)).toEqual(wanted);
    expect(storage.snapshot).toMatchObject(id);
    expect(wal.base).toEqual(id);
    await wal.close();
  }
  const { wal, storage } = await reopen(disk.afterPowerLoss(losesAll));
  const next = newEntry({ term: 3, index: id.index + 1 }, "no-op");
  await wal.append({ entries: [next], hardState: { ...storage.hardState, term: 3, vote: 0 } });
});

test.each([
  ["its last entry", { term: 1, index: 5 }, [0, 0, 5, 1, 2, 5]],
  ["an entry beyond the stored commit index", { term: 1, index: 3 }, [0, 0, 5, 1, 2, 3]],
  ["an entry before that", { term: 1, index: 1 }, [0, 0, 5, 1, 2, 2]],
])("openWal keeps a log that holds the entry of its snapshot: %s", async (_, id, wanted) => {
  const disk = await diskWith(5, 2, id);
  const { storage, wal } = await reopen(disk);
  expect(summary(storage)).toEqual(wanted);
  // What the snapshot tells of the commit index binds what is appended.
  const back = { entries: [], hardState: { ...storage.hardState, commitIndex: id.index - 1 } };
  await expect(wal.append(back)).rejects.toThrow("the commit index goes back");
});

test("openWal refuses a log that has committed another entry than its snapshot", async () => {
  const disk = await diskWith(5, 3, { term: 2, index: 3 });
  const before = disk.operationCount;
  await expect(reopen(disk)).rejects.toThrow(
    `corrupt: ${firstSnapshot}, byte 0: the snapshot ends at 2/3, and the log has committed 1/3;`,
  );
  expect(disk.operationCount).toBe(before);
});

/** A disk whose log was compacted beyond its first snapshot, with the bytes of that. */
async function compacted(): Promise<{ readonly disk: MemoryDisk; readonly old: Uint8Array }> {
  const disk = await diskWith(20, 20, { term: 1, index: 4 });
  const old = disk.readFile(firstSnapshot);
  const { wal, snapshots } = await reopen(disk);
  await store(snapshots, { term: 1, index: 18 });
  expect((await wal.compact(18)).index).toBeGreaterThan(4);
  await snapshots.prune();
  return { disk, old };
}

test("openWal refuses a log that begins beyond the newest snapshot", async () => {
  const { disk, old } = await compacted();
  expect((await reopen(disk.afterKill())).storage.snapshot?.index).toBe(18);
  await disk.remove(fileName("snap", 2));
  disk.writeFile(firstSnapshot, old);
  await expect(reopen(disk)).rejects.toThrow(
    /corrupt: 0+1\.snap, byte 0: the snapshot ends at 1\/4, and the log begins after 1\/\d+; restore/,
  );
});

test("openWal refuses a log that begins after an entry, without a snapshot", async () => {
  const { disk } = await compacted();
  await disk.remove(fileName("snap", 2));
  await expect(openWal(disk, { ...options, start })).rejects.toThrow(
    /corrupt: [0-9a-f]{16}\.wal, byte 1024: the log begins after 1\/\d+, and there is no snapshot/,
  );
});

test("openWal refuses a snapshot whose log is gone", async () => {
  const disk = new MemoryDisk();
  await openWal(disk, { ...options, start });
  await disk.remove(firstSegment);
  await expect(reopen(disk)).rejects.toThrow(
    `corrupt: ${firstSegment}, byte 0: the log of ${firstSnapshot} is gone`,
  );
});

test("openWal refuses the snapshots of another node, cluster or log", async () => {
  for (const other of [
    { identity: { clusterId: "test", nodeId: 2 } },
    { identity: { clusterId: "tess", nodeId: 1 } },
    { incarnation: new Uint8Array(16).fill(6) },
  ]) {
    const theirs = new MemoryDisk();
    await openWal(theirs, { ...options, ...other, start });
    const disk = new MemoryDisk();
    await (await reopen(disk)).wal.close();
    disk.writeFile(firstSnapshot, theirs.readFile(firstSnapshot));
    await expect(reopen(disk)).rejects.toMatchObject({ code: "wrong_identity" });
  }
});

test("openWal refuses a snapshot under another's name", async () => {
  const disk = await diskWith(1, 1, { term: 1, index: 1 });
  await disk.rename(firstSnapshot, fileName("snap", 2));
  await expect(reopen(disk)).rejects.toThrow("this is snapshot 1 under the name of another");
});

test("openWal removes snapshots that are half-made, without a look", async () => {
  const disk = await diskWith(1, 1, { term: 1, index: 1 });
  disk.writeFile(`${fileName("snap", 2)}.tmp`, new Uint8Array(10));
  disk.writeFile(`${fileName("snap", 9)}.tmp`, disk.readFile(firstSnapshot));
  const { snapshots } = await reopen(disk);
  const left = await disk.afterPowerLoss(losesAll).list();
  expect(left.toSorted()).toEqual([firstSnapshot, firstSegment]);
  expect(snapshots.newest?.snapshot.index).toBe(1);
});
