import { expect, test } from "vitest";
import { coreNeverWaits, mathByMembers } from "./purity.ts";

const path = "packages/core/src/x.ts";

test.each([
  "async function f() {}",
  "await f();",
  "const a: Promise<number> = f();",
  "function* f() { yield 1; }",
])("coreNeverWaits refuses %j", (text) => {
  expect(coreNeverWaits({ path, text })).not.toEqual([]);
});

test("coreNeverWaits accepts what returns at once, and other packages", () => {
  expect(coreNeverWaits({ path, text: "function f(): number { return 1; }" })).toEqual([]);
  const text = "async function f() { await 1; }";
  expect(coreNeverWaits({ path: "packages/wal/src/x.ts", text })).toEqual([]);
  expect(coreNeverWaits({ path: "packages/core/src/x.test.ts", text })).toEqual([]);
});

test.each(["const { random } = Math;", "f(Math);", 'Math["random"]();', "const m = Math;"])(
  "mathByMembers refuses %j",
  (text) => {
    expect(mathByMembers({ path, text })).toMatchObject([{ line: 1, rule: "math-by-members" }]);
  },
);

test("mathByMembers accepts a member, and packages that are not pure", () => {
  expect(mathByMembers({ path, text: "Math.max(1, 2);" })).toEqual([]);
  expect(mathByMembers({ path: "packages/server/src/x.ts", text: "f(Math);" })).toEqual([]);
});
