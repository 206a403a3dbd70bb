import { expect, test } from "vitest";
import { transpile } from "./transpile.ts";

test("transpile leaves out types, and imports the JavaScript of what is imported", () => {
  const text = 'import { type A, b } from "./b.ts";\nexport const c: A = b;\n';
  expect(transpile("a.ts", text)).toBe('import { b } from "./b.js";\nexport const c = b;\n');
});

test("transpile refuses what is no program", () => {
  expect(() => transpile("a.ts", "const = 1;")).toThrow(SyntaxError);
});
