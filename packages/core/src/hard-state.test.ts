import { expect, test } from "vitest";
import { type HardState, initialHardState, mustSync, sameHardState } from "./hard-state.ts";

const before: HardState = { term: 2, vote: 1, commitIndex: 7 };

test.each<[string, HardState, boolean, boolean]>([
  ["nothing", { ...before }, true, false],
  ["the commit index", { ...before, commitIndex: 8 }, false, false],
  ["the vote", { ...before, vote: 3 }, false, true],
  ["the term", { ...before, term: 3 }, false, true],
])("a change of %s", (_, after, isSame, needsSync) => {
  expect(sameHardState(before, after)).toBe(isSame);
  expect(mustSync(before, after)).toBe(needsSync);
});

test("initialHardState is before any term, vote and entry", () => {
  expect(initialHardState).toEqual({ term: 0, vote: 0, commitIndex: 0 });
});
