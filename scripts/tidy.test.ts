import { expect, test } from "vitest";
import { format, tidy } from "./tidy.ts";
import { readTree } from "./tree.ts";

test("tidy applies every rule and sorts what it finds", () => {
  const files = [
    { path: "packages/wal/src/b.ts", text: "enum E {}\nexport type T = 1;\n" },
    { path: "packages/core/src/a.ts", text: "// I99\nexport const currentTerm: number = 1;\n" },
  ];
  expect(tidy(files).map(({ path, line, rule }) => `${path}:${line} ${rule}`)).toEqual([
    "packages/core/src/a.ts:1 import-rows",
    "packages/core/src/a.ts:1 no-dead-files",
    "packages/core/src/a.ts:1 invariant-numbers",
    "packages/core/src/a.ts:2 documented",
    "packages/core/src/a.ts:2 house-words",
    "packages/wal/src/b.ts:1 plain-forms",
    "packages/wal/src/b.ts:1 no-dead-files",
    "packages/wal/src/b.ts:2 documented",
  ]);
});

test("format writes a finding as editors link it", () => {
  const finding = { path: "a.ts", line: 3, rule: "r", message: "m" };
  expect(format(finding)).toBe("a.ts:3: m (r)");
});

test("readTree finds code, manifests and prose, and nothing that was built or installed", () => {
  const paths = readTree().map(({ path }) => path);
  expect(paths).toContain("packages/core/src/ids.ts");
  expect(paths).toContain("packages/core/package.json");
  expect(paths).toContain("package.json");
  expect(paths.filter((path) => /(^|\/)(dist|node_modules)\//.test(path))).toEqual([]);
});
