import { RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { idOf, type MemberWish, validateWish } from "./member-wish.ts";

test("idOf is the id of a member, known or new", () => {
  expect(idOf(4)).toBe(4);
  expect(idOf({ id: 5, address: "e" })).toBe(5);
});

test.each<MemberWish>([
  { kind: "add", id: 1, address: "" },
  {
    kind: "add",
    id: Number.MAX_SAFE_INTEGER,
    address: "x".repeat(255),
    as: "learner",
    priority: 1000,
  },
  { kind: "remove", id: 1 },
  { kind: "promote", id: 1 },
  { kind: "demote", id: 1 },
  { kind: "replace", id: 1, by: { id: 2, address: "b", priority: 0 } },
  { kind: "set", voters: [1, { id: 2, address: "b" }] },
  { kind: "set", voters: [], learners: [3] },
  { kind: "update", id: 1 },
  { kind: "update", id: 1, address: "a", priority: 7 },
])("validateWish takes %o", (wish) => {
  validateWish(wish);
});

test.each<[string, string]>([
  ["null", "a wish is an object"],
  ['{"kind":"grow"}', "no such wish"],
  ['{"kind":"add","id":0,"address":"a"}', "an id must be an integer of at least 1: got 0"],
  ['{"kind":"add","id":"1","address":"a"}', "an id must be"],
  ['{"kind":"add","id":1.5,"address":"a"}', "an id must be"],
  ['{"kind":"add","id":1}', "an address must be text"],
  ['{"kind":"add","id":1,"address":7}', "an address must be text"],
  [`{"kind":"add","id":1,"address":"${"x".repeat(256)}"}`, "an address must have 1 to 255 bytes"],
  [
    '{"kind":"add","id":1,"address":"a","as":"witness"}',
    'as must be "voter" or "learner": got witness',
  ],
  ['{"kind":"add","id":1,"address":"a","priority":-1}', "a priority must be"],
  ['{"kind":"add","id":1,"address":"a","priority":1001}', "from 0 to 1000: got 1001"],
  ['{"kind":"remove"}', "an id must be"],
  ['{"kind":"promote","id":-4}', "an id must be"],
  ['{"kind":"demote","id":9007199254740992}', "an id must be"],
  ['{"kind":"replace","id":1,"by":2}', "a new member is an id and an address"],
  ['{"kind":"replace","id":0,"by":{"id":2,"address":"b"}}', "an id must be"],
  ['{"kind":"set"}', "voters must be a list"],
  ['{"kind":"set","voters":"1"}', "voters must be a list"],
  ['{"kind":"set","voters":[1],"learners":{}}', "learners must be a list"],
  ['{"kind":"set","voters":[null]}', "a new member is"],
  ['{"kind":"set","voters":[1],"learners":[0]}', "an id must be"],
  ['{"kind":"update","id":0}', "an id must be"],
  ['{"kind":"update","id":1,"address":{}}', "an address must be text"],
  ['{"kind":"update","id":1,"priority":"high"}', "a priority must be"],
])("validateWish refuses %s", (text, words) => {
  const wish = JSON.parse(text) as MemberWish;
  try {
    validateWish(wish);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toContain(words);
    return;
  }
  expect.fail("it was taken");
});
