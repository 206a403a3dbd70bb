import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { batchesOf, endOf, extendLog, logBytesOf } from "./prepared-log.ts";

test("batchesOf makes every entry once, in order", () => {
  const batches = [...batchesOf({ term: 3, count: 25_000, bytes: 16 }, 8)];
  expect(batches.map((batch) => batch.length)).toEqual([10_000, 10_000, 5000]);
  const entries = batches.flat();
  expect(entries.map(({ index }) => index)).toEqual(entries.map((_, offset) => 8 + offset));
  expect(entries.every(({ term, data }) => term === 3 && data.length === 16)).toBe(true);
});

test("batchesOf keeps batches of large commands short", () => {
  const batches = [...batchesOf({ term: 1, count: 300, bytes: 4096 }, 1)];
  expect(batches.map((batch) => batch.length)).toEqual([255, 45]);
});

test("logBytesOf counts what the entries take in a log", () => {
  // Length 4, then type, term, index and data, each with a tag, and the length of the data.
  expect(logBytesOf({ term: 1, count: 2, bytes: 16 }, 1)).toBe(2 * (4 + 2 + 2 + 2 + 2 + 16));
});

test("extendLog writes a log that ends with its last entry, and begins anew where it ended", async () => {
  const directory = mkdtempSync(join(tmpdir(), "quorate-bench-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const log = { id: 1, directory };
  await extendLog(log, [{ term: 1, count: 10, bytes: 16 }], true);
  const tail = [
    { term: 2, count: 5, bytes: 16 },
    { term: 4, count: 5, bytes: 16 },
  ];
  await extendLog(log, tail, false);
  expect(await endOf(log)).toEqual({ term: 4, lastIndex: 20 });
});
