import {
  AssertionError,
  confStateOf,
  type Entry,
  type HardState,
  newEntry,
  RaftError,
} from "@quorate/core";
import { expect, test } from "vitest";
import { MemoryDisk } from "./memory-disk.ts";
import { openWal, type OpenedWal } from "./open-wal.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

const identity = { clusterId: "test", nodeId: 1 };
const incarnation = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const options = { identity, incarnation, segmentBytes: 2048 };
const nothing = (): boolean => false;

async function reopen(disk: MemoryDisk): Promise<OpenedWal> {
  return await openWal(disk, options);
}

/** Entries of `term` at `from` to `to`, each with `length` bytes of data. */
function entries(term: number, from: number, to: number, length = 8): readonly Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    return newEntry({ term, index: from + i }, "command", new Uint8Array(length).fill(from + i));
  });
}

/** Stores a snapshot without content, as of `term/index`. */
async function store(snapshots: SnapshotStore, term: number, index: number): Promise<void> {
  const snapshot = { term, index, confState: confStateOf([1]) };
  const nobody = new Uint8Array(0);
  const id = new Uint8Array(16);
  await (await snapshots.create({ snapshot, members: nobody, id, external: true })).commit();
}

function state(term: number, commitIndex = 0, vote = 1): HardState {
  return { term, vote, commitIndex };
}

/** `term/index` of each entry: short to compare. */
function ids(log: readonly Entry[]): string {
  return log.map((entry) => `${entry.term}/${entry.index}`).join(" ");
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof RaftError) return error.code;
  return error instanceof AssertionError ? "assertion" : String(error);
}

test("openWal creates a log that holds nothing", async () => {
  const disk = new MemoryDisk();
  const { wal, storage } = await reopen(disk);
  expect(storage).toEqual({
    hardState: { term: 0, vote: 0, commitIndex: 0 },
    base: { term: 0, index: 0 },
    entries: [],
  });
  expect(wal.lastIndex).toBe(0);
  expect(wal.bytes).toBe(2048);
  expect(await disk.list()).toEqual(["0000000000000001.wal"]);
});

test("Wal.append is durable when it resolves", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 3), hardState: state(1) });
  const { storage, wal: again } = await reopen(disk.afterPowerLoss(nothing));
  expect(ids(storage.entries)).toBe("1/1 1/2 1/3");
  expect(storage.entries.map((entry) => [...entry.data])).toEqual(
    [1, 2, 3].map((i) => [i, i, i, i, i, i, i, i]),
  );
  expect(storage.hardState).toEqual(state(1));
  expect(again.lastIndex).toBe(3);
});

test("Wal.append is one write and one sync", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  const kinds: string[] = [];
  disk.intercept = ({ kind }) => {
    kinds.push(kind);
    return undefined;
  };
  await wal.append({ entries: entries(1, 1, 3), hardState: state(1) });
  expect(kinds).toEqual(["write", "sync"]);
});

test("Wal.append of nothing touches no disk", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  const before = disk.operationCount;
  await wal.append({ entries: [], hardState: undefined });
  expect(disk.operationCount).toBe(before);
});

test("Wal.append replaces a suffix", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 5), hardState: state(1, 2) });
  await wal.append({ entries: entries(2, 3, 4), hardState: state(2, 2) });
  expect(wal.lastIndex).toBe(4);
  const { storage } = await reopen(disk.afterPowerLoss(nothing));
  expect(ids(storage.entries)).toBe("1/1 1/2 2/3 2/4");
});

test("Wal.append without a sync keeps a commit index for the next batch", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 2), hardState: state(1) });
  const before = disk.operationCount;
  await wal.append({ entries: [], hardState: state(1, 2) }, { sync: false });
  expect(disk.operationCount).toBe(before);
  expect((await reopen(disk.afterKill())).storage.hardState).toEqual(state(1, 0));
  await wal.append({ entries: entries(1, 3, 3), hardState: undefined });
  expect((await reopen(disk.afterKill())).storage.hardState).toEqual(state(1, 2));
});

test("Wal.append goes on after a restart where it stopped, in the same segment", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 2), hardState: state(1) });
  await wal.close();
  const { wal: again } = await reopen(disk);
  await again.append({ entries: entries(1, 3, 3), hardState: undefined });
  expect(await disk.list()).toEqual(["0000000000000001.wal"]);
  expect(ids((await reopen(disk.afterPowerLoss(nothing))).storage.entries)).toBe("1/1 1/2 1/3");
});

test("Wal.append goes through many segments, and restarts add none", async () => {
  let disk = new MemoryDisk();
  for (let index = 1; index <= 40; index++) {
    const { wal, storage } = await reopen(disk);
    expect(storage.entries.length).toBe(index - 1);
    await wal.append({
      entries: entries(1, index, index, 100),
      hardState: index === 1 ? state(1) : undefined,
    });
    disk = disk.afterPowerLoss(nothing);
  }
  // 40 batches of 224 bytes, four to a segment.
  expect((await disk.list()).length).toBeLessThanOrEqual(11);
});

test("Wal.append gives a batch longer than a segment one of its own", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 4, 200), hardState: state(1) });
  await wal.append({ entries: entries(1, 5, 6, 5000), hardState: undefined });
  await wal.append({ entries: entries(1, 7, 7, 8), hardState: undefined });
  const { storage } = await reopen(disk.afterPowerLoss(nothing));
  expect(storage.entries.map((entry) => entry.data.length)).toEqual([
    200, 200, 200, 200, 5000, 5000, 8,
  ]);
  expect(wal.bytes).toBe(disk.bytes);
});

test.each([
  ["a hole", entries(1, 4, 4), undefined],
  ["an index before the first", [newEntry({ term: 1, index: 0 }, "no-op")], undefined],
  ["a gap inside", [...entries(1, 3, 3), ...entries(1, 5, 5)], undefined],
  ["a term that decreases", [...entries(2, 3, 3), ...entries(1, 4, 4)], state(2, 1)],
  ["an entry beyond the term of the hard state", entries(2, 3, 3), undefined],
  ["a committed entry replaced", entries(1, 1, 1), undefined],
  ["a commit index beyond the log", entries(1, 3, 3), state(1, 4)],
  ["a commit index that goes back", [], state(1, 0)],
  ["a term that goes back", [], state(0, 1)],
  ["another vote in the same term", [], state(1, 1, 2)],
])("Wal.append asserts against %s", async (_, added, hardState) => {
  const { wal } = await reopen(new MemoryDisk());
  await wal.append({ entries: entries(1, 1, 2), hardState: state(1, 1) });
  expect(await codeOf(wal.append({ entries: added, hardState }))).toBe("assertion");
  await wal.append({ entries: entries(1, 3, 3), hardState: undefined });
});

test("Wal.append asserts that only a commit index waits for a sync", async () => {
  const { wal } = await reopen(new MemoryDisk());
  expect(await codeOf(wal.append({ entries: [], hardState: state(1) }, { sync: false }))).toBe(
    "assertion",
  );
});

test("Wal.append asserts that appends do not overlap", async () => {
  const { wal } = await reopen(new MemoryDisk());
  const first = wal.append({ entries: entries(1, 1, 1), hardState: state(1) });
  expect(await codeOf(wal.append({ entries: entries(1, 2, 2), hardState: undefined }))).toBe(
    "assertion",
  );
  await first;
  expect(wal.lastIndex).toBe(1);
});

for (const kind of ["write", "sync"]) {
  test(`Wal never tries again after a failed ${kind}`, async () => {
    const disk = new MemoryDisk();
    const { wal } = await reopen(disk);
    await wal.append({ entries: entries(1, 1, 1), hardState: state(1) });
    disk.intercept = (operation) => (operation.kind === kind ? "fail" : undefined);
    const append = { entries: entries(1, 2, 2), hardState: undefined };
    const first: unknown = await wal.append(append).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: "storage_failed" });
    disk.intercept = undefined;
    const before = disk.operationCount;
    expect(await wal.append(append).catch((error: unknown) => error)).toBe(first);
    expect(await wal.compact(0).catch((error: unknown) => error)).toBe(first);
    expect(disk.operationCount).toBe(before);
    await wal.close();
    expect(disk.operationCount).toBe(before);
  });
}

test("Wal calls a disk that is full in the middle of a batch failed", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  disk.intercept = (operation) => (operation.kind === "write" ? "full" : undefined);
  expect(await codeOf(wal.append({ entries: [], hardState: state(1) }))).toBe("storage_failed");
});

test("openWal makes durable what it reports, even after a failed sync", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 1), hardState: state(1) });
  disk.intercept = (operation) => (operation.kind === "sync" ? "fail" : undefined);
  expect(await codeOf(wal.append({ entries: entries(1, 2, 2), hardState: undefined }))).toBe(
    "storage_failed",
  );
  const next = disk.afterKill();
  expect(ids((await reopen(next)).storage.entries)).toBe("1/1 1/2");
  expect(ids((await reopen(next.afterPowerLoss(nothing))).storage.entries)).toBe("1/1 1/2");
});

test("Wal.append rejects with disk_full and works again when there is room", async () => {
  const disk = new MemoryDisk({ capacityBytes: 5000 });
  const { wal } = await reopen(disk);
  const rejected: string[] = [];
  let index = 0;
  while (rejected.length < 3) {
    const append = { entries: entries(1, index + 1, index + 1, 100), hardState: state(1) };
    const code = await codeOf(wal.append(append));
    if (code === "undefined") index++;
    else rejected.push(code);
  }
  expect(rejected).toEqual(["disk_full", "disk_full", "disk_full"]);
  expect(wal.lastIndex).toBe(index);
  expect((await disk.list()).length).toBe(2);
  disk.capacityBytes = 50_000;
  await wal.append({ entries: entries(1, index + 1, index + 1, 100), hardState: undefined });
  const { storage } = await reopen(disk.afterPowerLoss(nothing));
  expect(storage.entries.length).toBe(index + 1);
});

test("Wal.compact makes room on a full disk", async () => {
  const disk = new MemoryDisk({ capacityBytes: 5600 });
  const { wal, snapshots } = await reopen(disk);
  for (let index = 1; ; index++) {
    const append = { entries: entries(1, index, index, 100), hardState: state(1, index) };
    if ((await codeOf(wal.append(append))) === "disk_full") break;
  }
  const last = wal.lastIndex;
  await wal.append({ entries: [], hardState: state(1, last) }, { sync: false });
  await store(snapshots, 1, last);
  expect((await wal.compact(last)).index).toBeGreaterThan(0);
  await wal.append({ entries: entries(1, last + 1, last + 1, 100), hardState: undefined });
});

test("Wal.compact removes whole segments up to an index and keeps the last", async () => {
  const disk = new MemoryDisk();
  const { wal, snapshots } = await reopen(disk);
  for (let index = 1; index <= 20; index++) {
    await wal.append({ entries: entries(1, index, index, 100), hardState: state(1, index) });
  }
  await store(snapshots, 1, 20);
  const before = wal.bytes;
  expect(await wal.compact(3)).toEqual(
    { term: 1, index: 0 }.index === 0 ? { term: 0, index: 0 } : undefined,
  );
  expect(await wal.compact(11)).toEqual({ term: 1, index: 8 });
  expect(wal.base).toEqual({ term: 1, index: 8 });
  expect(wal.bytes).toBe(before - 2 * 2048);
  const { storage } = await reopen(disk.afterPowerLoss(nothing));
  expect(storage.base).toEqual({ term: 1, index: 8 });
  expect(storage.entries.at(0)?.index).toBe(9);
  expect(await wal.compact(20)).toEqual({ term: 1, index: 16 });
  expect(ids((await reopen(disk.afterPowerLoss(nothing))).storage.entries)).toBe(
    "1/17 1/18 1/19 1/20",
  );
});

test("Wal.compact keeps what a replaced suffix needs", async () => {
  const disk = new MemoryDisk();
  const { wal, snapshots } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 4, 200), hardState: state(1, 0) });
  await wal.append({ entries: entries(1, 5, 8, 200), hardState: state(1, 0) });
  await wal.append({ entries: entries(2, 3, 6, 200), hardState: state(2, 0) });
  await wal.append({ entries: [], hardState: state(2, 6) });
  await store(snapshots, 2, 6);
  // The second segment starts after 1/4, which was replaced: the log reaches back to 1/2.
  expect(await wal.compact(4)).toEqual({ term: 1, index: 2 });
  const { storage } = await reopen(disk.afterPowerLoss(nothing));
  expect(storage.base).toEqual({ term: 1, index: 2 });
  expect(ids(storage.entries)).toBe("2/3 2/4 2/5 2/6");
  expect(await codeOf(wal.append({ entries: entries(2, 2, 2), hardState: undefined }))).toBe(
    "assertion",
  );
});

test("Wal.compact asserts that what it removes is committed", async () => {
  const { wal } = await reopen(new MemoryDisk());
  await wal.append({ entries: entries(1, 1, 4), hardState: state(1, 2) });
  expect(await codeOf(wal.compact(3))).toBe("assertion");
});

test("openWal reports at least the base as committed", async () => {
  const disk = new MemoryDisk();
  const { wal, snapshots } = await reopen(disk);
  for (let index = 1; index <= 10; index++) {
    await wal.append({ entries: entries(1, index, index, 100), hardState: state(1, 0) });
  }
  await wal.append({ entries: [], hardState: state(1, 10) }, { sync: false });
  await store(snapshots, 1, 8);
  await wal.compact(8);
  const { storage } = await reopen(disk.afterPowerLoss(nothing));
  expect(storage.base.index).toBe(8);
  expect(storage.hardState.commitIndex).toBe(8);
});

test("Wal.close is final, and may be called again", async () => {
  const { wal } = await reopen(new MemoryDisk());
  await wal.close();
  await wal.close();
  expect(await codeOf(wal.append({ entries: [], hardState: state(1) }))).toBe("closed");
  expect(await codeOf(wal.compact(0))).toBe("closed");
});

test("Wal.close waits for a segment that is being made", async () => {
  const disk = new MemoryDisk();
  const { wal } = await reopen(disk);
  await wal.append({ entries: entries(1, 1, 4, 100), hardState: state(1) });
  await wal.close();
  const before = disk.operationCount;
  await new Promise((resolve) => setImmediate(resolve));
  expect(disk.operationCount).toBe(before);
  expect((await disk.list()).toSorted()).toEqual(["0000000000000001.wal", "0000000000000002.wal"]);
});

test("openWal keeps the incarnation of the log's creation", async () => {
  const disk = new MemoryDisk();
  await (await reopen(disk)).wal.close();
  const { wal } = await openWal(disk, { ...options, incarnation: new Uint8Array(16).fill(9) });
  expect(wal.incarnation).toEqual(incarnation);
});

test("openWal refuses the log of another node or cluster", async () => {
  const disk = new MemoryDisk();
  await (await reopen(disk)).wal.close();
  for (const other of [
    { clusterId: "test", nodeId: 2 },
    { clusterId: "tess", nodeId: 1 },
  ]) {
    expect(await codeOf(openWal(disk, { ...options, identity: other }))).toBe("wrong_identity");
  }
});

test.each([
  { segmentBytes: 2047 },
  { segmentBytes: 2048 + 256 },
  { segmentBytes: 2 ** 31 },
  { segmentBytes: Number.NaN },
  { incarnation: new Uint8Array(15) },
  { identity: { clusterId: "", nodeId: 1 } },
  { identity: { clusterId: "x".repeat(256), nodeId: 1 } },
  { identity: { clusterId: "x", nodeId: 0 } },
  { identity: { clusterId: "x", nodeId: 1.5 } },
])("openWal refuses the options %j", async (wrong) => {
  const disk = new MemoryDisk();
  expect(await codeOf(openWal(disk, { ...options, ...wrong }))).toBe("invalid_options");
  expect(await disk.list()).toEqual([]);
});

test("openWal removes what was half-made and leaves the files of others", async () => {
  const disk = new MemoryDisk();
  disk.writeFile("0000000000000002.wal.tmp", new Uint8Array(10));
  disk.writeFile("LOCK", new Uint8Array(0));
  await reopen(disk);
  expect((await disk.list()).toSorted()).toEqual(["0000000000000001.wal", "LOCK"]);
});
