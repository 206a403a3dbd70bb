import { expect, test } from "vitest";
import { coreRows } from "./core-rows.ts";
import { importRows, importsOf, packageOrder, rowsNameFiles } from "./imports.ts";
import type { SourceText } from "./source.ts";

test("importsOf sees every way to name a file", () => {
  const text = [
    'import { a } from "./a.ts";',
    'import type { B } from "./b.ts";',
    'export { c } from "./c.ts";',
    'const d = import("./d.ts");',
    'type E = import("./e.ts").E;',
    'new Worker(new URL("./f.ts", import.meta.url));',
    '// import { g } from "./g.ts";',
  ].join("\n");
  const imports = importsOf({ path: "x.ts", text });
  expect(imports.map(({ specifier, line }) => `${line} ${specifier}`)).toEqual([
    "1 ./a.ts",
    "2 ./b.ts",
    "3 ./c.ts",
    "4 ./d.ts",
    "5 ./e.ts",
    "6 ./f.ts",
  ]);
});

test.each([
  ["packages/core/src/x.ts", "@quorate/wire"],
  ["packages/core/src/x.test.ts", "@quorate/sim"],
  ["packages/wire/src/x.ts", "@quorate/wal"],
  ["packages/wal/src/x.ts", "@quorate/runtime/testing"],
  ["packages/runtime/src/x.ts", "quorate"],
  ["packages/quorate/src/x.ts", "@quorate/sim"],
  ["packages/server/src/x.ts", "@quorate/core"],
  ["packages/core/src/x.ts", "../../wire/src/index.ts"],
  ["packages/server/src/x.ts", "../../quorate/test/x.ts"],
  ["packages/server/test/x.ts", "../../quorate/src/x.ts"],
  ["packages/server/test/x.ts", "../../core/test/x.ts"],
  ["packages/quorate/test/x.ts", "../../server/test/x.ts"],
  ["packages/core/src/x.ts", "node:fs"],
  ["packages/core/src/x.ts", "fs"],
  ["packages/quorate/src/x.ts", "left-pad"],
])("packageOrder refuses that %s imports %s", (path, specifier) => {
  const text = `import { a } from "${specifier}";`;
  expect(packageOrder({ path, text })).toMatchObject([{ path, line: 1, rule: "package-order" }]);
});

test.each([
  ["packages/wire/src/x.ts", "@quorate/core"],
  ["packages/sim/src/x.ts", "@quorate/runtime/testing"],
  ["packages/quorate/src/x.ts", "node:fs"],
  ["packages/server/src/x.ts", "commander"],
  ["packages/core/src/x.ts", "./ids.ts"],
  ["packages/core/test/x.ts", "../src/ids.ts"],
  ["packages/core/src/x.test.ts", "node:fs"],
  ["packages/core/src/x.test.ts", "fast-check"],
  ["packages/core/test/x.ts", "@quorate/core"],
  ["packages/server/test/e2e/x.test.ts", "../../../quorate/test/x.ts"],
  ["bench/src/x.ts", "@quorate/sim"],
])("packageOrder accepts that %s imports %s", (path, specifier) => {
  expect(packageOrder({ path, text: `import { a } from "${specifier}";` })).toEqual([]);
});

test("packageOrder lets tests start programs outside of their package, and nothing else", () => {
  const text = 'spawn(new URL("../../../examples/counter/dist/counter.js", import.meta.url));';
  expect(packageOrder({ path: "packages/quorate/test/x.test.ts", text })).toEqual([]);
  expect(packageOrder({ path: "packages/quorate/src/x.ts", text })).toHaveLength(1);
});

const rows = [
  { name: "low", files: ["a.ts", "b.ts"] },
  { name: "high", files: ["c.ts"] },
];

test.each([
  ["a.ts", "./c.ts", "below"],
  ["a.ts", "./b.ts", "beside"],
  ["c.ts", "./new.ts", "without a row"],
])("importRows refuses that %s imports %s, %s it", (name, specifier) => {
  const file = { path: `packages/core/src/${name}`, text: `import { x } from "${specifier}";` };
  expect(importRows(file, rows)).toMatchObject([{ line: 1, rule: "import-rows" }]);
});

test("importRows refuses a file without a row", () => {
  const file = { path: "packages/core/src/new.ts", text: "const a = 1;" };
  expect(importRows(file, rows)).toMatchObject([{ line: 1, rule: "import-rows" }]);
});

test("importRows accepts an import from above, tests, and other packages", () => {
  const text = 'import { x } from "./a.ts";';
  expect(importRows({ path: "packages/core/src/c.ts", text }, rows)).toEqual([]);
  expect(importRows({ path: "packages/core/src/a.test.ts", text }, rows)).toEqual([]);
  expect(importRows({ path: "packages/wal/src/new.ts", text }, rows)).toEqual([]);
});

test("rowsNameFiles refuses a row that names a file which is not there", () => {
  const table = { path: "scripts/tidy/core-rows.ts", text: '["a.ts",\n"b.ts"],\n["c.ts"]\n' };
  const named = (name: string): SourceText => ({ path: `packages/core/src/${name}`, text: "" });
  const [a, b, c] = [named("a.ts"), named("b.ts"), named("c.ts")];
  expect(rowsNameFiles([table, a, b, c], rows)).toEqual([]);
  expect(rowsNameFiles([table, a, c], rows)).toMatchObject([
    { path: table.path, line: 2, rule: "rows-name-files" },
  ]);
});

test("rowsNameFiles judges nothing without the table", () => {
  expect(rowsNameFiles([], rows)).toEqual([]);
});

test("no file of the core stands in two rows", () => {
  const files = coreRows.flatMap((row) => row.files);
  expect(files).toEqual([...new Set(files)]);
});

test("files of behaviour never import one another", () => {
  const behaviour = coreRows.find(({ name }) => name === "behaviour")?.files ?? [];
  expect(behaviour.length).toBeGreaterThan(1);
  for (const one of behaviour) {
    for (const other of behaviour) {
      const file = { path: `packages/core/src/${one}`, text: `import { x } from "./${other}";` };
      expect(importRows(file), `${one} ${other}`).toHaveLength(1);
    }
  }
});
