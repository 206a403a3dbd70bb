import { expect, test } from "vitest";
import { noDeadFiles } from "./dead-files.ts";

const manifest = {
  exports: { ".": { "@quorate/source": "./src/index.ts", default: "./dist/index.js" } },
  bin: { quorate: "./bin/quorate.js" },
};
const alive = {
  "package.json": JSON.stringify({
    scripts: { bench: "tsc && node bench/dist/main.js", sim: "node packages/core/bin/sim.mjs" },
  }),
  "packages/core/package.json": JSON.stringify(manifest),
  "packages/core/bin/quorate.js": 'import { main } from "../dist/main.js";',
  "packages/core/bin/sim.mjs": 'await import("../dist/sim.js");',
  "packages/core/src/sim.ts": "",
  "packages/core/src/index.ts": 'export { a } from "./a.ts";',
  "packages/core/src/a.ts": 'new Worker(new URL("./worker.js", import.meta.url));',
  "packages/core/src/worker.ts": "",
  "packages/core/src/main.ts": "",
  "packages/core/src/a.test.ts": 'import { a } from "../test/cluster.ts";',
  "packages/core/test/cluster.ts": 'import { a } from "../src/a.ts";',
  "bench/src/main.ts": 'import { t } from "./table.ts";',
  "bench/src/table.ts": "",
  "examples/counter/main.ts": "",
};

const found = (more: Record<string, string>): readonly string[] =>
  noDeadFiles(Object.entries({ ...alive, ...more }).map(([path, text]) => ({ path, text }))).map(
    ({ path, message }) => `${path}: ${message}`,
  );

test("noDeadFiles accepts what exports, commands, scripts, workers, examples and tests reach", () => {
  expect(found({})).toEqual([]);
});

test("noDeadFiles refuses a file that nothing reaches", () => {
  expect(found({ "packages/core/src/b.ts": "" })).toEqual([
    "packages/core/src/b.ts: nothing reaches this file",
  ]);
  expect(found({ "packages/core/test/b.ts": "" })).toEqual([
    "packages/core/test/b.ts: nothing reaches this file",
  ]);
});

test("noDeadFiles refuses files that reach only one another", () => {
  const one = 'import { c } from "./c.ts";';
  const other = 'import { b } from "./b.ts";';
  const files = { "packages/core/src/b.ts": one, "packages/core/src/c.ts": other };
  expect(found(files)).toHaveLength(2);
});

test("noDeadFiles refuses code that only its test reaches", () => {
  const files = {
    "packages/core/src/b.ts": "",
    "packages/core/src/b.test.ts": 'import { b } from "./b.ts";',
  };
  expect(found(files)).toEqual(["packages/core/src/b.ts: only tests reach this file"]);
});
