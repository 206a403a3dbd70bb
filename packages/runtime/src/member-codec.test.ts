import { confStateOf, RaftError } from "@quorate/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ChangeMembers,
  decodeChanged,
  decodeChangeMembers,
  encodeChanged,
  encodeChangeMembers,
} from "./member-codec.ts";
import { applyMembersDelta, newMember, newMemberTable } from "./member-table.ts";
import type { MemberOrNew, MemberWish } from "./member-wish.ts";

const manyEach = {
  voters: [1, { id: 5, address: "e", priority: 0 }],
  learners: [2, { id: 3, address: "", priority: 9 }],
};

test.each<MemberWish>([
  { kind: "add", id: 4, address: "host:7000", as: "voter", priority: 0 },
  { kind: "add", id: 4, address: "", as: "learner", priority: 1000 },
  { kind: "remove", id: Number.MAX_SAFE_INTEGER },
  { kind: "promote", id: 2 },
  { kind: "demote", id: 3 },
  { kind: "replace", id: 3, by: { id: 4, address: "ä:7000", priority: undefined } },
  { kind: "replace", id: 3, by: { id: 4, address: "d", priority: 0 } },
  { kind: "set", ...manyEach },
  { kind: "set", voters: [1], learners: [] },
  { kind: "update", id: 3, address: undefined, priority: undefined },
  { kind: "update", id: 3, address: "", priority: undefined },
  { kind: "update", id: 3, address: "x", priority: 0 },
])("a change of members crosses the wire: %o", (wish) => {
  for (const ifIndex of [undefined, 0, 77]) {
    const change: ChangeMembers = { wish, ifIndex };
    expect(decodeChangeMembers(encodeChangeMembers(change))).toStrictEqual(change);
  }
});

test("encodeChangeMembers puts what has an order of its own in that of ids, and keeps what is meant", () => {
  const voters: MemberOrNew[] = [9, { id: 4, address: "d", priority: 1 }, 2];
  const wish: MemberWish = { kind: "set", voters, learners: undefined };
  const { wish: read } = decodeChangeMembers(encodeChangeMembers({ wish, ifIndex: undefined }));
  expect(read).toEqual({
    kind: "set",
    voters: [2, { id: 4, address: "d", priority: 1 }, 9],
    learners: [],
  });
});

test.each<[string, MemberWish]>([
  ["a node named twice", { kind: "set", voters: [1, 2], learners: [2] }],
  ["a group without voters", { kind: "set", voters: [], learners: [1] }],
])("encodeChangeMembers refuses %s, which the leader could not tell from damage", (_, wish) => {
  expect(() => encodeChangeMembers({ wish, ifIndex: undefined })).toThrow("invalid_change");
});

test("decodeChangeMembers throws malformed, and nothing else, whatever the bytes", () => {
  expect(() => decodeChangeMembers(new Uint8Array(0))).toThrow("malformed");
  // An add of nobody.
  expect(() => decodeChangeMembers(Uint8Array.of(0x08, 1))).toThrow("malformed");
  const valid = encodeChangeMembers({ wish: { kind: "set", ...manyEach }, ifIndex: 7 });
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 }), (offset, flip) => {
      const damaged = valid.map((byte, at) => (at === offset ? byte ^ flip : byte));
      try {
        decodeChangeMembers(damaged);
      } catch (error) {
        if (!(error instanceof RaftError) || error.code !== "malformed") throw error;
      }
      try {
        decodeChanged(damaged);
      } catch (error) {
        if (!(error instanceof RaftError) || error.code !== "malformed") throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

test("the answer crosses the wire", () => {
  const table = applyMembersDelta(
    newMemberTable([
      [1, "a"],
      [2, ""],
    ]),
    {
      set: [{ ...newMember(3, "c", 5), incarnation: new Uint8Array(16).fill(3) }],
      removed: [7, 8],
    },
  );
  const changed = {
    membership: { confState: { ...confStateOf([1, 3]), learners: [2] }, table },
    index: 41,
  };
  expect(decodeChanged(encodeChanged(changed))).toEqual(changed);
});
