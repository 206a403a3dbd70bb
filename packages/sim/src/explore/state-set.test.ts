import { expect, test } from "vitest";
import { SeededRandom } from "@quorate/core";
import { Catalogue, renamings } from "./catalogue.ts";
import { Frontier } from "./frontier.ts";
import { nowhere, StateSet } from "./state-set.ts";
import { hashText } from "./text-hash.ts";

test("a StateSet holds what was added, through every growth, and knows the way", () => {
  const random = new SeededRandom(1);
  const set = new StateSet(1_000_000);
  const hashes = Array.from({ length: 30_000 }, () => {
    // Few low halves, so that slots collide.
    return { low: random.below(64) - 32, high: random.uint32() | 0 };
  });
  for (const [offset, { low, high }] of hashes.entries()) {
    expect(set.add(low, high, offset - 1)).toBe(offset);
  }
  for (const { low, high } of hashes) expect(set.add(low, high, 0)).toBe(nowhere);
  expect(set.count).toBe(hashes.length);
  expect(set.pathTo(500)).toEqual(hashes.slice(1, 501));
  expect(set.pathTo(0)).toEqual([]);
});

test("a StateSet is full at its limit, and takes no more", () => {
  const set = new StateSet(1500);
  for (let state = 0; state < 1500; state++) set.add(state, 0, 0);
  expect(set.isFull).toBe(true);
  expect(set.add(3, 0, 0)).toBe(nowhere);
  expect(() => set.add(-1, 0, 0)).toThrow("full set");
});

test("a Frontier gives back what was pushed, first in, first out", () => {
  const random = new SeededRandom(2);
  const frontier = new Frontier();
  const waiting: Int32Array[] = [];
  const state = new Int32Array(3000);
  for (let turn = 0; turn < 3000; turn++) {
    if (waiting.length === 0 || random.below(5) < 3) {
      const row = Int32Array.from({ length: 1 + random.below(1000) }, () => random.below(9));
      waiting.push(row);
      state.set(row);
      frontier.push(state, row.length);
    } else {
      const length = frontier.shift(state);
      expect(state.slice(0, length)).toEqual(waiting.shift());
    }
    expect(frontier.count).toBe(waiting.length);
  }
  expect(() => frontier.push(state, 1 << 20)).toThrow("fits");
  while (frontier.count > 0) frontier.shift(state);
  expect(() => frontier.shift(state)).toThrow("a state waits");
});

test("renamings are all permutations, the own names first", () => {
  expect(renamings(1)).toEqual([[1]]);
  const three = renamings(3);
  expect(three[0]).toEqual([1, 2, 3]);
  expect(new Set(three.map(String)).size).toBe(6);
});

test("a Catalogue keeps equal items once, with the hash of each renaming", () => {
  const names = renamings(3);
  const catalogue = new Catalogue<readonly number[]>(names, (item, nameOf) => {
    return item.map(nameOf).join(" ");
  });
  const items = [1, 2, 3].flatMap((a) => [1, 2, 3].map((b) => [a, b]));
  const many = Array.from({ length: 40 }, () => items).flat();
  const ids = many.map((item) => catalogue.idOf(item));
  expect(catalogue.count).toBe(9);
  expect(ids.slice(0, 9)).toEqual(ids.slice(9, 18));
  expect(catalogue.at(ids[4] ?? 0)).toEqual([2, 2]);
  const { hashes } = catalogue;
  for (const [offset, own] of names.entries()) {
    for (const [id, item] of items.entries()) {
      const start = 2 * (id * names.length + offset);
      const { low, high } = hashText(item.map((node) => own[node - 1]).join(" "));
      expect([hashes[start], hashes[start + 1]]).toEqual([low, high]);
    }
  }
});

test("hashText spreads texts that differ little, in both halves", () => {
  const lows = new Set<number>();
  const highs = new Set<number>();
  const sums = new Set<string>();
  const texts = Array.from({ length: 20_000 }, (_, offset) => `${offset >> 7}/${offset & 127}`);
  for (const text of texts) {
    const { low, high } = hashText(text);
    lows.add(low);
    highs.add(high);
    sums.add(`${(low + hashText(`${text}.`).low) | 0}`);
  }
  // By chance, 20,000 numbers of 32 bits repeat 0.05 times.
  expect(lows.size).toBeGreaterThan(19_995);
  expect(highs.size).toBeGreaterThan(19_995);
  expect(sums.size).toBeGreaterThan(19_995);
});
