import { expect, test } from "vitest";
import { AssertionError } from "./assert.ts";
import { type Entry, type EntryId, newEntry, origin } from "./entry.ts";
import { Log } from "./log.ts";

/** Entries as `1/1 1/2 2/3`; what they carry does not matter. */
function entries(text: string): Entry[] {
  return text.split(" ").filter(Boolean).map(entry);
}

function entry(text: string): Entry {
  return newEntry(id(text), "command", new Uint8Array(4));
}

function id(text: string): EntryId {
  const [term, index] = text.split("/");
  return { term: Number(term), index: Number(index) };
}

function show(shown: readonly EntryId[]): string {
  return shown.map(({ term, index }) => `${term}/${index}`).join(" ");
}

function contents(log: Log): string {
  return show(log.slice(log.firstIndex, log.lastIndex));
}

test("an empty Log ends at its base", () => {
  const log = new Log(origin, []);
  expect(log.firstIndex).toBe(1);
  expect(log.lastIndex).toBe(0);
  expect(log.last).toEqual(origin);
  expect(log.termAt(0)).toBe(0);
  expect(log.termAt(1)).toBeUndefined();
  expect(log.holds(origin)).toBe(true);
  expect(log.unhanded()).toEqual([]);
});

test("a Log starts with all of its entries durable", () => {
  const log = new Log(origin, entries("1/1 1/2"));
  expect(log.handedIndex).toBe(2);
  expect(log.persistedIndex).toBe(2);
});

test("a Log after a base knows the base's term and nothing before it", () => {
  const log = new Log({ term: 2, index: 5 }, entries("2/6 3/7"));
  expect(log.firstIndex).toBe(6);
  expect(log.lastIndex).toBe(7);
  expect(log.persistedIndex).toBe(7);
  expect([4, 5, 6, 7, 8].map((index) => log.termAt(index))).toEqual([
    undefined,
    2,
    2,
    3,
    undefined,
  ]);
  expect(log.holds({ term: 2, index: 5 })).toBe(true);
  expect(log.holds({ term: 1, index: 5 })).toBe(false);
  expect(show([log.entryAt(6)])).toBe("2/6");
  expect(log.lastAtMost(7, 2)).toEqual(expect.objectContaining({ term: 2, index: 6 }));
  expect(log.lastAtMost(7, 1)).toEqual({ term: 2, index: 5 });
  expect(log.lastAtMost(3, 9)).toEqual({ term: 2, index: 5 });
});

test("a Log does not change the entries that it was made of", () => {
  const given = entries("1/1 1/2");
  const log = new Log(origin, given);
  log.merge(entries("2/2"));
  expect(show(given)).toBe("1/1 1/2");
});

test.each(["1/4", "1/2", "1/3"])("append refuses %s after 2/2", (text) => {
  const log = new Log(origin, entries("1/1 2/2"));
  expect(() => log.append(entry(text))).toThrow(AssertionError);
  expect(contents(log)).toBe("1/1 2/2");
});

// §5.3: only a conflict removes anything.
test.each([
  ["nothing", "1/1 1/2 2/3", "", "1/1 1/2 2/3"],
  ["what it has", "1/1 1/2 2/3", "1/1 1/2", "1/1 1/2 2/3"],
  ["all that it has", "1/1 1/2 2/3", "1/1 1/2 2/3", "1/1 1/2 2/3"],
  ["what it has and more", "1/1 1/2 2/3", "2/3 2/4", "1/1 1/2 2/3 2/4"],
  ["what follows", "1/1 1/2 2/3", "3/4 3/5", "1/1 1/2 2/3 3/4 3/5"],
  ["a conflict at the end", "1/1 1/2 2/3", "3/3", "1/1 1/2 3/3"],
  ["a conflict in the middle", "1/1 1/2 2/3", "1/1 3/2", "1/1 3/2"],
  ["a conflict at the start", "1/1 1/2 2/3", "2/1 2/2", "2/1 2/2"],
  ["a conflict with an older term", "1/1 3/2 3/3", "2/2", "1/1 2/2"],
])("merge of %s", (_, own, given, expected) => {
  const log = new Log(origin, entries(own));
  log.merge(entries(given));
  expect(contents(log)).toBe(expected);
});

test("merge keeps the very objects that it has", () => {
  const own = entries("1/1 1/2");
  const log = new Log(origin, own);
  log.merge(entries("1/1 1/2 1/3"));
  expect(log.entryAt(2)).toBe(own[1]);
});

test("merge refuses entries that leave a hole", () => {
  const log = new Log(origin, entries("1/1"));
  expect(() => log.merge(entries("1/3"))).toThrow(AssertionError);
});

// Each entry of 4 bytes counts 20.
test.each([
  [1, 4, 1000, "1/1 1/2 2/3 2/4"],
  [1, 4, 80, "1/1 1/2 2/3 2/4"],
  [1, 4, 79, "1/1 1/2 2/3"],
  [1, 4, 40, "1/1 1/2"],
  [2, 4, 20, "1/2"],
  [2, 4, 0, "1/2"],
  [3, 3, 1, "2/3"],
  [3, 2, 1000, ""],
  [5, 4, 1000, ""],
])("slice from %d to %d of at most %d bytes is '%s'", (from, to, bytesMax, expected) => {
  const log = new Log(origin, entries("1/1 1/2 2/3 2/4"));
  expect(show(log.slice(from, to, bytesMax))).toBe(expected);
});

test.each([
  [0, 2],
  [1, 5],
])("slice from %d to %d of four entries is outside the log", (from, to) => {
  const log = new Log(origin, entries("1/1 1/2 2/3 2/4"));
  expect(() => log.slice(from, to)).toThrow(AssertionError);
});

test("bytesBetween counts what lies after the first index, up to the second", () => {
  const log = new Log(origin, entries("1/1 1/2 2/3 2/4"));
  expect(log.bytesBetween(0, 4)).toBe(80);
  expect(log.bytesBetween(1, 2)).toBe(20);
  expect(log.bytesBetween(4, 4)).toBe(0);
});

// §5.3, with the followers of Figure 7 in mind.
test.each([
  [9, 9, "6/9"],
  [5, 9, "4/5"],
  [9, 5, "5/7"],
  [9, 4, "4/5"],
  [9, 3, "1/3"],
  [9, 0, "0/0"],
  [0, 9, "0/0"],
  [20, 4, "4/5"],
])("lastAtMost of index %d and term %d is %s", (index, term, expected) => {
  const log = new Log(origin, entries("1/1 1/2 1/3 4/4 4/5 5/6 5/7 6/8 6/9"));
  expect(show([log.lastAtMost(index, term)])).toBe(expected);
});

test("an appended entry is handed out once, and durable once reported", () => {
  const log = new Log(origin, []);
  log.append(entry("1/1"));
  log.append(entry("1/2"));
  const first = log.unhanded();
  expect(show(first)).toBe("1/1 1/2");
  log.append(entry("1/3"));
  log.handedOver(1, first);
  expect(show(log.unhanded())).toBe("1/3");
  expect(log.persistedIndex).toBe(0);
  log.persisted(1);
  expect(log.persistedIndex).toBe(2);
});

test("unhanded hands out a copy, which later changes do not touch", () => {
  const log = new Log(origin, []);
  log.append(entry("1/1"));
  const handed = log.unhanded();
  log.append(entry("1/2"));
  log.merge(entries("2/1"));
  expect(show(handed)).toBe("1/1");
});

test("persisted covers all writes up to its number", () => {
  const log = new Log(origin, []);
  for (const [number, text] of [[1, "1/1"] as const, [2, "1/2"] as const, [5, "1/3"] as const]) {
    log.append(entry(text));
    log.handedOver(number, log.unhanded());
  }
  log.persisted(3);
  expect(log.persistedIndex).toBe(2);
  log.persisted(5);
  expect(log.persistedIndex).toBe(3);
});

test("removing entries takes back that they are handed out and durable", () => {
  const log = new Log(origin, entries("1/1 1/2 1/3"));
  log.merge(entries("2/2"));
  expect(log.persistedIndex).toBe(1);
  expect(log.handedIndex).toBe(1);
  expect(show(log.unhanded())).toBe("2/2");
});

test("a write of what was overwritten since does not count (the ABA race)", () => {
  const log = new Log(origin, entries("1/1"));
  const again = entry("1/2");
  log.append(again);
  log.handedOver(1, log.unhanded());
  log.merge(entries("2/2"));
  log.handedOver(2, log.unhanded());
  // The very entry of the first write is back, behind a third write that has not begun.
  log.merge([again]);
  log.persisted(1);
  expect(log.persistedIndex).toBe(1);
  log.persisted(2);
  expect(log.persistedIndex).toBe(1);
  log.handedOver(3, log.unhanded());
  log.persisted(3);
  expect(log.persistedIndex).toBe(2);
});

test("handedOver counts only entries that are still in the log", () => {
  const log = new Log(origin, []);
  log.append(entry("1/1"));
  log.append(entry("1/2"));
  const handed = log.unhanded();
  log.merge(entries("2/2 2/3"));
  log.handedOver(1, handed);
  expect(log.handedIndex).toBe(1);
  expect(show(log.unhanded())).toBe("2/2 2/3");
  log.persisted(1);
  expect(log.persistedIndex).toBe(1);
});

test("handedOver of nothing leaves what is to be written", () => {
  const log = new Log(origin, []);
  log.append(entry("1/1"));
  log.handedOver(1, []);
  expect(show(log.unhanded())).toBe("1/1");
  log.persisted(1);
  expect(log.persistedIndex).toBe(0);
});

test("compact forgets a beginning, and knows the term of its last entry", () => {
  const log = new Log(origin, entries("1/1 1/2 2/3 2/4"));
  log.compact(3);
  expect(contents(log)).toBe("2/4");
  expect(log.base).toEqual({ term: 2, index: 3 });
  expect([2, 3, 4].map((index) => log.termAt(index))).toEqual([undefined, 2, 2]);
  log.compact(2);
  expect(log.base.index).toBe(3);
  log.compact(4);
  expect(contents(log)).toBe("");
  expect([log.firstIndex, log.lastIndex, log.last.index]).toEqual([5, 4, 4]);
  log.append(entry("2/5"));
  expect(show(log.unhanded())).toBe("2/5");
});

test("compact takes only what is durable", () => {
  const log = new Log(origin, entries("1/1"));
  log.append(entry("1/2"));
  expect(() => log.compact(2)).toThrow(AssertionError);
  log.handedOver(1, log.unhanded());
  expect(() => log.compact(2)).toThrow(AssertionError);
  log.persisted(1);
  log.compact(2);
  expect(log.firstIndex).toBe(3);
});

test("compact leaves what is being written to be reported as it would be", () => {
  const log = new Log(origin, entries("1/1 1/2"));
  log.append(entry("1/3"));
  log.handedOver(1, log.unhanded());
  log.append(entry("1/4"));
  log.handedOver(2, log.unhanded());
  log.compact(2);
  log.persisted(1);
  expect(log.persistedIndex).toBe(3);
  log.compact(3);
  log.persisted(2);
  expect([log.base.index, log.persistedIndex, log.handedIndex]).toEqual([3, 4, 4]);
});

test("restore begins anew, and no write from before counts", () => {
  const log = new Log(origin, entries("1/1 1/2"));
  log.append(entry("1/3"));
  const offered = log.unhanded();
  log.handedOver(1, offered);
  log.restore({ term: 2, index: 9 });
  expect(contents(log)).toBe("");
  expect([log.handedIndex, log.persistedIndex, log.lastIndex]).toEqual([9, 9, 9]);
  log.append(entry("2/10"));
  log.persisted(1);
  expect(log.persistedIndex).toBe(9);
  // What was offered before may still be handed over after: the disk writes it, and it counts for nothing.
  log.handedOver(2, offered);
  expect(log.handedIndex).toBe(9);
  log.handedOver(3, log.unhanded());
  log.persisted(2);
  expect(log.persistedIndex).toBe(9);
  log.persisted(3);
  expect(log.persistedIndex).toBe(10);
});

test("restore to before the end of the log is as good: the log is of another leader", () => {
  const log = new Log(origin, entries("1/1 1/2 1/3"));
  log.append(entry("1/4"));
  log.handedOver(1, log.unhanded());
  log.restore({ term: 2, index: 2 });
  log.persisted(1);
  expect([log.lastIndex, log.persistedIndex, log.handedIndex]).toEqual([2, 2, 2]);
  expect(log.holds({ term: 2, index: 2 })).toBe(true);
});

test("hasKind looks after the first index, up to the second, as far as the log has them", () => {
  const change = newEntry({ term: 1, index: 3 }, "conf-change");
  const log = new Log(origin, [...entries("1/1 1/2"), change, entry("1/4")]);
  const found = [
    [0, 2],
    [0, 3],
    [2, 3],
    [3, 4],
  ].map(([after = 0, to = 0]) => log.hasKind("conf-change", after, to));
  expect(found).toEqual([false, true, true, false]);
  log.compact(3);
  expect(log.hasKind("conf-change", 0, 4)).toBe(false);
});

test("bytesBetween counts only what is not compacted", () => {
  const log = new Log(origin, entries("1/1 1/2 1/3"));
  log.compact(2);
  expect(log.bytesBetween(0, 3)).toBe(20);
  expect(log.bytesBetween(0, 1)).toBe(0);
});

test("lastAtMost of a compacted log is its base at the earliest", () => {
  const log = new Log(origin, entries("1/1 1/2 2/3 3/4"));
  log.compact(2);
  expect(log.lastAtMost(4, 2).index).toBe(3);
  expect(log.lastAtMost(4, 1)).toEqual({ term: 1, index: 2 });
  expect(log.lastAtMost(2, 9)).toEqual({ term: 1, index: 2 });
});
