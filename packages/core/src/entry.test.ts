import { expect, test } from "vitest";
import { type EntryId, entryBytes, entryOverheadBytes, isUpToDate, newEntry } from "./entry.ts";

const own: EntryId = { term: 3, index: 7 };

// §5.4.1: the later last term wins; of equal last terms, the longer log.
test.each<[string, EntryId, boolean]>([
  ["the same end", { term: 3, index: 7 }, true],
  ["a longer log of the same last term", { term: 3, index: 8 }, true],
  ["a shorter log of the same last term", { term: 3, index: 6 }, false],
  ["a shorter log of a newer last term", { term: 4, index: 1 }, true],
  ["a longer log of an older last term", { term: 2, index: 99 }, false],
  ["an empty log", { term: 0, index: 0 }, false],
])("isUpToDate of %s", (_, candidate, expected) => {
  expect(isUpToDate(candidate, own)).toBe(expected);
});

test("isUpToDate lets two empty logs vote for each other", () => {
  expect(isUpToDate({ term: 0, index: 0 }, { term: 0, index: 0 })).toBe(true);
});

test("entryBytes counts the data and a fixed allowance, so that no entry is free", () => {
  const id = { term: 1, index: 1 };
  expect(entryBytes(newEntry(id, "no-op"))).toBe(entryOverheadBytes);
  expect(entryBytes(newEntry(id, "command", new Uint8Array(5)))).toBe(entryOverheadBytes + 5);
});

test("newEntry gives every entry the same shape, and a no-op no data", () => {
  const data = new Uint8Array([1]);
  const encoded = new Uint8Array([2]);
  const full = newEntry({ term: 2, index: 9 }, "command", data, encoded);
  expect(full).toEqual({ term: 2, index: 9, kind: "command", data, encoded });
  expect(full.data).toBe(data);
  const empty = newEntry({ term: 2, index: 9 }, "no-op");
  expect(empty.data).toHaveLength(0);
  expect(Object.keys(empty)).toEqual(Object.keys(full));
});
