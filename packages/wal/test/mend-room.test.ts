import { newEntry } from "@quorate/core";
import { expect, test } from "vitest";
import { findDamage, openWal } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";

const options = {
  identity: { clusterId: "test", nodeId: 3 },
  incarnation: new Uint8Array(16).fill(7),
  segmentBytes: 4096,
};
const entries = [1, 2, 3, 4].map((index) => {
  return newEntry({ term: 1, index }, "command", new Uint8Array(30).fill(index));
});

/** The full disk of a log whose second batch has lost its head. */
async function rottenDisk(reserveBytes: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { wal } = await openWal(disk, { ...options, reserveBytes });
  for (const entry of entries) {
    await wal.append({ hardState: { term: 1, vote: 0, commitIndex: 0 }, entries: [entry] });
  }
  await wal.close();
  const [name = ""] = (await disk.list()).filter((each) => each.endsWith(".wal"));
  const bytes = disk.readFile(name);
  const second = Buffer.from(bytes).indexOf("BTCH", Buffer.from(bytes).indexOf("BTCH") + 4);
  bytes.fill(0x42, second, second + 80);
  disk.writeFile(name, bytes);
  disk.capacityBytes = disk.bytes;
  return disk;
}

test("a log on a full disk is mended in the room of the reserve, which is made again", async () => {
  const disk = await rottenDisk(8192);
  const [way] = (await findDamage(disk, options.identity))?.ways ?? [];
  expect(way?.missing).toEqual({ first: 1, last: 2, lastTerm: 1 });
  expect(await way?.mend(entries.slice(0, 2))).toBe(true);
  const left = disk.afterPowerLoss(() => false);
  expect((await left.list()).filter((name) => !name.endsWith(".wal"))).toEqual([]);
  const { storage, reserve, wal } = await openWal(left, { ...options, reserveBytes: 8192 });
  expect(storage.entries).toEqual(entries);
  expect(reserve.isWhole).toBe(true);
  await wal.close();
});

test("a log on a full disk without a reserve stays as it is", async () => {
  const disk = await rottenDisk(0);
  const [way] = (await findDamage(disk, options.identity))?.ways ?? [];
  await expect(way?.mend(entries.slice(0, 2))).rejects.toMatchObject({ code: "disk_full" });
  expect((await disk.list()).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  disk.capacityBytes += 4096;
  expect(await way?.mend(entries.slice(0, 2))).toBe(true);
});
