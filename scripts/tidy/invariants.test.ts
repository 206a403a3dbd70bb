import { expect, test } from "vitest";
import { invariantNumbers, invariantsPage } from "./invariants.ts";

const page = {
  path: invariantsPage,
  text: "# Invariants\n\n## I1 Election Safety\n\n| I2 | Log Matching |\n\nSee I9.\n",
};
const both = "// Holds I1 and I2.";

const found = (code: string, ...more: { path: string; text: string }[]): readonly string[] =>
  invariantNumbers([page, { path: "packages/core/src/x.ts", text: code }, ...more]).map(
    ({ path, line, message }) => `${path}:${line} ${message}`,
  );

test("invariantNumbers accepts that the code cites what the page states", () => {
  expect(found(both)).toEqual([]);
  expect(found('// I1\nassert(ok, "never two leaders (I2)");')).toEqual([]);
  expect(found("/** I1 */\nconst a = {\n  // I2\n};")).toEqual([]);
});

test("invariantNumbers refuses a number that the page does not state", () => {
  expect(found(`${both}\n// I3`)).toEqual([
    "packages/core/src/x.ts:2 I3 is not stated in docs/internals/invariants.md",
  ]);
});

test("invariantNumbers refuses a statement that nothing cites", () => {
  expect(found("// I1")).toEqual(["docs/internals/invariants.md:5 I2 is cited nowhere"]);
});

test("invariantNumbers takes names in code for names, and leaves other files alone", () => {
  expect(found(`${both}\nconst I7 = 1;`)).toEqual([]);
  expect(found(both, { path: "docs/x.md", text: "I7" })).toEqual([]);
});
