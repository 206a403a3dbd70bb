import { expect, test } from "vitest";
import { fileSize, functionSize, lineSize } from "./size.ts";

const path = "packages/core/src/x.ts";
const lines = (count: number): string => "const a = 1;\n".repeat(count);

test("fileSize refuses a file of 401 lines, and not one of 400", () => {
  expect(fileSize({ path, text: lines(401) })).toMatchObject([
    { path, line: 1, rule: "file-size" },
  ]);
  expect(fileSize({ path, text: lines(400) })).toEqual([]);
  expect(fileSize({ path: "README.md", text: lines(401) })).toEqual([]);
});

test("lineSize refuses a line of 111 columns, and neither one of 110 nor an address", () => {
  const line = (columns: number): string => `\n${"x".repeat(columns)}\n`;
  expect(lineSize({ path, text: line(111) })).toMatchObject([{ line: 2, rule: "line-size" }]);
  expect(lineSize({ path, text: line(110) })).toEqual([]);
  expect(lineSize({ path, text: `// https://${"x".repeat(120)}` })).toEqual([]);
});

test("functionSize refuses a function of 71 lines, and not one of 70", () => {
  const body = (count: number): string => `{\n${lines(count - 2)}}`;
  for (const head of ["function f() ", "const f = () => ", "class C { f() "]) {
    const tail = head.startsWith("class") ? " }" : ";";
    expect(functionSize({ path, text: head + body(71) + tail }), head).toMatchObject([
      { line: 1, rule: "function-size", message: "f has 71 lines, at most 70" },
    ]);
    expect(functionSize({ path, text: head + body(70) + tail }), head).toEqual([]);
  }
});

test("functionSize lets a group of tests be long, and no test in it", () => {
  const group = (inner: string): string => `describe("x", () => {\n${inner}});\n`;
  expect(functionSize({ path, text: group(lines(100)) })).toEqual([]);
  const inner = `test("y", () => {\n${lines(100)}});\n`;
  expect(functionSize({ path, text: group(inner) })).toMatchObject([{ line: 2 }]);
});
