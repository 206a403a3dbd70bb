import { type ConfState, confStateOf, emptyConfState, type NodeId } from "@quorate/core";
import { expect, test } from "vitest";
import { differing } from "./digest-verdict.ts";

/** `1a 2b`: node 1 has digest a, node 2 has b. */
function digestsOf(text: string): ReadonlyMap<NodeId, string> {
  return new Map(text.split(" ").map((each) => [Number(each[0]), each.slice(1)]));
}

const joint: ConfState = {
  ...confStateOf([1, 2, 3]),
  votersOutgoing: [3, 4, 5],
  autoLeave: true,
};

test.each<[string, ConfState, readonly NodeId[]]>([
  ["1a 2a 3a", confStateOf([1, 2, 3]), []],
  ["1a 2b 3b", confStateOf([1, 2, 3]), [1]],
  ["1b 2b 3a", confStateOf([1, 2, 3]), [3]],
  // A majority that is not whole may yet turn out otherwise.
  ["1a 2b", confStateOf([1, 2, 3]), []],
  ["1a 2b 3b", confStateOf([1, 2, 3, 4]), []],
  ["1a 2b 3b 4b", confStateOf([1, 2, 3, 4]), [1]],
  // Nobody can say who is right.
  ["1a 2b", confStateOf([1, 2]), []],
  ["1a 2b 3c", confStateOf([1, 2, 3]), []],
  ["1a 2a 3b 4b", confStateOf([1, 2, 3, 4]), []],
  ["1a 2a 3a 4b 5c", confStateOf([1, 2, 3, 4, 5]), [4, 5]],
  // Who learns is judged, and does not judge.
  ["1a 2b", { ...confStateOf([1]), learners: [2] }, [2]],
  ["1a 2b 3b 4b", { ...confStateOf([1, 2]), learners: [3, 4] }, []],
  ["1a 2a 3b 4b", { ...confStateOf([1, 2]), learners: [3, 4] }, [3, 4]],
  // Both majorities must agree.
  ["1a 2a 3b 4a 5a", joint, [3]],
  ["1b 2a 3a 4b 5b", joint, []],
  ["1b 2a 3a 4a", joint, [1]],
  // A node that is about to join knows of no voters.
  ["1a 2b", emptyConfState, []],
])("of %s in %o, %o differ", (digests, confState, expected) => {
  expect(differing(confState, digestsOf(digests))).toEqual(expected);
});
