import { type Entry, newEntry } from "@quorate/core";
import { expect, test } from "vitest";
import { findDamage, openWal } from "../src/index.ts";
import { fileSeed } from "../src/file-header.ts";
import { batchBytes, decodeBatchHeader } from "../src/batch.ts";
import { parseFileName } from "../src/file-name.ts";
import { segmentHeaderBytes } from "../src/segment.ts";
import { MemoryDisk } from "../src/testing.ts";
import { Harness, newRandom, segmentNames, type Step, walOptions } from "./harness.ts";
import { flipped, mend } from "./mending.ts";

/** Where a batch stands. */
interface Placed {
  readonly name: string;
  readonly offset: number;
}

/** Where the batches of the log on `disk` stand, by their numbers. */
async function batchesOn(disk: MemoryDisk): Promise<ReadonlyMap<number, Placed>> {
  const found = new Map<number, Placed>();
  for (const name of await segmentNames(disk)) {
    const bytes = disk.readFile(name);
    const { incarnation } = walOptions;
    const seed = fileSeed({ incarnation, sequence: parseFileName(name)?.sequence ?? 0 });
    for (let offset = segmentHeaderBytes; ;) {
      const header = decodeBatchHeader(bytes, offset, seed);
      if (header === undefined) break;
      found.set(header.number, { name, offset });
      offset += batchBytes(header.payloadBytes);
    }
  }
  return found;
}

/** Turns a bit over in the head of batch `number`. */
async function turnHead(disk: MemoryDisk, number: number): Promise<void> {
  const { name, offset } = (await batchesOn(disk)).get(number) ?? { name: "", offset: 0 };
  disk.writeFile(name, flipped(disk.readFile(name), 8 * (offset + 20)));
}

async function logOf(steps: readonly Step[]): Promise<Harness> {
  const harness = new Harness(new MemoryDisk());
  await harness.open();
  await harness.run(steps);
  return harness;
}

/** A log whose last step was under way when the power failed: of its sectors those of `left` are there. */
async function torn(steps: readonly Step[], last: Step, left: readonly number[]): Promise<Harness> {
  const log = await logOf(steps);
  await log.close();
  await log.open();
  const made = new Set<string>();
  log.disk.intercept = ({ kind, name }) => {
    if (kind === "rename") made.add(name);
    const isBatch = name.endsWith(".wal") || made.has(name);
    return kind === "sync" && isBatch ? "kill-before" : undefined;
  };
  await expect(log.run([last])).rejects.toThrow("the process was killed");
  return log.fork(
    log.disk.afterPowerLoss((part) => part.kind === "sector" && left.includes(part.sector)),
  );
}

test("a vote is not forgotten where the batch after it was cut short", async () => {
  const steps: Step[] = [{ term: 1, vote: 3 }, { append: [20] }, { term: 4, vote: 1 }];
  const log = await torn(steps, { append: [500] }, [2]);
  await turnHead(log.disk, 3);
  const before = log.disk.readFile("0000000000000001.wal");
  expect(await mend(log)).toBe("refused");
  expect(log.disk.readFile("0000000000000001.wal")).toEqual(before);
});

test("entries are not forgotten where the batch after them was cut short", async () => {
  const steps: Step[] = [{ append: [20], term: 1 }, { append: [30] }, { append: [40] }];
  const log = await torn(steps, { append: [500], term: 2, after: 1 }, [2]);
  await turnHead(log.disk, 3);
  expect(await mend(log)).toBe("refused");
});

test("whatever bit went bad, a log that ends with a torn batch keeps all that was durable", async () => {
  const steps: Step[] = [
    { term: 1, vote: 3 },
    { append: [30, 60] },
    { append: [100] },
    { term: 2, vote: 2 },
    { append: [20, 0], term: 2, after: 2 },
    { term: 3, vote: 1 },
  ];
  const counts = { held: 0, mended: 0, refused: 0 };
  for (const last of [
    { append: [700] },
    { append: [500], term: 4 },
    { append: [900], after: 3, term: 5 },
    { append: [2500] },
    { append: [300, 10], after: 2, term: 7 },
  ] satisfies Step[]) {
    for (const left of [[], [2], [3], [4], [2, 4], [2, 3, 5], [3, 4], [5]]) {
      const log = await torn(steps, last, left);
      const random = newRandom(left.length);
      for (const name of await segmentNames(log.disk)) {
        const bytes = log.disk.readFile(name);
        for (let bit = 0; bit < 8 * bytes.length; bit += 1 + Math.floor(random() * 900)) {
          const next = log.fork(log.disk.afterKill());
          next.disk.writeFile(name, flipped(bytes, bit));
          const outcome = await mend(next);
          counts[outcome]++;
          if (outcome !== "refused") await next.survive();
        }
      }
    }
  }
  expect(counts.mended).toBeGreaterThan(300);
}, 120_000);

test("a log is mended whose batches know less of what is committed than its beginning tells", async () => {
  const log = await logOf([
    { append: [700], term: 1 },
    { append: [900] },
    { append: [10] },
    { append: [20] },
    { append: [30] },
    { commit: 2, sync: false },
    { compact: 1 },
  ]);
  await log.close();
  const [first] = await segmentNames(log.disk);
  expect(first).toBe("0000000000000002.wal");
  const next = log.fork(log.disk.afterKill());
  await turnHead(next.disk, 3);
  expect(await mend(next)).toBe("mended");
  await next.survive();
});

test("what is left of a batch that another one took the place of is not completed", async () => {
  // The cut of a torn batch was lost: it is there again, beside the one that was written in its place.
  const log = await torn([{ append: [20], term: 1 }], { append: [700] }, [2]);
  const came = log.disk.readFile("0000000000000001.wal");
  await log.open();
  await log.run([{ append: [700], term: 1 }, { append: [30] }, { append: [40] }]);
  await log.close();
  log.disk.writeFile("0000000000000001.wal", came);
  await log.fork(log.disk.afterKill()).open();
  await turnHead(log.disk, 3);
  expect(await mend(log)).toBe("mended");
  await log.survive();
});

test("a batch after a gap that was cut off in its trailer is not moved for ever", async () => {
  const log = await logOf([{ append: [20], term: 1 }, { append: [30] }, { append: [40] }]);
  await log.close();
  await turnHead(log.disk, 2);
  const name = "0000000000000001.wal";
  const { offset = 0 } = (await batchesOn(log.disk)).get(1) ?? {};
  const end = Buffer.from(log.disk.readFile(name)).lastIndexOf("BEND");
  expect(end).toBeGreaterThan(offset);
  const cut = log.disk.readFile(name).subarray(0, end + 8);
  log.disk.writeFile(name, cut);
  expect(await mend(log)).toBe("refused");
  expect(log.disk.readFile(name)).toEqual(cut);
});

test("a segment that was cut off in its header is not taken for one without batches", async () => {
  const log = await logOf([{ append: [700], term: 1 }, { append: [900] }]);
  await log.close();
  const name = "0000000000000002.wal";
  const cut = log.disk.readFile(name).subarray(0, 600);
  log.disk.writeFile(name, cut);
  expect(await mend(log)).toBe("refused");
  expect(log.disk.readFile(name)).toEqual(cut);
});

test("a trailer that was cut off is not mended where it does not stand", async () => {
  const log = await torn([{ append: [700], term: 1 }], { append: [900] }, [2]);
  const name = "0000000000000001.wal";
  const end = Buffer.from(log.disk.readFile(name)).lastIndexOf("BEND");
  const cut = log.disk.readFile(name).subarray(0, end + 8);
  log.disk.writeFile(name, cut);
  expect(await mend(log)).toBe("refused");
  expect(log.disk.readFile(name)).toEqual(cut);
});

test("entries that are too many for a batch are not taken", async () => {
  const log = await logOf([
    { append: [20], term: 1 },
    { append: [30, 40, 50, 60, 70] },
    { append: [10] },
  ]);
  await log.close();
  await turnHead(log.disk, 2);
  const { ways = [] } = (await findDamage(log.disk, walOptions.identity)) ?? {};
  const data = new Uint8Array(2 ** 28);
  const entries: Entry[] = [1, 2, 3, 4, 5, 6].map((index) =>
    newEntry({ term: 1, index }, "command", data),
  );
  expect(ways).toHaveLength(1);
  expect(await ways[0]?.mend(entries)).toBe(false);
});

test("a disk that is too full for mending is left as it was", async () => {
  const log = await logOf([{ append: [20], term: 1 }, { append: [30] }, { append: [40] }]);
  await log.close();
  await turnHead(log.disk, 2);
  const names = await log.disk.list();
  log.disk.capacityBytes = log.disk.bytes + 1500;
  await expect(mend(log)).rejects.toMatchObject({ code: "disk_full" });
  expect(await log.disk.list()).toEqual(names);
  log.disk.capacityBytes += 1500;
  expect(await mend(log)).toBe("mended");
  await log.survive();
});

/** A disk that counts how often it is read. */
class CountedDisk extends MemoryDisk {
  readCount = 0;

  override async open(name: string): ReturnType<MemoryDisk["open"]> {
    const file = await super.open(name);
    return {
      ...file,
      read: async (offset, length) => {
        this.readCount++;
        return await file.read(offset, length);
      },
    };
  }
}

test("the ways to mend a log of many batches are found by reading it a few times", async () => {
  const disk = new CountedDisk();
  const options = { ...walOptions, segmentBytes: 2 ** 20 };
  const { wal, snapshots } = await openWal(disk, options);
  for (let index = 1; index <= 3000; index++) {
    const entry = newEntry({ term: 1, index }, "command", new Uint8Array(3));
    const hardState = index === 1 ? { term: 1, vote: 1, commitIndex: 0 } : undefined;
    await wal.append({ entries: [entry], hardState });
  }
  await wal.close();
  await snapshots.close();
  await turnHead(disk, 5);
  disk.readCount = 0;
  const found = await findDamage(disk, walOptions.identity);
  expect(found?.ways.map(({ missing }) => missing)).toEqual([{ first: 1, last: 5, lastTerm: 1 }]);
  expect(disk.readCount).toBeLessThan(40);
});
