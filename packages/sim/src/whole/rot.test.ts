import { newEntry } from "@quorate/core";
import { openWal } from "@quorate/wal";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { type RotPart, rotParts, turnBits } from "./rot.ts";

/** The disk of a log of five batches with one entry each. */
async function diskOfLog(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const identity = { clusterId: "test", nodeId: 1 };
  const { wal } = await openWal(disk, {
    identity,
    incarnation: new Uint8Array(16),
    segmentBytes: 4096,
  });
  for (let index = 1; index <= 5; index++) {
    const entry = newEntry({ term: 1, index }, "command", new Uint8Array(20).fill(index));
    const hardState = { term: 1, vote: 0, commitIndex: index - 1 };
    await wal.append({ hardState, entries: [entry] });
  }
  await wal.close();
  return disk;
}

const segment = "0000000000000001.wal";

/** Which bytes of the log `part` damages, wherever in such parts it may strike. */
async function damagedBy(part: RotPart, bytes: number): Promise<ReadonlySet<number>> {
  const places = new Set<number>();
  for (let perMillion = 0; perMillion < 1_000_000; perMillion += 1000) {
    const disk = await diskOfLog();
    const before = disk.readFile(segment);
    if (!(await turnBits(disk, { part, perMillion, bit: 2, bytes }))) return places;
    for (const [at, byte] of disk.readFile(segment).entries()) {
      if (byte !== before[at]) places.add(at);
    }
  }
  return places;
}

const [batchesAt, batchBytes, lastAt, endAt] = [1024, 128, 1024 + 4 * 128, 1024 + 5 * 128];

test("what goes bad is of the part that was asked for", async () => {
  const at = async (part: RotPart): Promise<readonly number[]> => [...(await damagedBy(part, 1))];
  expect(Math.max(...(await at("header")))).toBeLessThan(batchesAt);
  for (const part of ["head", "payload", "trailer"] as const) {
    const places = await at(part);
    const offsets = places.map((place) => (place - batchesAt) % batchBytes);
    const [least, most] = { head: [0, 80], payload: [80, 112], trailer: [112, 128] }[part];
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(least ?? 0);
    expect(Math.max(...offsets)).toBeLessThan(most ?? 0);
    // The head of the last batch is what `tail` is for.
    expect(Math.max(...places)).toBeLessThan(part === "head" ? lastAt : endAt);
  }
  expect(Math.min(...(await at("tail")))).toBe(lastAt);
});

test("damage to many bytes spares the last batch, where it did not begin there", async () => {
  const places = await damagedBy("head", 400);
  expect(Math.min(...places)).toBe(batchesAt);
  expect(Math.max(...places)).toBe(lastAt - 1);
});

test("nothing goes bad where there is no such part, nor what was never written", async () => {
  const places = await damagedBy("any", 1);
  expect(Math.max(...places)).toBeLessThan(endAt);
  expect(
    await turnBits(await diskOfLog(), { part: "snapshot", perMillion: 0, bit: 0, bytes: 1 }),
  ).toBe(false);
  const empty = new MemoryDisk();
  for (const part of rotParts) {
    expect(await turnBits(empty, { part, perMillion: 500_000, bit: 0, bytes: 9 })).toBe(false);
  }
});
