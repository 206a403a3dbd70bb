import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { openWal } from "../src/index.ts";
import { sectorBytes, segmentHeaderBytes, segmentName } from "../src/segment.ts";
import { MemoryDisk } from "../src/testing.ts";
import { entryAt, Harness, type Model, segmentNames, type Step, walOptions } from "./harness.ts";
import { mend } from "./mending.ts";

/** One synced batch: where it lies, and what the log held once it was there. */
interface Written {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly model: Model;
  /** All files as they were then. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A segment as it was made: its header, and fill. */
function asMade(segment: Uint8Array): Uint8Array {
  const fill = segment.subarray(48, 64);
  return segment.map((byte, offset) =>
    offset < segmentHeaderBytes ? byte : (fill[offset % fill.length] ?? 0),
  );
}

/** `older` if it is the same file as `newer`: a segment that is too short for a batch is replaced. */
function sameLength(older: Uint8Array | undefined, newer: Uint8Array): Uint8Array | undefined {
  return older?.length === newer.length ? older : undefined;
}

/** Runs `steps`, each of which writes one batch, and tells where it went. */
async function writeAll(
  steps: readonly Step[],
  segmentBytes?: number,
): Promise<{ readonly log: Harness; readonly written: readonly Written[] }> {
  const log = new Harness(new MemoryDisk(), segmentBytes);
  await log.open();
  const written: Written[] = [];
  for (const step of steps) {
    const before = written.at(-1)?.files;
    await log.run([step]);
    const files = new Map<string, Uint8Array>();
    for (const name of await log.disk.list()) files.set(name, log.disk.readFile(name));
    for (const [name, after] of files) {
      const old = sameLength(before?.get(name), after) ?? asMade(after);
      const start = after.findIndex((byte, offset) => byte !== old[offset]);
      const end = after.findLastIndex((byte, offset) => byte !== old[offset]) + 1;
      if (start >= 0) written.push({ name, start, end, model: log.durable, files });
    }
  }
  await log.close();
  expect(written.length).toBe(steps.length);
  return { log, written };
}

/**
 * Opens the log with one sector as it was before batch `first` was written. Only what nothing is left
 * to tell of may be missing then: a batch that ends the log, or with it more that lie in that sector.
 * Where it was noticed, a log that can be mended holds all that it must.
 */
async function isNoticed(
  log: Harness,
  written: readonly Written[],
  first: number,
  sector: number,
): Promise<boolean> {
  const [lost, before] = [written[first], written[first - 1]];
  if (lost === undefined || before === undefined) throw new Error("there is no such batch");
  const [start, end] = [sector * sectorBytes, (sector + 1) * sectorBytes];
  const disk = log.disk.afterKill();
  const bytes = disk.readFile(lost.name).slice();
  const old = sameLength(before.files.get(lost.name), bytes) ?? asMade(bytes);
  bytes.set(old.subarray(start, end), start);
  disk.writeFile(lost.name, bytes);
  const next = log.fork(disk);
  const later = written.slice(first + 1);
  const isTold = later.some(
    (batch) => batch.name !== lost.name || batch.start < start || batch.end > end,
  );
  if (!isTold) {
    next.durable = before.model;
    next.pending = lost.model;
  }
  try {
    await next.survive();
    return false;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    expect(error.code).toBe("corrupt");
    const mended = log.fork(disk);
    if ((await mend(mended)) === "mended") await mended.survive();
    return true;
  }
}

/** Batches of many lengths, so that their heads and trailers lie in all parts of a sector. */
const lengths = [0, 100, 300, 420, 1100];

/** The same as for all sectors of all batches of `steps` but the first. */
async function countNoticed(steps: readonly Step[], segmentBytes?: number): Promise<number> {
  const { log, written } = await writeAll(steps, segmentBytes);
  let noticed = 0;
  for (const [first, { start, end }] of written.entries()) {
    for (let sector = Math.floor(start / sectorBytes); sector * sectorBytes < end; sector++) {
      if (first > 0 && (await isNoticed(log, written, first, sector))) noticed++;
    }
  }
  return noticed;
}

test("a sector of a synced batch that goes back to what it was is noticed if more follows", async () => {
  let noticed = 0;
  for (let shift = 0; shift < sectorBytes; shift += 16) {
    for (const a of lengths) {
      for (const b of lengths) {
        const steps = [{ term: 1, vote: 3 }, { append: [shift] }, { append: [a] }, { append: [b] }];
        noticed += await countNoticed(steps);
      }
    }
  }
  expect(noticed).toBeGreaterThan(0);
});

test("a lost sector is noticed, and not forgotten by mending, wherever a batch begins in it", async () => {
  let noticed = 0;
  for (let shift = 0; shift < sectorBytes; shift += 16) {
    for (const a of [0, 300, 420, 600]) {
      const steps = [{ append: [shift], term: 1 }, { append: [600] }, { append: [a] }];
      noticed += await countNoticed([...steps, { append: [900] }], 8192);
      noticed += await countNoticed([...steps.slice(0, 2), { append: [700] }], 8192);
    }
  }
  expect(noticed).toBeGreaterThan(0);
});

test("a lost sector is noticed in a log of many short batches and several segments", async () => {
  const shorts = [0, 10, 70, 30, 0, 0, 250, 40, 5, 0, 600, 20, 20, 20, 333, 0, 90, 0];
  const steps = shorts.map((length) => ({ append: [length], term: 1 }));
  expect(await countNoticed(steps)).toBeGreaterThan(10);
  expect(await countNoticed(steps, 8192)).toBeGreaterThan(10);
});

/** A log of several segments, closed. */
async function longLog(): Promise<Harness> {
  const log = new Harness(new MemoryDisk());
  await log.open();
  await log.run([
    { append: [700], term: 1 },
    { append: [100] },
    { append: [900] },
    { append: [600] },
  ]);
  await log.run([{ append: [900] }]);
  await log.close();
  return log;
}

test.each([0, 3])("a first segment that lost its batches is refused, base %i", async (base) => {
  const log = await longLog();
  const last = log.durable.entries.length;
  await log.open();
  await log.run([{ commit: last, sync: true }, { compact: base }]);
  const [first = ""] = await segmentNames(log.disk);
  expect(first === segmentName(1)).toBe(base === 0);
  const next = log.fork(log.disk.afterKill());
  next.disk.writeFile(first, asMade(next.disk.readFile(first)));
  await expect(next.open()).rejects.toThrow(`${first}, byte 1024: the log has no first batch`);

  const rotten = log.disk.readFile(first);
  rotten[segmentHeaderBytes] = 0;
  next.disk.writeFile(first, rotten);
  await expect(next.open()).rejects.toThrow(`${first}, byte 1024: the batch header does not match`);
});

/** A log in which batch 2, the last of the first segment, was lost after all, and batch 3 was cut short. */
async function lostBeforeTorn(sectorsLeft: readonly number[]): Promise<Harness> {
  const { log, written } = await writeAll([{ append: [300], term: 1 }, { append: [300] }]);
  const [first, second] = written;
  if (first === undefined || second === undefined) throw new Error("there are two batches");
  await log.open();
  log.disk.intercept = ({ kind }) => (kind === "sync" ? "kill-before" : undefined);
  await expect(log.run([{ append: [900] }])).rejects.toThrow("the process was killed");
  const disk = log.disk.afterPowerLoss((part) => {
    return part.kind === "sector" && sectorsLeft.includes(part.sector);
  });
  const before = first.files.get(first.name);
  expect(second.name).toBe(first.name);
  disk.writeFile(first.name, before ?? new Uint8Array(0));
  return log.fork(disk);
}

test.each([
  ["the head", [2]],
  ["the trailer", [3]],
])("a batch of another segment, cut short to %s, tells of the one before it", async (_, left) => {
  const log = await lostBeforeTorn(left);
  await expect(log.open()).rejects.toMatchObject({ code: "corrupt" });
});

test("whatever is left of a batch tells that the one before it was synced", async () => {
  const steps = [{ append: [20], term: 1 }, { append: [300] }, { append: [50] }];
  const { log, written } = await writeAll(steps);
  const [, second, third] = written;
  if (second === undefined || third === undefined) throw new Error("there are three batches");
  // Lost: the second sector of one batch, with the head of the next, and the trailer of that.
  const bytes = log.disk.readFile(second.name);
  const whole = asMade(bytes);
  expect(second.start).toBeLessThan(1536 - 80);
  expect(second.end).toBeGreaterThan(1536);
  bytes.set(whole.subarray(1536, third.start + 80), 1536);
  bytes.set(whole.subarray(third.end - 16, third.end), third.end - 16);
  log.disk.writeFile(second.name, bytes);
  await expect(log.open()).rejects.toThrow("a batch is damaged, and something follows it");
});

test("a batch that lost its trailer alone tells that more was written after it", async () => {
  const disk = new MemoryDisk();
  const options = { ...walOptions, segmentBytes: 4096 };
  const { wal } = await openWal(disk, options);
  const hardState = { term: 1, vote: 1, commitIndex: 0 };
  // The trailer is the first batch's share of the second sector; the next begins there and goes on.
  await wal.append({ entries: [entryAt(1, 1, 419)], hardState });
  await wal.append({ entries: [entryAt(1, 2, 900)], hardState });
  await wal.close();
  const [name = ""] = await disk.list();
  const bytes = disk.readFile(name);
  expect(String.fromCharCode(...bytes.subarray(1536, 1540))).toBe("BEND");
  bytes.set(asMade(bytes).subarray(1536, 2048), 1536);
  disk.writeFile(name, bytes);
  await expect(openWal(disk, options)).rejects.toThrow(
    "lost its trailer, and something follows it",
  );
});

test("a segment without batches tells nothing of the last one before it", async () => {
  const log = await lostBeforeTorn([]);
  log.durable = { ...log.durable, entries: log.durable.entries.slice(0, 1) };
  log.pending = log.durable;
  await log.survive();
});

test("a segment without batches is refused if another follows it", async () => {
  const log = await longLog();
  const [empty = "", last = ""] = (await segmentNames(log.disk)).slice(-2);
  expect(asMade(log.disk.readFile(last))).toEqual(log.disk.readFile(last));
  log.disk.writeFile(empty, asMade(log.disk.readFile(empty)));
  await expect(log.open()).rejects.toThrow(
    `${empty}, byte 1024: the segment has no batch, and another segment follows it`,
  );
});

test("a later batch is found wherever it lies in a long segment", async () => {
  const window = 1024 * 1024;
  const options = { ...walOptions, segmentBytes: 2 * window };
  // The head or the trailer of the last batch lies around the place up to which is read at once.
  for (const part of ["head", "trailer"]) {
    for (let shift = -96; shift <= 32; shift += 16) {
      const disk = new MemoryDisk();
      const { wal } = await openWal(disk, options);
      const hardState = { term: 1, vote: 1, commitIndex: 0 };
      await wal.append({ entries: [], hardState });
      const lost = 1024 + 96;
      const target = lost + 16 + window + shift - (part === "head" ? 0 : 80);
      await wal.append({ entries: [entryAt(1, 1, target - lost - 112)], hardState });
      await wal.append({ entries: [], hardState: { ...hardState, term: 2 } });
      await wal.close();
      const [name = ""] = await disk.list();
      const bytes = disk.readFile(name);
      const whole = asMade(bytes);
      // Lost: the long batch, all but its inside; rotten: the other end of the last one.
      bytes.set(whole.subarray(lost, lost + 512), lost);
      bytes.set(whole.subarray(target - 16, target), target - 16);
      expect(String.fromCharCode(...bytes.subarray(target, target + 4))).toBe("BTCH");
      expect(String.fromCharCode(...bytes.subarray(target + 80, target + 84))).toBe("BEND");
      bytes[target + (part === "head" ? 80 : 0)] = 0;
      disk.writeFile(name, bytes);
      await expect(openWal(disk, options)).rejects.toThrow("batch 3 follows it");
    }
  }
});
