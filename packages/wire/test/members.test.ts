import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addressBytesMax,
  decodeMembers,
  decodeMembersDelta,
  encodeMembers,
  encodeMembersDelta,
  type Member,
  type MemberTable,
  priorityMax,
} from "@quorate/wire";
import { memberTables } from "./arbitraries.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const invalidArgument: unknown = expect.objectContaining({ code: "invalid_argument" });

function memberOf(id: number, details: Partial<Member> = {}): Member {
  return { id, address: "", incarnation: undefined, priority: 0, ...details };
}

/** A table of node 1 alone. */
function tableOf(details: Partial<Member>): MemberTable {
  return { members: [memberOf(1, details)], removed: [], leaving: [] };
}

test("decodeMembers reads what encodeMembers made", () => {
  fc.assert(
    fc.property(memberTables, (table) => {
      expect(decodeMembers(encodeMembers(table))).toEqual(table);
    }),
  );
});

test("decodeMembersDelta reads what encodeMembersDelta made, and it is laid out as a table", () => {
  fc.assert(
    fc.property(memberTables, ({ members, removed }) => {
      const delta = { set: members, removed };
      const bytes = encodeMembersDelta(delta);
      expect(decodeMembersDelta(bytes)).toEqual(delta);
      expect(bytes).toEqual(encodeMembers({ members, removed, leaving: [] }));
    }),
  );
});

test("an empty table takes no bytes", () => {
  expect(encodeMembers({ members: [], removed: [], leaving: [] })).toEqual(new Uint8Array(0));
  expect(decodeMembersDelta(new Uint8Array(0))).toEqual({ set: [], removed: [] });
});

test("what is as long or as high as it may be is read back", () => {
  const table: MemberTable = {
    members: [
      memberOf(1, { address: "x".repeat(addressBytesMax), priority: priorityMax }),
      memberOf(Number.MAX_SAFE_INTEGER, { incarnation: new Uint8Array(16) }),
    ],
    removed: [Number.MAX_SAFE_INTEGER - 1],
    leaving: [memberOf(Number.MAX_SAFE_INTEGER - 1, { address: "x" })],
  };
  expect(decodeMembers(encodeMembers(table))).toEqual(table);
});

test("a table of thousands of members is read back", () => {
  const address = "a-node-with-a-long-name.example.org:7000";
  const members = Array.from({ length: 2000 }, (_, place) => memberOf(place + 1, { address }));
  const table = { members, removed: [3000, 3001], leaving: [] };
  expect(decodeMembers(encodeMembers(table))).toEqual(table);
});

test("decodeMembers keeps nothing of the bytes", () => {
  const table = tableOf({ incarnation: new Uint8Array(16).fill(7) });
  const bytes = encodeMembers(table);
  const decoded = decodeMembers(bytes);
  bytes.fill(0);
  expect(decoded).toEqual(table);
});

const flawed: Record<string, MemberTable> = {
  "a member 0": { members: [memberOf(0)], removed: [], leaving: [] },
  "a removed node 0": { members: [], removed: [0], leaving: [] },
  "a member that is no integer": { members: [memberOf(1.5)], removed: [], leaving: [] },
  "members in another order": { members: [memberOf(2), memberOf(1)], removed: [], leaving: [] },
  "a member twice": { members: [memberOf(2), memberOf(2)], removed: [], leaving: [] },
  "removed nodes in another order": { members: [], removed: [2, 1], leaving: [] },
  "a removed node twice": { members: [], removed: [2, 2], leaving: [] },
  "a leaving node that was not removed": { members: [], removed: [1], leaving: [memberOf(2)] },
  "leaving nodes in another order": {
    members: [],
    removed: [1, 2],
    leaving: [memberOf(2), memberOf(1)],
  },
  "a leaving node of too high a priority": {
    members: [],
    removed: [1],
    leaving: [memberOf(1, { priority: priorityMax + 1 })],
  },
  "a member that was removed": { members: [memberOf(1), memberOf(2)], removed: [2], leaving: [] },
  "a priority of 1001": tableOf({ priority: 1001 }),
  "a priority of -1": tableOf({ priority: -1 }),
  "a priority that is no integer": tableOf({ priority: 0.5 }),
  "an incarnation of 15 bytes": tableOf({ incarnation: new Uint8Array(15) }),
  "an address of 256 bytes": tableOf({ address: "é".repeat(128) }),
  "an address with half a surrogate pair": tableOf({ address: "\ud800" }),
};

for (const [name, table] of Object.entries(flawed)) {
  test(`encodeMembers refuses ${name}`, () => {
    expect(() => encodeMembers(table)).toThrow(invalidArgument);
  });
}

/** A field 1 with one member of these bytes. */
function memberField(...bytes: readonly number[]): number[] {
  return [0x0a, bytes.length, ...bytes];
}

/** The varint of 2^53, one more than a number may be. */
const tooHigh = [...new Uint8Array(7).fill(0x80), 0x10];

const refused: Record<string, readonly number[]> = {
  "a member without an id": memberField(),
  "a member 0": memberField(0x08, 0),
  "a member beyond 2^53 - 1": memberField(0x08, ...tooHigh),
  "a removed node 0": [0x10, 0],
  "members in another order": [...memberField(0x08, 2), ...memberField(0x08, 1)],
  "a member twice": [...memberField(0x08, 2), ...memberField(0x08, 2)],
  "removed nodes in another order": [0x10, 2, 0x10, 1],
  "a removed node twice": [0x10, 2, 0x10, 2],
  "a leaving node that was not removed": [0x10, 1, 0x1a, 2, 0x08, 2],
  "leaving nodes in another order": [0x10, 1, 0x10, 2, 0x1a, 2, 0x08, 2, 0x1a, 2, 0x08, 1],
  "a member that was removed": [...memberField(0x08, 2), 0x10, 2],
  "a priority of 1001": memberField(0x08, 1, 0x20, 0xe9, 7),
  "an incarnation of 15 bytes": memberField(0x08, 1, 0x1a, 15, ...new Uint8Array(15)),
  "an empty incarnation": memberField(0x08, 1, 0x1a, 0),
  "an address of 256 bytes": [0x0a, 0x85, 2, 0x08, 1, 0x12, 0x80, 2, ...new Uint8Array(256)],
  "an address that is no text": memberField(0x08, 1, 0x12, 1, 0xff),
  "a member that is cut short": [0x0a, 3, 0x08, 1],
  "a field longer than its member": [...memberField(0x08, 1, 0x12, 3), 0x10, 2, 0x10],
  "a member that is a number": [0x08, 1],
  "a removed node that is text": [0x12, 1, 0x31],
};

for (const [name, bytes] of Object.entries(refused)) {
  test(`decodeMembers refuses ${name}`, () => {
    expect(() => decodeMembers(Uint8Array.from(bytes))).toThrow(malformed);
    expect(() => decodeMembersDelta(Uint8Array.from(bytes))).toThrow(malformed);
  });
}

test("unknown fields of a member are passed over", () => {
  const bytes = memberField(0x08, 1, 0x28, 9, 0x32, 1, 0, 0x20, 5);
  expect(decodeMembers(Uint8Array.from(bytes))).toEqual(tableOf({ priority: 5 }));
});
