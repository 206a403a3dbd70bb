import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { diskConformance } from "./disk-conformance.ts";
import { MemoryDisk, type UnsyncedPart } from "./memory-disk.ts";

diskConformance(async () => new MemoryDisk(), {
  test,
  equal: (actual, expected, claim) => expect(actual, claim).toEqual(expected),
  reopen: async (disk) => (disk instanceof MemoryDisk ? disk.afterPowerLoss(() => false) : disk),
});

const nothing = (): boolean => false;
const everything = (): boolean => true;

async function diskWith(name: string, bytes: Uint8Array): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  disk.writeFile(name, bytes);
  return disk;
}

test("MemoryDisk loses unsynced sectors one by one", async () => {
  const disk = await diskWith("a", new Uint8Array(1536).fill(1));
  const file = await disk.open("a");
  await file.write(500, [new Uint8Array(600).fill(2)]);

  const only = (sector: number) => (part: UnsyncedPart) =>
    part.kind === "sector" && part.sector === sector;
  expect(disk.afterPowerLoss(nothing).readFile("a")).toEqual(new Uint8Array(1536).fill(1));
  expect(disk.afterPowerLoss(only(1)).readFile("a")).toEqual(
    new Uint8Array(1536).fill(1).fill(2, 512, 1024),
  );
  expect(disk.afterPowerLoss(everything).readFile("a")).toEqual(disk.readFile("a"));
  await file.sync();
  expect(disk.afterPowerLoss(nothing).readFile("a")).toEqual(
    new Uint8Array(1536).fill(1).fill(2, 500, 1100),
  );
});

test("MemoryDisk loses an unsynced length", async () => {
  const disk = await diskWith("a", new Uint8Array(10).fill(1));
  const file = await disk.open("a");
  await file.truncate(4);
  expect(disk.afterPowerLoss(nothing).readFile("a").length).toBe(10);
  expect(disk.afterPowerLoss(everything).readFile("a").length).toBe(4);
});

test("MemoryDisk loses unsynced names, each by itself", async () => {
  const disk = await diskWith("a", Uint8Array.of(1));
  await disk.create("b");
  await disk.rename("a", "c");
  expect(await disk.afterPowerLoss(nothing).list()).toEqual(["a"]);
  expect(await disk.afterPowerLoss((part) => part.name === "a").list()).toEqual(["c"]);
  expect(await disk.afterPowerLoss((part) => part.name === "b").list()).toEqual(["a", "b"]);
  await disk.syncDirectory();
  expect((await disk.afterPowerLoss(nothing).list()).toSorted()).toEqual(["b", "c"]);
});

test("MemoryDisk forgets, after a failed sync, what was unsynced, though it can be read", async () => {
  const disk = await diskWith("a", Uint8Array.of(1, 1));
  const file = await disk.open("a");
  disk.intercept = (operation) => (operation.kind === "sync" ? "fail" : undefined);
  await file.write(0, [Uint8Array.of(2)]);
  await expect(file.sync()).rejects.toThrow("storage_failed");
  disk.intercept = undefined;
  await file.sync();
  expect([...disk.afterKill().readFile("a")]).toEqual([2, 1]);
  expect([...disk.afterKill().afterPowerLoss(everything).readFile("a")]).toEqual([1, 1]);
});

test("MemoryDisk keeps unsynced bytes when only the process ends", async () => {
  const disk = await diskWith("a", Uint8Array.of(1));
  const file = await disk.open("a");
  await file.write(0, [Uint8Array.of(2)]);
  const next = disk.afterKill();
  expect([...next.readFile("a")]).toEqual([2]);
  expect([...next.afterPowerLoss(nothing).readFile("a")]).toEqual([1]);
});

test("MemoryDisk answers nothing after the process was killed", async () => {
  const disk = await diskWith("a", Uint8Array.of(1));
  const file = await disk.open("a");
  disk.intercept = ({ number }) => (number === 2 ? "kill-after" : undefined);
  await file.write(0, [Uint8Array.of(2)]);
  await expect(file.write(0, [Uint8Array.of(3)])).rejects.toThrow("killed");
  expect(disk.isDead).toBe(true);
  await expect(disk.list()).rejects.toThrow(RaftError);
  await expect(file.read(0, 1)).rejects.toThrow(RaftError);
  expect([...disk.afterKill().readFile("a")]).toEqual([3]);
});

test("MemoryDisk is full when its capacity is used, and has room again after a removal", async () => {
  const disk = new MemoryDisk({ capacityBytes: 10 });
  const a = await disk.create("a");
  await a.write(0, [new Uint8Array(8)]);
  const b = await disk.create("b");
  await expect(b.write(0, [new Uint8Array(3)])).rejects.toThrow("disk_full");
  await a.write(4, [new Uint8Array(4)]);
  await disk.remove("a");
  await b.write(0, [new Uint8Array(3)]);
  expect(disk.bytes).toBe(3);
});
