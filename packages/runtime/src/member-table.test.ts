import {
  applyConfChange,
  confStateOf,
  emptyConfState,
  encodeConfChange,
  leaveJoint,
  type MemberChange,
  newConfChange,
} from "@quorate/core";
import { expect, test } from "vitest";
import {
  applyMembersDelta,
  contextOf,
  emptyMemberTable,
  goneOf,
  incarnationOf,
  isRemoved,
  type Membership,
  membershipAfter,
  memberOf,
  newMember,
  newMemberTable,
  peersOf,
} from "./member-table.ts";

const three: Membership = {
  confState: confStateOf([1, 2, 3]),
  table: newMemberTable([
    [2, "b"],
    [1, "a"],
    [3, "c"],
  ]),
};

/** The entry's data of a change that follows on `before` and tells `context`. */
function dataOf(before: Membership, changes: MemberChange[], context: Uint8Array): Uint8Array {
  const change = changes.length === 0 ? leaveJoint : newConfChange(changes, "auto", context);
  return encodeConfChange(change, applyConfChange(before.confState, change));
}

/** The data of a change by which the group learns of `added`. */
function change(
  before: Membership,
  changes: MemberChange[],
  ...added: [number, string][]
): Uint8Array {
  const set = added.map(([id, address]) => newMember(id, address));
  return dataOf(before, changes, contextOf(applyMembersDelta(before.table, { set, removed: [] })));
}

test("newMemberTable is in the order of ids, with addresses and nothing else", () => {
  expect(three.table).toEqual({
    members: [
      { id: 1, address: "a", incarnation: undefined, priority: 0 },
      { id: 2, address: "b", incarnation: undefined, priority: 0 },
      { id: 3, address: "c", incarnation: undefined, priority: 0 },
    ],
    removed: [],
    leaving: [],
  });
  expect(newMemberTable([])).toEqual(emptyMemberTable);
});

test("applyMembersDelta sets members, takes out the removed, and never brings one back", () => {
  const incarnation = new Uint8Array(16).fill(7);
  const known = { id: 2, address: "b2", incarnation, priority: 5 };
  const table = applyMembersDelta(three.table, { set: [known, newMember(4, "d")], removed: [1] });
  expect(table.members.map(({ id }) => id)).toEqual([2, 3, 4]);
  expect(memberOf(table, 2)).toEqual(known);
  expect(incarnationOf(table, 2)).toEqual(incarnation);
  expect(incarnationOf(table, 3)).toBeUndefined();
  expect(isRemoved(table, 1)).toBe(true);
  expect(isRemoved(table, 2)).toBe(false);
  const again = applyMembersDelta(table, { set: [newMember(1, "a")], removed: [9, 3] });
  expect(again.removed).toEqual([1, 3, 9]);
  expect(again.members.map(({ id }) => id)).toEqual([2, 4]);
  // The one that it follows on stays what it is.
  expect(three.table.members).toHaveLength(3);
});

test("membershipAfter: a change tells the new member, and a removal leaves a tombstone", () => {
  const grown = membershipAfter(three, change(three, [{ kind: "add-learner", id: 4 }], [4, "d"]));
  expect(grown.confState.learners).toEqual([4]);
  expect(memberOf(grown.table, 4)).toEqual(newMember(4, "d"));
  const shrunk = membershipAfter(grown, change(grown, [{ kind: "remove", id: 2 }]));
  expect(shrunk.table.members.map(({ id }) => id)).toEqual([1, 3, 4]);
  expect(shrunk.table.removed).toEqual([2]);
});

test("membershipAfter: who is replaced is known until the joint configuration is left", () => {
  const data = change(
    three,
    [
      { kind: "add-voter", id: 4 },
      { kind: "remove", id: 3 },
    ],
    [4, "d"],
  );
  const joint = membershipAfter(three, data);
  expect(joint.confState.votersOutgoing).toEqual([1, 2, 3]);
  expect(joint.table.removed).toEqual([]);
  expect(peersOf(joint, 1).map(({ id, address }) => [id, address])).toEqual([
    [2, "b"],
    [3, "c"],
    [4, "d"],
  ]);
  const left = membershipAfter(joint, dataOf(joint, [], new Uint8Array(0)));
  expect(left.table.removed).toEqual([3]);
  // Not every member knows yet: it may be needed, and is to be reached.
  expect(left.table.leaving).toEqual([newMember(3, "c")]);
  expect(peersOf(left, 1).map(({ id }) => id)).toEqual([2, 4, 3]);
  expect(goneOf(left.table)).toEqual([]);
});

test("membershipAfter: who was removed has gone by the first change whose leader knew of it", () => {
  const left = membershipAfter(three, change(three, [{ kind: "remove", id: 2 }]));
  // The context says nothing, as one of a leader that has not applied the removal says nothing of that.
  const adding: MemberChange[] = [{ kind: "add-learner", id: 4 }];
  const later = membershipAfter(left, dataOf(left, adding, new Uint8Array(0)));
  expect(later.table).toEqual(left.table);
  const gone = membershipAfter(left, change(left, [{ kind: "remove", id: 3 }]));
  expect(gone.table.leaving).toEqual([newMember(3, "c")]);
  expect(goneOf(gone.table)).toEqual([2]);
  expect(peersOf(gone, 1).map(({ id }) => id)).toEqual([3]);
});

test("membershipAfter: one whom the table never knew leaves a tombstone, too", () => {
  const bare: Membership = { confState: confStateOf([1, 2]), table: emptyMemberTable };
  const after = membershipAfter(bare, dataOf(bare, [{ kind: "remove", id: 2 }], new Uint8Array(0)));
  expect(after.table).toEqual({ members: [], removed: [2], leaving: [newMember(2, "")] });
});

test("membershipAfter: a node that joins learns all from the first change, tombstones too", () => {
  const before = membershipAfter(three, change(three, [{ kind: "remove", id: 2 }]));
  const data = change(before, [{ kind: "add-learner", id: 5 }], [5, "e"]);
  const blank: Membership = { confState: emptyConfState, table: emptyMemberTable };
  expect(membershipAfter(blank, data)).toEqual(membershipAfter(before, data));
});

test("membershipAfter: a context that is no table says nothing", () => {
  const context = Uint8Array.of(0xff, 0xff, 0xff);
  const after = membershipAfter(three, dataOf(three, [{ kind: "add-voter", id: 1 }], context));
  expect(after).toEqual(three);
});

test("membershipAfter refuses data that no leader can have appended", () => {
  expect(() => membershipAfter(three, Uint8Array.of(0xff))).toThrow("malformed");
  const joint = change(three, [{ kind: "add-learner", id: 4 }], [4, "d"]);
  const other: Membership = { ...three, confState: confStateOf([1, 2]) };
  expect(() => membershipAfter(other, joint)).toThrow("invalid_change");
});

test("peersOf names members without an address, too, and never the node itself", () => {
  const membership: Membership = {
    confState: { ...confStateOf([1, 2]), learners: [9] },
    table: three.table,
  };
  expect(peersOf(membership, 2)).toEqual([
    { id: 1, address: "a", incarnation: undefined },
    { id: 9, address: "", incarnation: undefined },
  ]);
});
