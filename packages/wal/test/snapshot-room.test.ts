import { expect, test } from "vitest";
import type { SnapshotStore, StoredSnapshot } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";
import { contentOf, Harness, losesAll, type Step, snapshotAt, storeSnapshot } from "./harness.ts";

const history: readonly Step[] = [
  { append: [500, 300], term: 1 },
  { append: [0, 200, 33] },
  { commit: 3, sync: true },
  { compact: 3 },
  { commit: 5, sync: true },
];

/** Content of nine blocks, the last one short: three writes. */
const long = Uint8Array.from({ length: 560_000 }, (_, i) => i ^ (i >> 8));

async function logWith(disk: MemoryDisk): Promise<Harness> {
  const log = new Harness(disk);
  await log.open();
  await log.run(history);
  return log;
}

/** Stores a snapshot of `long` as of entry 5. */
async function storeLong(snapshots: SnapshotStore): Promise<StoredSnapshot> {
  const writer = await snapshots.create(snapshotAt({ term: 1, index: 5 }).metadata);
  for (let at = 0; at < long.length; at += 50_000) {
    await writer.write(long.subarray(at, at + 50_000));
  }
  return await writer.commit();
}

/** After a refused snapshot: nothing happened, appends go on, and it succeeds once there is room. */
async function goesOn(log: Harness, files: readonly string[]): Promise<void> {
  expect((await log.disk.list()).toSorted()).toEqual(files);
  expect(log.snapshots.newest?.snapshot.index).toBe(3);
  await log.run([{ append: [10] }]);
  await log.fork(log.disk.afterPowerLoss(losesAll)).open();
  log.disk.intercept = undefined;
  log.disk.capacityBytes = Number.POSITIVE_INFINITY;
  const stored = await storeLong(log.snapshots);
  expect(Buffer.from(await contentOf(log.snapshots, stored)).equals(long)).toBe(true);
  await log.snapshots.prune();
  await log.run([{ append: [700, 900] }]);
  const { storage, snapshots } = await log.fork(log.disk.afterPowerLoss(losesAll)).look();
  expect(storage.entries.at(-1)?.index).toBe(8);
  expect(snapshots.newest).toEqual(stored);
  await log.close();
}

test("a snapshot that finds no room leaves nothing behind, wherever the room ends", async () => {
  let refusals = 0;
  for (let room = 0; room < 600_000; room += room < 3000 ? 250 : 20_000) {
    const log = await logWith(new MemoryDisk());
    const files = (await log.disk.list()).toSorted();
    log.disk.capacityBytes = log.disk.bytes + room;
    const error: unknown = await storeLong(log.snapshots).catch((reason: unknown) => reason);
    if (log.snapshots.newest?.snapshot.index === 5) {
      expect(room).toBeGreaterThan(long.length);
      continue;
    }
    expect(error).toMatchObject({ code: "disk_full" });
    refusals++;
    await goesOn(log, files);
  }
  expect(refusals).toBeGreaterThan(20);
});

test("a disk that is full at any operation before the name is durable leaves nothing behind", async () => {
  let refusals = 0;
  for (let number = 1; ; number++) {
    const log = await logWith(new MemoryDisk());
    const files = (await log.disk.list()).toSorted();
    const start = log.disk.operationCount;
    let hit: string | undefined;
    log.disk.intercept = ({ number: at, kind }) => {
      if (at !== start + number) return undefined;
      hit = kind;
      return "full";
    };
    const error: unknown = await storeLong(log.snapshots).catch((reason: unknown) => reason);
    if (hit === undefined) break;
    if (hit === "sync-directory") {
      // The name may or may not last: that cannot be undone, so it is for no second try.
      expect(error).toMatchObject({ code: "storage_failed" });
      continue;
    }
    expect(error).toMatchObject({ code: "disk_full" });
    refusals++;
    await goesOn(log, files);
  }
  expect(refusals).toBe(8);
});

test("a writer that found no room is over, and gives its room back at once", async () => {
  const log = await logWith(new MemoryDisk());
  const before = log.disk.bytes;
  log.disk.capacityBytes = before + 100_000;
  const writer = await log.snapshots.create(snapshotAt({ term: 1, index: 5 }).metadata);
  const error: unknown = await writer.write(long).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "disk_full" });
  expect(log.disk.bytes).toBe(before);
  expect(await writer.write(long).catch((reason: unknown) => reason)).toBe(error);
  expect(await writer.commit().catch((reason: unknown) => reason)).toBe(error);
  await writer.abort();
  await storeSnapshot(log.snapshots, { term: 1, index: 5 });
  await log.close();
});

test("many snapshots in a row, some given up, leave the newest one alone", async () => {
  const log = await logWith(new MemoryDisk());
  let bytesMax = 0;
  for (let round = 0; round < 300; round++) {
    const last = log.durable.entries.length;
    const given = await log.snapshots.create(snapshotAt({ term: 1, index: last }).metadata);
    await given.write(long.subarray(0, round * 300));
    await log.run([{ append: [200] }, { commit: last + 1, sync: round % 2 === 0 }]);
    await given.abort();
    await log.run([{ compact: last + 1 }]);
    bytesMax = Math.max(bytesMax, log.disk.bytes);
    if (round % 50 !== 49) continue;
    await log.close();
    await log.open();
  }
  const names = (await log.disk.list()).filter((name) => !name.endsWith(".wal"));
  expect(names).toHaveLength(1);
  expect(log.snapshots.bytes).toBe(log.disk.readFile(names[0] ?? "").length);
  // Two segments more than the entries, and two snapshots for a moment.
  expect(bytesMax).toBeLessThan(4 * 2048 + 2 * 4096);
  await log.fork(log.disk.afterPowerLoss(losesAll)).survive();
});

test("a snapshot and the log's appends do not disturb one another", async () => {
  const log = await logWith(new MemoryDisk());
  const kinds: string[] = [];
  log.disk.intercept = ({ kind, name }) => {
    kinds.push(`${name.endsWith(".snap.tmp") ? "snapshot" : "log"} ${kind}`);
    return undefined;
  };
  const appended = (async () => {
    for (let i = 0; i < 10; i++) await log.run([{ append: [100 + i] }]);
  })();
  const [stored] = await Promise.all([storeLong(log.snapshots), appended]);
  const first = kinds.indexOf("snapshot create");
  const last = kinds.lastIndexOf("snapshot sync");
  expect(kinds.slice(first, last).filter((kind) => kind === "log sync").length).toBeGreaterThan(2);
  log.beside = [{ term: 1, index: 5 }];
  const { storage, snapshots } = await log.fork(log.disk.afterPowerLoss(losesAll)).look();
  expect(storage.entries.at(-1)?.index).toBe(15);
  expect(snapshots.newest).toEqual(stored);
});

test("a long snapshot is synced in between", async () => {
  const log = await logWith(new MemoryDisk());
  const writer = await log.snapshots.create(snapshotAt({ term: 1, index: 5 }).metadata);
  const chunk = new Uint8Array(1024 * 1024);
  let unsyncedBytes = 0;
  let written = 0;
  log.disk.intercept = ({ kind }) => {
    if (kind === "sync") written = writer.written;
    unsyncedBytes = Math.max(unsyncedBytes, writer.written - written);
    return undefined;
  };
  for (let i = 0; i < 13; i++) await writer.write(chunk);
  expect(unsyncedBytes).toBeGreaterThan(4_000_000);
  expect(unsyncedBytes).toBeLessThan(4_400_000);
  await writer.abort();
  await log.close();
});
