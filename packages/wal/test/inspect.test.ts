import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { type FoundBatch, inspectLog, markDiverged, openWal } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";
import { coin, Harness, newRandom, walOptions, workload } from "./harness.ts";

/** A log after the workload, left as a crash at operation `crash` leaves it; whole without one. */
async function diskAfter(crash = Number.POSITIVE_INFINITY): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  disk.intercept = ({ number }) => (number === crash ? "kill-after" : undefined);
  const harness = new Harness(disk);
  await harness
    .open()
    .then(async () => await harness.run(workload))
    .then(async () => await harness.close())
    .catch((error: unknown) => {
      if (!disk.isDead) throw error;
    });
  return disk.afterPowerLoss(coin(crash));
}

/** All bytes on `disk`, by name. */
async function bytesOf(disk: MemoryDisk): Promise<Map<string, string>> {
  const names = [...(await disk.list())].sort();
  return new Map(names.map((name) => [name, Buffer.from(disk.readFile(name)).toString("latin1")]));
}

/** What `openWal` says of a copy of `disk`, in the words of an inspection. */
async function openedOn(disk: MemoryDisk): Promise<object> {
  try {
    const { wal, storage, snapshots } = await openWal(disk.afterKill(), walOptions);
    const { base, hardState, entries, snapshot } = storage;
    await wal.close();
    await snapshots.close();
    return { refusal: "", base, lastIndex: wal.lastIndex, hardState, entries, snapshot };
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return { refusal: error.message };
  }
}

async function inspectedOn(disk: MemoryDisk): Promise<object> {
  const { damages, base, last, hardState, entries, snapshots } = await inspectLog(disk, {
    keepsEntries: true,
  });
  const [damage] = damages;
  if (damage !== undefined) return { refusal: damage.message };
  const snapshot = snapshots.find(({ isNewest }) => isNewest)?.stored.snapshot;
  return { refusal: "", base, lastIndex: last.index, hardState, entries, snapshot };
}

test("inspectLog finds what openWal finds, wherever a crash came, and changes nothing", async () => {
  const whole = await diskAfter();
  expect(await inspectedOn(whole)).toEqual(await openedOn(whole));
  for (let crash = 1; crash <= 150; crash++) {
    const disk = await diskAfter(crash);
    const before = await bytesOf(disk);
    const count = disk.operationCount;
    const inspected = await inspectedOn(disk);
    expect(disk.operationCount).toBe(count);
    expect(await bytesOf(disk)).toEqual(before);
    expect([crash, inspected]).toEqual([crash, await openedOn(disk)]);
  }
});

test("inspectLog refuses what openWal refuses, in thousands of damaged logs", async () => {
  const random = newRandom(7);
  const counts = { held: 0, refused: 0 };
  for (let crash = 3; crash <= 150; crash += 3) {
    const left = await diskAfter(crash);
    for (let damage = 0; damage < 60; damage++) {
      const disk = left.afterKill();
      const names = (await disk.list()).filter((name) => !name.endsWith(".tmp"));
      const name = names[Math.floor(random() * names.length)] ?? "";
      if (name === "") continue;
      const bytes = disk.readFile(name);
      const start = Math.floor(random() * bytes.length);
      const key = 1 + Math.floor(random() * 255);
      const end = start + 1 + Math.floor(random() ** 4 * 900);
      disk.writeFile(
        name,
        random() < 0.1
          ? bytes.slice(0, start)
          : bytes.map((byte, at) => (at >= start && at < end ? byte ^ key : byte)),
      );
      if (random() < 0.03) await disk.remove(name);
      const before = await bytesOf(disk);
      const count = disk.operationCount;
      const inspected = await inspectedOn(disk);
      expect(disk.operationCount).toBe(count);
      expect(await bytesOf(disk)).toEqual(before);
      const opened = await openedOn(disk);
      expect([crash, damage, name, inspected]).toEqual([crash, damage, name, opened]);
      counts["entries" in opened ? "held" : "refused"]++;
    }
  }
  expect(counts.held).toBeGreaterThan(500);
  expect(counts.refused).toBeGreaterThan(500);
});

test("inspectLog says whose log it is, and tells of segments and batches in order", async () => {
  const disk = await diskAfter();
  const batches: FoundBatch[] = [];
  const segments: (readonly [number, number])[] = [];
  const log = await inspectLog(disk, {
    watcher: {
      onSegment: async (header, bytes) => {
        expect(header.identity).toEqual(walOptions.identity);
        segments.push([header.sequence, bytes]);
      },
      onBatch: async (found) => {
        batches.push(found);
      },
    },
  });
  const { identity, incarnation } = walOptions;
  expect(log).toMatchObject({ identity, incarnation, damages: [], entries: [] });
  expect(segments.map(([, bytes]) => bytes)).toEqual(log.segments.map(({ bytes }) => bytes));
  const numbers = batches.map(({ batch }) => batch.number);
  expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] ?? 0) + at));
  expect(batches.at(-1)?.batch.hardState).toEqual(log.hardState);
  const ends = new Set(batches.map(({ offset, bytes }) => offset + bytes));
  for (const { end } of log.segments) expect(end === 1024 || ends.has(end)).toBe(true);
});

test("of a damaged log, all that stands before the damage is told", async () => {
  const disk = await diskAfter();
  const whole: FoundBatch[] = [];
  const collect = (batches: FoundBatch[]) => ({
    onSegment: async () => {},
    onBatch: async (found: FoundBatch) => {
      batches.push(found);
    },
  });
  const { segments } = await inspectLog(disk, { watcher: collect(whole) });
  const last = whole.at(-1);
  const name = segments.findLast(({ end }) => end > 1024)?.name ?? "";
  if (last === undefined) throw new Error("the log has no batch");
  const bytes = disk.readFile(name);
  bytes[last.offset + 20] = (bytes[last.offset + 20] ?? 0) ^ 1;
  disk.writeFile(name, bytes);

  const before: FoundBatch[] = [];
  const found = await inspectLog(disk, { watcher: collect(before), keepsEntries: true });
  expect(found.damages.map(({ code }) => code)).toEqual(["corrupt"]);
  expect(found.damages[0]?.message).toContain(`${name}, byte ${last.offset}: `);
  expect(before).toEqual(whole.slice(0, -1));
  const end = before.at(-1)?.batch;
  expect(found.last.index).toBe((end?.prev.index ?? 0) + (end?.entries.length ?? 0));
  expect(found.entries.at(-1)?.index ?? found.base.index).toBe(found.last.index);
  expect(found.hardState.term).toBe(end?.hardState.term);
});

test("the content of every snapshot is verified if that is asked for", async () => {
  const disk = await diskAfter();
  const { snapshots } = await inspectLog(disk, { readsContent: true });
  expect(snapshots.map(({ isNewest }) => isNewest)).toEqual([true]);
  const [snapshot] = snapshots;
  if (snapshot === undefined) throw new Error("there is no snapshot");
  const { name, bytes: length, stored } = snapshot;
  expect(stored.contentBytes).toBeGreaterThan(100);
  const bytes = disk.readFile(name);
  bytes[length - 50] = (bytes[length - 50] ?? 0) ^ 1;
  disk.writeFile(name, bytes);
  expect((await inspectLog(disk)).damages).toEqual([]);
  const { damages } = await inspectLog(disk, { readsContent: true });
  expect(damages.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^corrupt: [^;]*\.snap, byte \d+: [^;]*; restore this file[^;]*$/),
  ]);
});

test("a disk that was marked is refused as openWal refuses it", async () => {
  const disk = await diskAfter();
  await markDiverged(disk, "node 3 differs at 40");
  expect(await inspectedOn(disk)).toEqual(await openedOn(disk));
  const { damages } = await inspectLog(disk);
  expect(damages).toMatchObject([{ code: "diverged" }]);
});

test("an empty disk holds no log, and nothing is wrong with it", async () => {
  expect(await inspectLog(new MemoryDisk())).toMatchObject({
    identity: undefined,
    segments: [],
    snapshots: [],
    last: { term: 0, index: 0 },
    damages: [],
  });
});

test("an install that a crash cut short is told as a start would complete it", async () => {
  let resets = 0;
  for (let crash = 1; crash <= 150; crash++) {
    const log = await inspectLog(await diskAfter(crash));
    if (!log.isReset) continue;
    resets++;
    expect(log.base).toEqual(log.last);
    expect(log.hardState.commitIndex).toBe(log.last.index);
  }
  expect(resets).toBeGreaterThan(0);
});
