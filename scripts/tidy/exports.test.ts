import { expect, test } from "vitest";
import { documented, plainForms } from "./exports.ts";

const path = "packages/core/src/x.ts";

test.each([
  "export function f(): void {}",
  "export const a: number = 1;",
  "export class C {}",
  "export interface I {}",
  "export type T = 1;",
  "// A remark is no doc comment.\nexport type T = 1;",
  "/** */\nexport type T = 1;",
])("documented refuses %j", (text) => {
  expect(documented({ path, text })).toMatchObject([{ rule: "documented" }]);
});

test.each([
  "/** One. */\nexport const a: number = 1;",
  "/** One. */\n// And a remark.\nexport const a: number = 1;",
  "const a = 1;",
  'export { a } from "./a.ts";',
  "/** Either. */\nexport function f(a: 1): void;\nexport function f(a: 2): void {}",
])("documented accepts %j", (text) => {
  expect(documented({ path, text })).toEqual([]);
});

test("documented leaves tests alone", () => {
  expect(documented({ path: "packages/core/src/x.test.ts", text: "export type T = 1;" })).toEqual(
    [],
  );
  expect(documented({ path: "packages/core/test/x.ts", text: "export type T = 1;" })).toEqual([]);
});

test.each([
  'export * from "./a.ts";',
  'export * as a from "./a.ts";',
  'export { a } from "./a.ts";',
  "export default 1;",
  "export default function f() {}",
  "enum E { A }",
  "namespace N {}",
  "class C { private a = 1; }",
  "class C { protected a() {} }",
])("plainForms refuses %j", (text) => {
  expect(plainForms({ path, text })).toMatchObject([{ line: 1, rule: "plain-forms" }]);
});

test.each([
  [path, "class C { #a = 1; }"],
  [path, "class C { private constructor() {} }"],
  [path, 'export type { A } from "./a.ts";'],
  [path, "export { a };"],
  ["packages/core/src/index.ts", 'export { a } from "./a.ts";'],
  ["vitest.config.ts", "export default 1;"],
])("plainForms accepts, in %s, %j", (where, text) => {
  expect(plainForms({ path: where, text })).toEqual([]);
});
