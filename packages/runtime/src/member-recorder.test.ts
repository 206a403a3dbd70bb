import { confStateOf, newConfChange } from "@quorate/core";
import { expect, test } from "vitest";
import { retelling } from "./member-plan.ts";
import { MemberRecorder, newsCountMax, recordIntervalMs } from "./member-recorder.ts";
import {
  applyMembersDelta,
  contextOf,
  type Membership,
  membershipChanged,
  memberOf,
  newMemberTable,
} from "./member-table.ts";
import type { Introduction } from "./ports.ts";

function named(byte: number): Uint8Array {
  return new Uint8Array(16).fill(byte);
}

function said(id: number, address: string, log = id): Introduction {
  return { id, address, incarnation: named(log) };
}

const start: Membership = {
  confState: { ...confStateOf([1, 2]), learners: [3] },
  table: newMemberTable([
    [1, "a"],
    [2, "b"],
    [3, ""],
  ]),
};

/** The membership after what `recorder` records now, if anything. */
function record(recorder: MemberRecorder, membership: Membership, now = 0): Membership {
  const table = recorder.take(membership, now);
  if (table === undefined) return membership;
  recorder.onTried(now);
  const after = { ...membership, table };
  recorder.onChanged(membership, after);
  return after;
}

test("MemberRecorder records all that is new of members in one go", () => {
  const recorder = new MemberRecorder();
  for (const node of [said(2, "b2"), said(3, "c"), said(1, "")]) recorder.onSeen(node);
  const after = record(recorder, start);
  expect(after.table.members).toEqual([
    { id: 1, address: "a", incarnation: named(1), priority: 0 },
    { id: 2, address: "b2", incarnation: named(2), priority: 0 },
    { id: 3, address: "c", incarnation: named(3), priority: 0 },
  ]);
  // Nothing is left to be said.
  expect(recorder.isDue(after.table, Number.MAX_SAFE_INTEGER)).toBe(false);
});

test("MemberRecorder keeps to its pace", () => {
  const recorder = new MemberRecorder();
  expect(recorder.isDue(start.table, 0)).toBe(false);
  recorder.onSeen(said(2, "b2"));
  expect(recorder.isDue(start.table, 0)).toBe(true);
  expect(recorder.take(start, 0)).toBeDefined();
  expect(recorder.isDue(start.table, 0)).toBe(true);
  recorder.onTried(0);
  expect(recorder.isDue(start.table, recordIntervalMs - 1)).toBe(false);
  expect(recorder.isDue(start.table, recordIntervalMs)).toBe(true);
  // Who is no member is looked at again, in a while.
  const other = new MemberRecorder();
  other.onSeen(said(7, "g"));
  expect(other.take(start, 0)).toBeUndefined();
  expect(other.isDue(start.table, recordIntervalMs - 1)).toBe(false);
});

test("MemberRecorder never records another log than the one that is known", () => {
  const recorder = new MemberRecorder();
  recorder.onSeen(said(2, "b"));
  const known = record(recorder, start);
  recorder.onSeen(said(2, "b", 99));
  expect(recorder.take(known, 5000)).toBeUndefined();
  recorder.onSeen(said(2, "b3", 99));
  const moved = record(recorder, known, 9000);
  expect(memberOf(moved.table, 2)).toMatchObject({ address: "b3", incarnation: named(2) });
});

test("MemberRecorder lets those go who are leaving, until they have gone", () => {
  const recorder = new MemberRecorder();
  const changes = [{ kind: "remove", id: 2 }] as const;
  const left = membershipChanged(start, newConfChange(changes, "auto", contextOf(start.table)));
  expect(recorder.isDue(left.table, 0)).toBe(true);
  const told = recorder.take(left, 0) ?? start.table;
  expect(told).toEqual(left.table);
  const gone = membershipChanged(left, retelling(left.confState, told));
  expect(gone).toMatchObject({ confState: left.confState, table: { removed: [2], leaving: [] } });
  expect(recorder.isDue(gone.table, recordIntervalMs)).toBe(false);
});

test("MemberRecorder remembers who is no member yet", () => {
  const recorder = new MemberRecorder();
  recorder.onSeen(said(4, "d"));
  expect(recorder.take(start, 0)).toBeUndefined();
  const joined: Membership = {
    confState: { ...start.confState, learners: [3, 4] },
    table: applyMembersDelta(start.table, { set: newMemberTable([[4, "d"]]).members, removed: [] }),
  };
  recorder.onChanged(start, joined);
  const after = record(recorder, joined, recordIntervalMs);
  expect(memberOf(after.table, 4)?.incarnation).toEqual(named(4));
});

test("MemberRecorder does not bring an address back that the group has given up since", () => {
  const recorder = new MemberRecorder();
  // Heard long ago; another leader recorded it, and another address after it.
  recorder.onSeen(said(2, "b", 2));
  const moved: Membership = {
    ...start,
    table: applyMembersDelta(start.table, {
      set: newMemberTable([[2, "b2"]]).members,
      removed: [],
    }),
  };
  recorder.onChanged(start, moved);
  const after = record(recorder, moved);
  expect(memberOf(after.table, 2)).toMatchObject({ address: "b2", incarnation: named(2) });
});

test("MemberRecorder does not forget what was said while another address was recorded", () => {
  const recorder = new MemberRecorder();
  recorder.onSeen(said(2, "b3"));
  const moved: Membership = {
    ...start,
    table: applyMembersDelta(start.table, {
      set: newMemberTable([[2, "b2"]]).members,
      removed: [],
    }),
  };
  recorder.onChanged(start, moved);
  expect(memberOf(record(recorder, moved).table, 2)?.address).toBe("b3");
});

test("MemberRecorder forgets the oldest of too many", () => {
  const recorder = new MemberRecorder();
  recorder.onSeen(said(1, "a2"));
  for (let id = 10; id < 10 + newsCountMax - 1; id++) recorder.onSeen(said(id, "x"));
  expect(recorder.take(start, 0)).toBeDefined();
  recorder.onSeen(said(10 + newsCountMax, "x"));
  expect(recorder.take(start, 0)).toBeUndefined();
});
