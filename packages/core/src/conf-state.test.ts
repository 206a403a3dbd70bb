import { expect, test } from "vitest";
import {
  ascending,
  type ConfState,
  confStateFlaw,
  confStateOf,
  emptyConfState,
  isJoint,
  isMember,
  membersOf,
  sameConfState,
  votersOf,
} from "./conf-state.ts";

/** Voters 1, 2, 5 follow on 1, 2, 3; 4 learns, and 3 is to. */
const joint: ConfState = {
  voters: [1, 2, 5],
  votersOutgoing: [1, 2, 3],
  learners: [4],
  learnersNext: [3],
  autoLeave: true,
};

test("ascending puts numbers in order, not their text, each once", () => {
  expect(ascending([10, 9, 100, 9])).toEqual([9, 10, 100]);
  expect(ascending(new Set([2, 1]))).toEqual([1, 2]);
});

test("confStateOf is the configuration in which all vote", () => {
  expect(confStateOf([3, 1, 2, 1])).toEqual({ ...emptyConfState, voters: [1, 2, 3] });
});

test("isJoint tells whether two majorities decide", () => {
  expect(isJoint(joint)).toBe(true);
  expect(isJoint(confStateOf([1, 2]))).toBe(false);
  expect(isJoint(emptyConfState)).toBe(false);
});

test.each([
  [1, true],
  [3, true],
  [4, true],
  [5, true],
  [6, false],
])("isMember: whether node %d of a joint configuration gets the log is %s", (id, expected) => {
  expect(isMember(joint, id)).toBe(expected);
});

test("membersOf names all who get the log, each once", () => {
  expect(membersOf(joint)).toEqual([1, 2, 3, 4, 5]);
  expect(membersOf({ ...confStateOf([7, 8]), learners: [2] })).toEqual([2, 7, 8]);
  expect(membersOf(emptyConfState)).toEqual([]);
});

test("votersOf is the two majorities, and the outgoing one is empty unless joint", () => {
  expect(votersOf(joint)).toEqual({
    incoming: new Set([1, 2, 5]),
    outgoing: new Set([1, 2, 3]),
  });
  expect(votersOf(confStateOf([1]))).toEqual({ incoming: new Set([1]), outgoing: new Set() });
});

test.each<[string, Partial<ConfState>]>([
  ["voters", { voters: [1, 2, 6] }],
  ["a voter more", { voters: [1, 2, 5, 6] }],
  ["outgoing voters", { votersOutgoing: [1, 2, 3, 6] }],
  ["learners", { learners: [] }],
  ["learners to be", { learnersNext: [] }],
  ["how it is left", { autoLeave: false }],
])("sameConfState sees a difference of %s", (_, difference) => {
  expect(sameConfState(joint, { ...joint, ...difference })).toBe(false);
  expect(sameConfState({ ...joint, ...difference }, joint)).toBe(false);
  expect(sameConfState(joint, structuredClone(joint))).toBe(true);
});

test.each<[string, ConfState]>([
  ["of nobody", emptyConfState],
  ["of one", confStateOf([1])],
  ["with learners", { ...confStateOf([1, 3]), learners: [2] }],
  ["that is joint", joint],
  ["that is joint until it is left by hand", { ...joint, autoLeave: false }],
  ["whose voters all go", { ...joint, voters: [7], learnersNext: [] }],
  ["with the largest id", confStateOf([Number.MAX_SAFE_INTEGER])],
])("confStateFlaw finds none in a configuration %s", (_, confState) => {
  expect(confStateFlaw(confState)).toBeUndefined();
});

test.each<[string, Partial<ConfState>, string]>([
  ["no order", { voters: [2, 1, 5] }, "ascending"],
  ["a voter twice", { voters: [1, 1, 5] }, "each once"],
  ["id 0", { voters: [0, 1, 5] }, "at least 1"],
  ["a fraction", { learners: [4.5] }, "integers"],
  ["an id beyond the safe integers", { learners: [2 ** 53] }, "integers"],
  ["no order among the outgoing", { votersOutgoing: [3, 2, 1] }, "ascending"],
  ["no order among those to learn", { learnersNext: [3, 2] }, "ascending"],
  ["a learner that votes", { learners: [5] }, "a learner cannot vote"],
  ["a learner that still votes", { learners: [3], learnersNext: [] }, "a learner cannot vote"],
  ["a voter that stays and is to learn", { learnersNext: [2] }, "does not stay"],
  ["a learner to be that never voted", { learnersNext: [6] }, "outgoing voter"],
  ["nobody to lead to", { voters: [], learners: [] }, "at least one voter"],
  [
    "no joint configuration to leave",
    { votersOutgoing: [], learnersNext: [] },
    "only a joint configuration",
  ],
  [
    "a learner to be without a joint configuration",
    { votersOutgoing: [], autoLeave: false },
    "outgoing voter",
  ],
  [
    "learners alone",
    { voters: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    "where nobody votes",
  ],
])("confStateFlaw: there is %s", (_, difference, flaw) => {
  expect(confStateFlaw({ ...joint, ...difference })).toContain(flaw);
});
