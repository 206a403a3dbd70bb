import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { StartDisk } from "./start-disk.ts";

const bytes = Uint8Array.of(1, 2, 3);

test("StartDisk refuses to read once the start is aborted, and nothing else", async () => {
  const memory = new MemoryDisk();
  memory.writeFile("one", bytes);
  const start = new AbortController();
  const disk = new StartDisk(memory, start.signal);
  const file = await disk.open("one");
  expect(await file.read(0, 3)).toEqual(bytes);

  start.abort("enough");
  await expect(file.read(0, 3)).rejects.toMatchObject({ code: "aborted", cause: "enough" });
  expect(await file.size()).toBe(3);
  await file.write(3, [bytes]);
  await file.sync();
  await file.writeSynced(6, [bytes]);
  await file.truncate(8);
  const made = await disk.create("two");
  await made.close();
  await disk.rename("two", "three");
  await disk.syncDirectory();
  expect(await disk.list()).toEqual(["one", "three"]);
  await disk.remove("three");
  await file.close();
  expect([...memory.readFile("one")]).toEqual([1, 2, 3, 1, 2, 3, 1, 2]);
});

test("StartDisk reads for what must not be left half-done, and for what has started", async () => {
  const memory = new MemoryDisk();
  memory.writeFile("one", bytes);
  const disk = new StartDisk(memory, AbortSignal.abort());
  const file = await disk.open("one");
  expect(await disk.unbroken(() => file.read(0, 3))).toEqual(bytes);
  await expect(file.read(0, 3)).rejects.toMatchObject({ code: "aborted" });
  await expect(disk.unbroken(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(file.read(0, 3)).rejects.toMatchObject({ code: "aborted" });
  disk.release();
  expect(await file.read(0, 3)).toEqual(bytes);
  await file.close();
});
