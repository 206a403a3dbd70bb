import { describe, expect, test } from "vitest";
import { MemoryDisk } from "./memory-disk.ts";
import { openReserve, type Reserve, reserveName } from "./reserve.ts";

const bytes = 5000;

async function made(disk: MemoryDisk): Promise<Reserve> {
  const reserve = await openReserve(disk, bytes);
  expect(await reserve.restore()).toBe(true);
  return reserve;
}

describe("Reserve", () => {
  test("takes all of its room, and gives it back", async () => {
    const disk = new MemoryDisk();
    const reserve = await openReserve(disk, bytes);
    expect([reserve.isWhole, disk.bytes]).toEqual([false, 0]);
    expect(await reserve.restore()).toBe(true);
    expect([reserve.isWhole, disk.bytes]).toEqual([true, bytes]);
    let toldCount = 0;
    reserve.onGivenUp = () => toldCount++;
    expect(await reserve.giveUp()).toBe(true);
    expect([reserve.isWhole, disk.bytes, toldCount]).toEqual([false, 0, 1]);
    expect(await reserve.giveUp()).toBe(false);
    expect(toldCount).toBe(1);
  });

  test("is whole or not there, wherever the room ends", async () => {
    for (let room = 0; room < bytes; room += 100) {
      const disk = new MemoryDisk({ capacityBytes: room });
      const reserve = await openReserve(disk, bytes);
      expect(await reserve.restore()).toBe(false);
      expect([reserve.isWhole, await disk.list()]).toEqual([false, []]);
      disk.capacityBytes = bytes;
      expect(await reserve.restore()).toBe(true);
    }
  });

  test("is found again, and made anew if it has another length", async () => {
    const disk = new MemoryDisk();
    await made(disk);
    const again = disk.afterPowerLoss(() => false);
    expect((await openReserve(again, bytes)).isWhole).toBe(true);
    const larger = await openReserve(again, 2 * bytes);
    expect([larger.isWhole, again.bytes]).toEqual([false, 0]);
    expect(await larger.restore()).toBe(true);
    expect((await openReserve(again, 0)).isWhole).toBe(true);
    expect(again.bytes).toBe(0);
  });

  test("of no bytes makes nothing, and has nothing to give", async () => {
    const disk = new MemoryDisk();
    const reserve = await openReserve(disk, 0);
    expect([await reserve.restore(), reserve.isWhole]).toEqual([true, true]);
    expect([await reserve.giveUp(), reserve.isWhole]).toEqual([false, true]);
    expect(disk.operationCount).toBe(0);
  });

  test("leaves a disk that a crash at any operation can be told from a whole one", async () => {
    for (let number = 1; ; number++) {
      const disk = new MemoryDisk();
      let isHit = false;
      disk.intercept = (operation) => {
        isHit ||= operation.number === number;
        return operation.number === number ? "kill-after" : undefined;
      };
      const reserve = await openReserve(disk, bytes);
      await reserve.restore().catch(() => undefined);
      await reserve.giveUp().catch(() => undefined);
      if (!isHit) break;
      for (const survives of [true, false]) {
        const left = disk.afterPowerLoss(() => survives);
        const found = await openReserve(left, bytes);
        expect(left.bytes).toBe(found.isWhole ? bytes : 0);
        expect(await found.restore()).toBe(true);
        expect(left.readFile(reserveName)).toHaveLength(bytes);
      }
    }
  });

  test("that is being made is given up to who wants the room", async () => {
    const disk = new MemoryDisk();
    const reserve = await openReserve(disk, 3 * 1024 * 1024);
    let gaveUp: Promise<boolean> | undefined;
    disk.intercept = ({ kind }) => {
      if (kind === "sync") gaveUp ??= reserve.giveUp();
      return undefined;
    };
    expect(await reserve.restore()).toBe(false);
    expect(await gaveUp).toBe(false);
    expect(await disk.list()).toEqual([]);
    expect(await reserve.restore()).toBe(true);
  });

  test("lends its room to work that finds none, once", async () => {
    const disk = new MemoryDisk();
    const reserve = await made(disk);
    disk.capacityBytes = disk.bytes;
    const put = (name: string): Promise<void> =>
      reserve.lend(async () => {
        const file = await disk.create(name);
        try {
          await file.write(0, [new Uint8Array(3000)]);
        } catch (error) {
          await disk.remove(name);
          throw error;
        }
      });
    await put("a");
    expect([reserve.isWhole, disk.bytes]).toEqual([false, 3000]);
    await expect(put("b")).rejects.toMatchObject({ code: "disk_full" });
    expect(await reserve.restore()).toBe(false);
  });

  test("holds bytes that do not repeat within a block of any file system", async () => {
    const disk = new MemoryDisk();
    await made(disk);
    const words = new Set<string>();
    const content = Buffer.from(disk.readFile(reserveName));
    for (let at = 0; at < bytes; at += 8) words.add(content.subarray(at, at + 8).toString("hex"));
    expect(words.size).toBe(bytes / 8);
  });

  test("rejects with what else the disk fails with", async () => {
    const disk = new MemoryDisk();
    const reserve = await openReserve(disk, bytes);
    disk.intercept = ({ kind }) => (kind === "rename" ? "fail" : undefined);
    await expect(reserve.restore()).rejects.toMatchObject({ code: "storage_failed" });
  });
});
