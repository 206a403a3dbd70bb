import {
  applyConfChange,
  confStateOf,
  encodeConfChange,
  newConfChange,
  none,
  RaftError,
} from "@quorate/core";
import { expect, test } from "vitest";
import { faultsToleratedBy, type MemberPlan, planMembers } from "./member-plan.ts";
import {
  applyMembersDelta,
  emptyMemberTable,
  type Membership,
  membershipAfter,
  memberOf,
  newMember,
  newMemberTable,
} from "./member-table.ts";
import type { MemberWish } from "./member-wish.ts";

/** Voters 1, 2 and 3, learner 4; node 9 was removed. Node n is at address "n". */
const group: Membership = {
  confState: { ...confStateOf([1, 2, 3]), learners: [4] },
  table: applyMembersDelta(newMemberTable([1, 2, 3, 4].map((id) => [id, `${id}`])), {
    set: [{ ...newMember(3, "3"), priority: 30 }],
    removed: [9],
  }),
};

const signs = { "add-voter": "v", "add-learner": "l", remove: "r" };

/** A plan as text, a line to a step: `l5: 1 2 3 l4 l5, 1 down`. */
function show({ steps }: MemberPlan): string[] {
  return steps.map((step) => {
    const { voters, learners } = step.confState;
    const words = step.change.changes.map(({ kind, id }) => signs[kind] + id);
    const members = [...voters, ...learners.map((id) => `l${id}`)];
    const wait = step.catchUp.length > 0 ? `await ${step.catchUp.join(" ")}, ` : "";
    const joint = step.joint === undefined ? "" : `, joint ${step.faultsToleratedJoint} down`;
    const warnings = step.warnings.map(({ kind }) => ` !${kind}`).join("");
    const what = words.join(" ") || "leave";
    return `${wait}${what}: ${members.join(" ")}, ${step.faultsTolerated} down${joint}${warnings}`;
  });
}

/** The plan for `wish` as text, or why there is none. */
function plan(membership: Membership, wish: MemberWish, leader = 0): string[] {
  try {
    return show(planMembers(membership, wish, leader));
  } catch (error) {
    if (!(error instanceof RaftError) || error.code !== "invalid_change") throw error;
    return [error.message];
  }
}

test.each<[string, MemberWish, string[]]>([
  [
    "a new voter learns first",
    { kind: "add", id: 5, address: "5" },
    ["l5: 1 2 3 l4 l5, 1 down", "await 5, v5: 1 2 3 5 l4, 1 down !even-voters"],
  ],
  [
    "a new learner",
    { kind: "add", id: 5, address: "5", as: "learner" },
    ["l5: 1 2 3 l4 l5, 1 down"],
  ],
  [
    "a learner is added as a voter",
    { kind: "add", id: 4, address: "4" },
    ["await 4, v4: 1 2 3 4, 1 down !even-voters"],
  ],
  ["a voter is added again", { kind: "add", id: 3, address: "3" }, []],
  ["a voter is added again, at no address", { kind: "add", id: 3, address: "" }, []],
  ["a learner is added again", { kind: "add", id: 4, address: "4", as: "learner" }, []],
  [
    "a learner is promoted",
    { kind: "promote", id: 4 },
    ["await 4, v4: 1 2 3 4, 1 down !even-voters"],
  ],
  ["a voter is promoted", { kind: "promote", id: 3 }, []],
  [
    "a voter is demoted",
    { kind: "demote", id: 3 },
    ["l3: 1 2 l3 l4, 0 down !no-faults-tolerated !even-voters"],
  ],
  ["a learner is demoted", { kind: "demote", id: 4 }, []],
  [
    "a voter is removed",
    { kind: "remove", id: 3 },
    ["r3: 1 2 l4, 0 down !no-faults-tolerated !even-voters"],
  ],
  [
    "the leader is removed",
    { kind: "remove", id: 1 },
    ["r1: 2 3 l4, 0 down !no-faults-tolerated !even-voters !leader-leaves"],
  ],
  ["a learner is removed", { kind: "remove", id: 4 }, ["r4: 1 2 3, 1 down"]],
  ["one that was removed", { kind: "remove", id: 9 }, []],
  [
    "a voter is replaced, at its own address",
    { kind: "replace", id: 3, by: { id: 5, address: "3" } },
    ["l5: 1 2 3 l4 l5, 1 down", "await 5, v5 r3: 1 2 5 l4, 1 down, joint 1 down"],
  ],
  [
    "a voter is replaced by a learner",
    { kind: "replace", id: 3, by: { id: 4, address: "4" } },
    ["await 4, v4 r3: 1 2 4, 1 down, joint 1 down"],
  ],
  [
    "a learner is replaced by a learner",
    { kind: "replace", id: 4, by: { id: 5, address: "5" } },
    ["l5: 1 2 3 l4 l5, 1 down", "r4: 1 2 3 l5, 1 down"],
  ],
  ["replaced long ago", { kind: "replace", id: 9, by: { id: 3, address: "3" } }, []],
  [
    "two more voters",
    { kind: "set", voters: [1, 2, 3, 4, { id: 5, address: "5" }] },
    ["l5: 1 2 3 l4 l5, 1 down", "await 4 5, v4 v5: 1 2 3 4 5, 2 down, joint 1 down"],
  ],
  [
    "others altogether",
    {
      kind: "set",
      voters: [
        { id: 5, address: "1" },
        { id: 6, address: "2" },
        { id: 7, address: "3" },
      ],
      learners: [{ id: 8, address: "4" }],
    },
    [
      "l5 l6 l7 l8: 1 2 3 l4 l5 l6 l7 l8, 1 down, joint 1 down",
      "await 5 6 7, v5 v6 v7 r1 r2 r3 r4: 5 6 7 l8, 1 down, joint 1 down !leader-leaves",
    ],
  ],
  [
    "one voter, the rest learns",
    { kind: "set", voters: [2], learners: [1, 3, 4] },
    ["l1 l3: 2 l1 l3 l4, 0 down, joint 0 down !no-faults-tolerated !leader-leaves"],
  ],
  ["all as it is", { kind: "set", voters: [3, 2, 1], learners: [4] }, []],
  ["another address", { kind: "update", id: 4, address: "44" }, ["v1: 1 2 3 l4, 1 down"]],
  ["another priority", { kind: "update", id: 3, priority: 31 }, ["v1: 1 2 3 l4, 1 down"]],
  ["the same address and priority", { kind: "update", id: 3, address: "3", priority: 30 }, []],
])("planMembers: %s", (_, wish, expected) => {
  expect(plan(group, wish, 1)).toEqual(expected);
});

test.each<[string, MemberWish, string]>([
  [
    "a removed id",
    { kind: "add", id: 9, address: "9" },
    "node 9 was removed: an id is never given",
  ],
  ["a removed id to promote", { kind: "promote", id: 9 }, "node 9 was removed"],
  ["a removed id to demote", { kind: "demote", id: 9 }, "node 9 was removed"],
  ["a removed id to update", { kind: "update", id: 9 }, "node 9 was removed"],
  ["a removed id among all", { kind: "set", voters: [1, 9] }, "node 9 was removed"],
  [
    "a removed id as the new one",
    { kind: "replace", id: 3, by: { id: 9, address: "9" } },
    "node 9 was removed",
  ],
  ["an unknown id to remove", { kind: "remove", id: 7 }, "node 7 is no member"],
  ["an unknown id to promote", { kind: "promote", id: 7 }, "node 7 is no member"],
  ["an unknown id to demote", { kind: "demote", id: 7 }, "node 7 is no member"],
  ["an unknown id to update", { kind: "update", id: 7 }, "node 7 is no member"],
  ["an unknown id among all", { kind: "set", voters: [1, 7] }, "node 7 is no member"],
  [
    "an unknown id to replace",
    { kind: "replace", id: 7, by: { id: 8, address: "8" } },
    "node 7, which is to be replaced, is no member",
  ],
  [
    "a removed id to replace, by one that is not there",
    { kind: "replace", id: 9, by: { id: 8, address: "8" } },
    "node 9, which is to be replaced, is no member",
  ],
  [
    "a node to replace itself, as if its disk were new",
    { kind: "replace", id: 3, by: { id: 3, address: "3" } },
    "an id is never given to an empty disk, so choose a new one",
  ],
  [
    "a voter to replace another",
    { kind: "replace", id: 3, by: { id: 2, address: "2" } },
    "node 2 is a voter already: remove node 3 instead",
  ],
  ["a voter as a learner", { kind: "add", id: 3, address: "3", as: "learner" }, "demote it"],
  ["an address that is taken", { kind: "add", id: 5, address: "4" }, "node 4 is at 4 already"],
  [
    "an address that is taken, by an update",
    { kind: "update", id: 1, address: "2" },
    "node 2 is at 2",
  ],
  [
    "an address that another than the replaced has",
    { kind: "replace", id: 3, by: { id: 5, address: "2" } },
    "node 2 is at 2 already",
  ],
  [
    "an address twice",
    { kind: "set", voters: [1, { id: 5, address: "x" }, { id: 6, address: "x" }] },
    "node 5 is at x already",
  ],
  [
    "a member at another address",
    { kind: "add", id: 3, address: "x" },
    "node 3 is a member already, at 3: choose another id, or update it",
  ],
  ["a node twice", { kind: "set", voters: [1, 2], learners: [2] }, "a node is named twice"],
  ["nobody to vote", { kind: "set", voters: [], learners: [1] }, "no voter would be left"],
])("planMembers refuses %s", (_, wish, words) => {
  expect(plan(group, wish, 1)[0]).toContain(words);
});

test("planMembers refuses to remove or demote the last voter", () => {
  const lone: Membership = {
    confState: { ...confStateOf([1]), learners: [2] },
    table: emptyMemberTable,
  };
  expect(plan(lone, { kind: "remove", id: 1 })[0]).toContain("no voter would be left");
  expect(plan(lone, { kind: "demote", id: 1 })[0]).toContain("no voter would be left");
});

test("planMembers refuses what is no wish as an argument", () => {
  expect(() => planMembers(group, { kind: "remove", id: 0 }, none)).toThrow("invalid_argument");
});

test("planMembers: the new one takes the priority of the one it replaces, unless it has its own", () => {
  const told = (priority?: number): number | undefined => {
    const wish: MemberWish = { kind: "replace", id: 3, by: { id: 5, address: "5", priority } };
    const [step] = planMembers(group, wish, none).steps;
    if (step === undefined) return undefined;
    const data = encodeConfChange(step.change, step.confState);
    return memberOf(membershipAfter(group, data).table, 5)?.priority;
  };
  expect(told()).toBe(30);
  expect(told(0)).toBe(0);
});

test("planMembers leaves a joint configuration first, unless its leader does by itself", () => {
  const entering = newConfChange([{ kind: "remove", id: 3 }], "explicit");
  const joint = { ...group, confState: applyConfChange(group.confState, entering) };
  const wish: MemberWish = { kind: "promote", id: 4 };
  const promotion = "await 4, v4: 1 2 4, 1 down";
  expect(plan(joint, wish)).toEqual([
    "leave: 1 2 l4, 0 down !no-faults-tolerated !even-voters",
    promotion,
  ]);
  expect(plan({ ...joint, confState: { ...joint.confState, autoLeave: true } }, wish)).toEqual([
    promotion,
  ]);
  // Who is on the way out is as good as removed.
  expect(plan(joint, { kind: "add", id: 3, address: "3" })[0]).toContain("node 3 was removed");
});

test("PlanWarning has words for people", () => {
  const { steps } = planMembers(group, { kind: "remove", id: 1 }, 1);
  expect(steps[0]?.warnings.map(({ message }) => message)).toEqual([
    "the failure of one voter stops the group",
    "2 voters tolerate no more failures than 1",
    "node 1, which leads, hands over",
  ]);
  const lone: Membership = { confState: confStateOf([1]), table: emptyMemberTable };
  const wish: MemberWish = {
    kind: "set",
    voters: [1, { id: 2, address: "2" }, { id: 3, address: "3" }],
  };
  expect(planMembers(lone, wish, 1).steps[1]?.warnings).toEqual([
    {
      kind: "no-faults-tolerated",
      message: "while it changes, the failure of one voter stops the group",
    },
  ]);
});

test.each<[number, number]>([
  [1, 0],
  [2, 0],
  [3, 1],
  [4, 1],
  [5, 2],
  [7, 3],
])("faultsToleratedBy: of %d voters, %d may fail", (count, expected) => {
  expect(faultsToleratedBy(confStateOf(Array.from({ length: count }, (_, n) => n + 1)))).toBe(
    expected,
  );
});
