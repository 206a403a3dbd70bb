import { expect, test } from "vitest";
import { allVoters, committedIndex, isVoter, quorum, voteResult, type Voters } from "./quorum.ts";

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [6, 4],
  [7, 4],
])("a quorum of %d voters is %d", (size, expected) => {
  expect(quorum(size)).toBe(expected);
});

/** Voters 1, 2, … in one majority, or in two. */
function voters(incoming: readonly number[], outgoing: readonly number[] = []): Voters {
  return { incoming: new Set(incoming), outgoing: new Set(outgoing) };
}

// One acknowledged index per voter, in the order of ids; 0 is none.
test.each<[string, readonly number[], number]>([
  ["one voter commits alone", [5], 5],
  ["two voters must both acknowledge", [5, 3], 3],
  ["of three, the second counts", [9, 10, 2], 9],
  ["of four, the third counts", [1, 2, 3, 4], 2],
  ["of five, the third counts", [9, 1, 8, 2, 7], 7],
  ["equal ones count each", [4, 4, 1], 4],
  ["nobody acknowledged", [0, 0, 0], 0],
  ["a minority acknowledged", [7, 0, 0], 0],
  ["numbers, not text, are compared", [10, 9, 100], 10],
])("committedIndex: %s", (_, acked, expected) => {
  const ids = acked.map((__, offset) => offset + 1);
  expect(committedIndex(voters(ids), (id) => acked[id - 1] ?? 0)).toBe(expected);
});

test("committedIndex of joint majorities is what both have (thesis §4.3)", () => {
  const acked = new Map([
    [1, 10],
    [2, 10],
    [3, 1],
    [4, 5],
    [5, 6],
  ]);
  const of = (id: number): number => acked.get(id) ?? 0;
  expect(committedIndex(voters([1, 2, 3]), of)).toBe(10);
  expect(committedIndex(voters([3, 4, 5]), of)).toBe(5);
  expect(committedIndex(voters([1, 2, 3], [3, 4, 5]), of)).toBe(5);
});

// y granted, n refused, - has not answered.
test.each<[string, "pending" | "won" | "lost"]>([
  ["y", "won"],
  ["n", "lost"],
  ["-", "pending"],
  ["y-", "pending"],
  ["yn", "lost"],
  ["yy-", "won"],
  ["yn-", "pending"],
  ["nn-", "lost"],
  ["ynn", "lost"],
  ["yynn", "lost"],
  ["yyn-", "pending"],
  ["yyyn", "won"],
  ["yyy--", "won"],
  ["yynn-", "pending"],
  ["nnn--", "lost"],
])("voteResult of %s is %s", (votes, expected) => {
  const ids = Array.from(votes, (_, offset) => offset + 1);
  expect(voteResult(voters(ids), voteOf(votes))).toBe(expected);
});

function voteOf(votes: string): (id: number) => boolean | undefined {
  return (id) => (votes[id - 1] === "-" ? undefined : votes[id - 1] === "y");
}

test("voteResult needs both of two majorities, and loses with one", () => {
  const joint = voters([1, 2, 3], [3, 4, 5]);
  expect(voteResult(joint, voteOf("yy---"))).toBe("pending");
  expect(voteResult(joint, voteOf("yyyy-"))).toBe("won");
  expect(voteResult(joint, voteOf("yy-nn"))).toBe("lost");
});

test("allVoters names each voter once, by id", () => {
  expect(allVoters(voters([10, 2, 1], [2, 30]))).toEqual([1, 2, 10, 30]);
});

test("isVoter knows both majorities", () => {
  const joint = voters([1], [2]);
  expect([1, 2, 3].map((id) => isVoter(joint, id))).toEqual([true, true, false]);
});
