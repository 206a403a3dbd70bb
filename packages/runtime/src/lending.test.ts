import { at, type Entry, RaftError, RaftNode } from "@quorate/core";
import { expect, test } from "vitest";
import { decodeLent, encodeLoan, lendMethod } from "./lending.ts";

/** A group of one with `lengths.length` commands, all applied. */
function nodeWith(lengths: readonly number[]): RaftNode {
  const node = new RaftNode(1, []);
  node.campaign();
  const settle = (): void => {
    while (node.hasReady) node.advance(node.ready());
  };
  settle();
  for (const length of lengths) node.propose(new Uint8Array(length).fill(7));
  settle();
  return node;
}

function answer(node: RaftNode, first: number, last: number, lastTerm: number): Uint8Array {
  let lent: Uint8Array | RaftError | undefined;
  lendMethod(node)(encodeLoan({ first, last, lastTerm }), 1000, (result) => {
    lent = result;
  });
  if (!(lent instanceof Uint8Array)) throw new Error("nothing was lent");
  return lent;
}

function borrow(node: RaftNode, first: number, last: number, lastTerm: number): Entry[] {
  return decodeLent(answer(node, first, last, lastTerm));
}

test("entries are lent as they are, of every kind", () => {
  const node = nodeWith([3, 0, 9]);
  const { last } = node.status();
  expect(borrow(node, 1, last.index, last.term)).toEqual(node.entries(1, last.index));
  expect(borrow(node, 2, 2, 0)).toEqual(node.entries(2, 2));
});

test("as much as an answer holds is lent, and at least one entry", () => {
  const node = nodeWith([2 ** 20, 2 ** 19, 2 ** 18, 2 ** 19]);
  const { last } = node.status();
  const lent = borrow(node, 2, last.index, 0);
  expect(lent.map(({ index }) => index)).toEqual([2]);
  expect(borrow(node, 3, last.index, 0).map(({ index }) => index)).toEqual([3, 4]);
});

test("an answer full of short entries is no longer than any other", () => {
  const node = nodeWith(Array.from({ length: 150_000 }, () => 0));
  const { length } = answer(node, 1, node.status().last.index, 0);
  expect(length).toBeGreaterThan(2 ** 19);
  expect(length).toBeLessThanOrEqual(2 ** 20);
});

test("nothing is lent of another history, of the future, or of what was forgotten", () => {
  const node = nodeWith([1, 2, 3, 4]);
  const { last } = node.status();
  expect(() => borrow(node, 1, last.index, last.term + 1)).toThrow(
    /^log_lost: entry 5 is of term 1/,
  );
  expect(() => borrow(node, 1, last.index + 1, 0)).toThrow("log_lost: entry 6 is not in this log");
  node.compact(node.snapshotPoint(), 3);
  expect(() => borrow(node, 3, 4, 0)).toThrow("log_lost: entry 3 is not in this log");
  expect(at(borrow(node, 4, 5, last.term), 0).index).toBe(4);
});

test("a request for nothing is malformed", () => {
  const node = nodeWith([1]);
  for (const [first, last] of [
    [0, 1],
    [2, 1],
  ] as const) {
    expect(() => borrow(node, first, last, 0)).toThrow(RaftError);
  }
});
