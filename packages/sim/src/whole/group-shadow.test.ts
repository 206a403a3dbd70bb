import { confStateOf, emptyConfState } from "@quorate/core";
import { expect, test } from "vitest";
import { GroupShadow, isQuorum } from "./group-shadow.ts";

const [three, four, five] = [
  [1, 2, 3],
  [1, 2, 3, 4],
  [1, 2, 3, 4, 5],
].map((ids) => confStateOf(ids));

function newShadow(): GroupShadow {
  const group = new GroupShadow(confStateOf([1, 2, 3]));
  group.report(1, 7, confStateOf([1, 2, 3, 4]));
  group.report(1, 9, confStateOf([1, 2, 3, 4, 5]));
  return group;
}

test("a group has one sequence of configurations, which replicas pass in any pace", () => {
  const group = newShadow();
  // One that lags, one that has a snapshot, and one that joins.
  group.report(2, 0, confStateOf([1, 2, 3]));
  group.report(2, 7, confStateOf([1, 2, 3, 4]));
  group.report(3, 8, confStateOf([1, 2, 3, 4]));
  group.report(4, 12, confStateOf([1, 2, 3, 4, 5]));
  group.report(5, 0, emptyConfState);
  expect(group.newest).toEqual(five);
  expect(group.newestIndex).toBe(12);
  expect(group.changeCount).toBe(2);
  expect([0, 6, 7, 8, 9].map((index) => group.at(index))).toEqual([three, three, four, four, five]);
});

test.each([
  ["another configuration at the same entry", 9, [1, 2, 3, 4]],
  ["one that nobody had before later ones", 8, [1, 2, 4]],
  ["another beginning", 0, [1, 2]],
])("a group finds %s", (_, index, ids) => {
  expect(() => newShadow().report(2, index, confStateOf(ids))).toThrow("I15:");
});

test("who was removed is needed until a majority of those who stay knows, whoever else does", () => {
  const group = newShadow();
  group.report(1, 12, confStateOf([1, 2, 3, 4]));
  expect(group.isNeedless(5)).toBe(false);
  for (const id of [1, 2, 5]) group.reportCommit(id, 12);
  group.reportCommit(3, 11);
  expect(group.isNeedless(5)).toBe(false);
  // What one knew it knew, and what it learns counts.
  group.reportCommit(1, 3);
  group.reportCommit(3, 20);
  expect(group.isNeedless(5)).toBe(true);
  // Those of a later configuration are as good: two of three that are left, and one that has come.
  const other = newShadow();
  other.report(1, 12, confStateOf([1, 2, 3, 4]));
  other.report(1, 15, confStateOf([1, 2, 6]));
  for (const id of [1, 6]) other.reportCommit(id, 15);
  expect(other.isNeedless(5)).toBe(true);
  // Nobody removed this one.
  expect(other.isNeedless(6)).toBe(false);
});

test("a quorum holds both majorities of a joint configuration", () => {
  const joint = { ...confStateOf([1, 2, 3]), votersOutgoing: [3, 4, 5] };
  expect(isQuorum(confStateOf([1, 2, 3]), new Set([1, 2]))).toBe(true);
  expect(isQuorum(confStateOf([1, 2, 3]), new Set([1, 4, 5]))).toBe(false);
  expect(isQuorum(joint, new Set([1, 2]))).toBe(false);
  expect(isQuorum(joint, new Set([1, 3, 4]))).toBe(true);
});
