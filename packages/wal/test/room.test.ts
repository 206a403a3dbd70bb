import { describe, expect, test } from "vitest";
import { openWal, type OpenedWal } from "../src/index.ts";
import { reserveName } from "../src/reserve.ts";
import { MemoryDisk } from "../src/testing.ts";
import { entryAt, losesAll, storeSnapshot, walOptions } from "./harness.ts";

const segmentBytes = 16 * 1024;
const hardState = { term: 1, vote: 3, commitIndex: 0 };

async function open(disk: MemoryDisk, reserveBytes = 0): Promise<OpenedWal> {
  return await openWal(disk, { ...walOptions, segmentBytes, reserveBytes });
}

/** Appends one entry of `length` bytes. */
async function append({ wal }: OpenedWal, length: number, makesDo = false): Promise<void> {
  const entries = [entryAt(1, wal.lastIndex + 1, length)];
  await wal.append({ entries, hardState }, { makesDo });
}

async function segments(disk: MemoryDisk): Promise<string[]> {
  return (await disk.list()).filter((name) => name.endsWith(".wal"));
}

/** A log of `count` segments that are full, on a disk that has no more room. */
async function fullLog(disk: MemoryDisk, count: number, reserveBytes = 0): Promise<OpenedWal> {
  const opened = await open(disk, reserveBytes);
  for (let number = 0; number < count; number++) {
    await append(opened, 7000);
    if (number === count - 1) disk.capacityBytes = disk.bytes;
    await append(opened, 7000);
  }
  return opened;
}

describe("Wal on a disk at its limit", () => {
  test("tells that it is short of room before an append is refused", async () => {
    const disk = new MemoryDisk();
    const opened = await fullLog(disk, 1);
    expect(opened.wal.isShortOfRoom).toBe(false);
    await append(opened, 100);
    expect(opened.wal.isShortOfRoom).toBe(true);
    expect(await opened.wal.prepare()).toBe(false);
    disk.capacityBytes = 3 * segmentBytes;
    expect(await opened.wal.prepare()).toBe(true);
    expect(await segments(disk)).toHaveLength(2);
    await append(opened, 7000);
    expect(await segments(disk)).toHaveLength(2);
    await opened.wal.close();
  });

  test("makes do with a shorter segment only if it is asked to", async () => {
    const disk = new MemoryDisk();
    const opened = await fullLog(disk, 2);
    disk.capacityBytes = disk.bytes + 9000;
    await expect(append(opened, 7000)).rejects.toMatchObject({ code: "disk_full" });
    await append(opened, 7000, true);
    expect([opened.wal.isShortOfRoom, opened.wal.lastIndex]).toEqual([true, 5]);
    await expect(append(opened, 7000, true)).rejects.toMatchObject({ code: "disk_full" });
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await append(opened, 7000, true);
    expect([opened.wal.isShortOfRoom, opened.wal.lastIndex]).toEqual([false, 6]);
    await opened.wal.close();
    const again = await open(disk.afterPowerLoss(losesAll));
    expect(again.storage.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6]);
    await again.wal.close();
  });

  test("takes a part of a segment for small appends, so that they share it", async () => {
    const disk = new MemoryDisk();
    const opened = await fullLog(disk, 1);
    while (!opened.wal.isShortOfRoom) await append(opened, 200);
    const before = await segments(disk);
    disk.capacityBytes = disk.bytes + 8192;
    for (let number = 0; number < 12; number++) await append(opened, 50, true);
    expect((await segments(disk)).length).toBeLessThan(before.length + 5);
    await opened.wal.close();
  });

  test("says whether a compaction would free anything", async () => {
    const disk = new MemoryDisk();
    const opened = await fullLog(disk, 2);
    const { wal, snapshots } = opened;
    expect([wal.frees(1), wal.frees(2), wal.frees(4)]).toEqual([false, true, true]);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    // The batches know of no commit; the snapshot does.
    await storeSnapshot(snapshots, { term: 1, index: 4 });
    expect(wal.committedIndex).toBe(4);
    expect((await wal.compact(4)).index).toBe(2);
    expect(wal.frees(4)).toBe(false);
    const again = await open(disk.afterPowerLoss(losesAll));
    expect(again.storage).toMatchObject({ base: { index: 2 }, hardState: { commitIndex: 4 } });
    await Promise.all([wal.close(), again.wal.close()]);
  });
});

describe("the reserve of a log", () => {
  test("is made when the log is opened, and lent to a snapshot", async () => {
    const disk = new MemoryDisk();
    const opened = await fullLog(disk, 2, 8192);
    expect(disk.readFile(reserveName)).toHaveLength(8192);
    disk.capacityBytes = disk.bytes;
    await storeSnapshot(opened.snapshots, { term: 1, index: 4 });
    expect(opened.reserve.isWhole).toBe(false);
    await opened.wal.compact(4);
    expect(await opened.reserve.restore()).toBe(true);
    await opened.wal.close();
  });

  test("that finds no room is missing, and the log opens all the same", async () => {
    const disk = new MemoryDisk();
    const first = await fullLog(disk, 2, 8192);
    await first.reserve.giveUp();
    disk.capacityBytes = disk.bytes;
    const left = disk.afterKill();
    const opened = await open(left, 8192);
    expect([opened.reserve.isWhole, opened.storage.entries.length]).toEqual([false, 4]);
    left.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await opened.reserve.restore()).toBe(true);
    await opened.wal.close();
  });

  test("half-made, or of a crash, is replaced when the log is opened", async () => {
    const disk = new MemoryDisk();
    const first = await open(disk, 8192);
    await first.wal.close();
    disk.writeFile(`${reserveName}.tmp`, new Uint8Array(5000));
    disk.writeFile(reserveName, new Uint8Array(5000));
    const opened = await open(disk, 8192);
    expect(opened.reserve.isWhole).toBe(true);
    expect(disk.bytes).toBe(segmentBytes + 8192);
    await opened.wal.close();
  });

  test("makes room for a reset that a crash left to be done", async () => {
    const disk = new MemoryDisk();
    const first = await fullLog(disk, 1, 8192);
    while (!first.wal.isShortOfRoom) await append(first, 100);
    await expect(fill(first)).resolves.toBeGreaterThan(0);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await storeSnapshot(first.snapshots, { term: 2, index: 1000 });
    disk.capacityBytes = disk.bytes;
    const left = disk.afterPowerLoss(losesAll);
    const opened = await open(left, 8192);
    expect(opened.wal.base).toEqual({ term: 2, index: 1000 });
    await Promise.all([first.wal.close(), opened.wal.close()]);
  });

  test("must be a number of bytes", async () => {
    for (const reserveBytes of [-1, 0.5, Number.NaN]) {
      await expect(open(new MemoryDisk(), reserveBytes)).rejects.toMatchObject({
        code: "invalid_options",
      });
    }
  });
});

/** Appends until there is no room for the smallest batch; how many fitted. */
async function fill(opened: OpenedWal): Promise<number> {
  for (let count = 0; ; count++) {
    try {
      await append(opened, 0);
    } catch {
      return count;
    }
  }
}
