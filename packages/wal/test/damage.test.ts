import { RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { expect, test } from "vitest";
import { openWal } from "../src/index.ts";
import { segmentName } from "../src/segment.ts";
import { MemoryDisk } from "../src/testing.ts";
import {
  coin,
  Harness,
  keepsAll,
  losesAll,
  newRandom,
  segmentNames,
  type Step,
  walOptions,
  workload,
} from "./harness.ts";

/** Several segments, the first of them compacted away, the last with room; every kind of batch. */
const history: readonly Step[] = [
  { term: 1, vote: 3 },
  { append: [500, 300] },
  { append: [0, 200, 33] },
  { append: [700], term: 2, after: 4 },
  { commit: 5, sync: true },
  { compact: 4 },
  { append: [30, 0] },
  { append: [600, 90] },
];

/** Ends of a log that differ in how their last batch lies in its sectors. */
const endings: readonly (readonly Step[])[] = [
  [],
  [{ term: 4, vote: 1 }],
  [{ append: [0] }],
  [{ append: [1, 2, 3, 4] }],
  [{ append: [300] }],
  [{ append: [700] }],
];

async function logOf(steps: readonly Step[]): Promise<Harness> {
  const harness = new Harness(new MemoryDisk());
  await harness.open();
  await harness.run(steps);
  await harness.close();
  return harness;
}

/** Opens the log with one file changed. It must hold everything and go on, or be refused. */
async function holdsOrRefuses(
  harness: Harness,
  name: string,
  bytes: Uint8Array,
): Promise<"held" | "refused"> {
  const next = harness.fork(harness.disk.afterKill());
  next.disk.writeFile(name, bytes);
  try {
    await next.survive();
    return "held";
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    expect(error.code).toBe("corrupt");
    expect(error.message).toMatch(
      /[0-9a-f]{16}\.(wal|snap), byte \d+: .*; restore this file exactly.* a new id/,
    );
    return "refused";
  }
}

for (const [ending, steps] of endings.entries()) {
  test(`no flipped bit loses what was synced, ending ${ending}`, async () => {
    const harness = await logOf([...history, ...steps]);
    const { disk } = harness;
    const last = lastWithBatch(disk, await segmentNames(disk));
    const counts = { held: 0, refused: 0 };
    for (const name of await disk.list()) {
      // All files once; then, for the other endings, the one that differs.
      if (ending > 0 && name !== last) continue;
      const bytes = disk.readFile(name);
      // Every byte, and where the batches of the last segment are short, every bit.
      const isDense = (bit: number): boolean => name === last && bit > 8 * 1016 && bit < 8 * 1320;
      for (let bit = 0; bit < 8 * bytes.length; bit += isDense(bit) ? 1 : 9) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        counts[await holdsOrRefuses(harness, name, flipped)]++;
      }
    }
    expect(counts.held).toBeGreaterThan(0);
    expect(counts.refused).toBeGreaterThan(0);
  }, 120_000);
}

test("no sector that is lost after its sync goes unnoticed", async () => {
  for (const steps of endings) {
    const harness = await logOf([...history, ...steps]);
    for (const name of await harness.disk.list()) {
      const bytes = harness.disk.readFile(name);
      for (let offset = 0; offset < bytes.length; offset += 512) {
        for (const byte of [0, 0xff, 0x51]) {
          const damaged = bytes.slice().fill(byte, offset, offset + 512);
          await holdsOrRefuses(harness, name, damaged);
        }
      }
    }
  }
});

test("a file that is gone is missed, unless it is the first or the last", async () => {
  const harness = await logOf(history);
  const names = await segmentNames(harness.disk);
  const next = harness.fork(harness.disk.afterKill());
  const [, second = ""] = names;
  await next.disk.remove(second);
  await expect(next.open()).rejects.toThrow(`corrupt: ${second}, byte 0: the segment is missing`);
});

test("a segment under another's name is refused", async () => {
  const harness = await logOf(history);
  const names = await segmentNames(harness.disk);
  const next = harness.fork(harness.disk.afterKill());
  await next.disk.rename(names[0] ?? "", names[1] ?? "");
  await expect(next.open()).rejects.toThrow("under the name of another");
});

test("a segment of another log of the same node is refused", async () => {
  const harness = await logOf(history);
  const other = new MemoryDisk();
  const opened = await openWal(other, { ...walOptions, incarnation: new Uint8Array(16).fill(1) });
  await opened.wal.close();
  const next = harness.fork(harness.disk.afterKill());
  const sequence = (await segmentNames(next.disk)).length + 2;
  next.disk.writeFile(segmentName(sequence), other.readFile(segmentName(1)));
  await expect(next.open()).rejects.toMatchObject({ code: "wrong_identity" });
});

test("a log that is refused is left as it is, with what was half-made", async () => {
  const harness = await logOf(history);
  const names = await segmentNames(harness.disk);
  const half = `${segmentName(names.length + 5)}.tmp`;
  harness.disk.writeFile(half, new Uint8Array(10));
  harness.disk.writeFile("0000000000000009.snap.tmp", new Uint8Array(10));
  const all = (await harness.disk.list()).toSorted();
  const [name = ""] = names;
  const bytes = harness.disk.readFile(name);
  bytes[1024] = 0;
  harness.disk.writeFile(name, bytes);
  const before = harness.disk.operationCount;
  await expect(harness.open()).rejects.toMatchObject({ code: "corrupt" });
  const stranger = { ...walOptions, identity: { clusterId: "test", nodeId: 4 } };
  await expect(openWal(harness.disk, stranger)).rejects.toMatchObject({ code: "wrong_identity" });
  expect(harness.disk.operationCount).toBe(before);
  expect((await harness.disk.list()).toSorted()).toEqual(all);
});

test("a log whose only segment holds no batch, and is not the first, is refused", async () => {
  const harness = await logOf(history);
  const names = await segmentNames(harness.disk);
  const next = harness.fork(harness.disk.afterKill());
  for (const name of names.slice(0, -1)) await next.disk.remove(name);
  await expect(next.open()).rejects.toThrow("the log has no first batch");
});

test("a format of another version is told from damage", async () => {
  const harness = await logOf([]);
  const [name = ""] = await harness.disk.list();
  const bytes = harness.disk.readFile(name);
  bytes[8] = 1;
  await expect(holdsOrRefuses(harness, name, bytes)).resolves.toBe("refused");
  const crc = crc32c(bytes.subarray(16, 1024), crc32c(bytes.subarray(0, 12)));
  new DataView(bytes.buffer).setUint32(12, crc, true);
  harness.disk.writeFile(name, bytes);
  await expect(harness.open()).rejects.toMatchObject({ code: "unsupported_version" });
});

for (const [ending, steps] of endings.slice(1).entries()) {
  for (const rest of ["fill", "nothing"]) {
    test(`a last batch cut at any byte, followed by ${rest}, is cut off, ending ${ending + 1}`, async () => {
      const harness = await logOf(history);
      const name = lastWithBatch(harness.disk, await segmentNames(harness.disk));
      const before = harness.disk.readFile(name);
      const whole = harness.fork(harness.disk.afterKill());
      await whole.open();
      await whole.run(steps);
      const [changed, after] = await changedFile(harness.disk, whole.disk);
      const old = changed === name ? before : new Uint8Array(0);
      const start = after.findIndex((byte, offset) => offset >= 1024 && byte !== old[offset]);
      expect(start).toBeGreaterThanOrEqual(1024);
      for (let cut = start; cut <= after.length; cut++) {
        const cutShort = rest === "fill" ? filledFrom(after, cut) : after.slice(0, cut);
        // From the disk as it was before: what was made since was made after the sync.
        const next = harness.fork(harness.disk.afterKill());
        next.pending = whole.durable;
        next.disk.writeFile(changed, cutShort);
        await next.survive();
      }
    }, 120_000);
  }
}

/** The file that differs between two states of a disk, ignoring segments without a batch. */
async function changedFile(a: MemoryDisk, b: MemoryDisk): Promise<[string, Uint8Array]> {
  const names = await segmentNames(a);
  for (const name of await segmentNames(b)) {
    const bytes = b.readFile(name);
    const isNew = !names.includes(name);
    if (isNew && hasBatch(bytes)) return [name, bytes];
    if (!isNew && !Buffer.from(bytes).equals(a.readFile(name))) return [name, bytes];
  }
  throw new Error("no file differs");
}

/** The segment that ends the log. */
function lastWithBatch(disk: MemoryDisk, names: readonly string[]): string {
  return names.toSorted().findLast((name) => hasBatch(disk.readFile(name))) ?? "";
}

function hasBatch(bytes: Uint8Array): boolean {
  return !Buffer.from(bytes.subarray(1024, 1040)).equals(bytes.subarray(48, 64));
}

/** `bytes` with nothing but the segment's fill from `cut` on. */
function filledFrom(bytes: Uint8Array, cut: number): Uint8Array {
  const fill = bytes.subarray(48, 64);
  return bytes.map((byte, offset) => (offset < cut ? byte : (fill[offset % 16] ?? 0)));
}

test("a log cut at any byte of its last file holds every batch before the cut", async () => {
  const harness = await logOf([...history, { append: [100] }, { append: [20, 20] }]);
  const name = lastWithBatch(harness.disk, await segmentNames(harness.disk));
  const bytes = harness.disk.readFile(name);
  let lastIndex = 0;
  let refused = 0;
  for (let cut = 0; cut <= bytes.length; cut++) {
    for (const rest of [bytes.slice(0, cut), filledFrom(bytes, cut)]) {
      const disk = harness.disk.afterKill();
      disk.writeFile(name, rest);
      try {
        const { wal } = await openWal(disk, walOptions);
        expect(wal.lastIndex).toBeGreaterThanOrEqual(lastIndex);
        lastIndex = wal.lastIndex;
      } catch (error) {
        expect(error).toMatchObject({ code: "corrupt" });
        // Only a header cannot be cut: it was durable before the file had its name.
        expect(cut).toBeLessThan(1024);
        refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(1024);
  expect(lastIndex).toBe(harness.durable.entries.length);
});

test("two damaged places are as bad as one", async () => {
  const harness = await logOf([...history, { append: [300] }]);
  const name = lastWithBatch(harness.disk, await segmentNames(harness.disk));
  const bytes = harness.disk.readFile(name);
  for (let first = 1024; first < bytes.length; first += 61) {
    for (let second = first + 1; second < bytes.length; second += 67) {
      const damaged = bytes.slice();
      damaged[first] = (damaged[first] ?? 0) ^ 0x10;
      damaged[second] = (damaged[second] ?? 0) ^ 0x04;
      await holdsOrRefuses(harness, name, damaged);
    }
  }
});

test("no rot of a few bytes loses what was synced before a crash", async () => {
  const random = newRandom(1);
  const counts = { held: 0, refused: 0 };
  for (let crash = 1; crash <= 120; crash++) {
    const disk = new MemoryDisk();
    disk.intercept = ({ number }) => (number === crash ? "kill-after" : undefined);
    const harness = new Harness(disk);
    await harness
      .open()
      .then(async () => await harness.run(workload))
      .catch(() => undefined);
    const left = harness.fork(disk.afterPowerLoss(coin(crash)));
    for (const name of await left.disk.list()) {
      if (name.endsWith(".tmp")) continue;
      const bytes = left.disk.readFile(name);
      const start = Math.floor(random() * bytes.length);
      const end = start + 1 + Math.floor(random() * 12);
      const key = 1 + Math.floor(random() * 255);
      const rotten = bytes.map((byte, at) => (at >= start && at < end ? byte ^ key : byte));
      counts[await holdsOrRefuses(left, name, rotten)]++;
    }
  }
  expect(counts.held).toBeGreaterThan(50);
  expect(counts.refused).toBeGreaterThan(50);
});

test("a batch whose trailer alone was lost is kept, and its trailer restored", async () => {
  const harness = await logOf(history);
  const whole = harness.fork(harness.disk.afterKill());
  await whole.open();
  await whole.run([{ append: [300] }]);
  const [name, bytes] = await changedFile(harness.disk, whole.disk);
  const end = bytes.findLastIndex((byte, offset) => byte !== bytes[48 + (offset % 16)]) + 1;
  const next = whole.fork(whole.disk.afterKill());
  next.disk.writeFile(name, filledFrom(bytes, end - 16));
  await next.open();
  expect(next.disk.afterPowerLoss(losesAll).readFile(name)).toEqual(
    whole.disk.afterPowerLoss(keepsAll).readFile(name),
  );
});
