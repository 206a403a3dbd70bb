import { expect, test } from "vitest";
import { houseWords, noMachinePaths, nothingUndone, suppressionsExplained } from "./words.ts";

const path = "packages/core/src/x.ts";

test.each([
  "const currentTerm = 1;",
  "interface I { readonly votedFor: number }",
  "function purgeLog() {}",
  "class PeerManager {}",
  "function f(msg: string) {}",
  "type AppendMsg = 1;",
  "const lastIdx = 1;",
  "class C { #cfg = 1; }",
  "interface I { readonly maxBytes: number }",
  "const { size: maxSize } = options;",
  "function f(payload: Uint8Array) {}",
])("houseWords refuses %j", (text) => {
  expect(houseWords({ path, text })).toMatchObject([{ line: 1, rule: "house-words" }]);
});

test.each([
  "const term = 1;",
  "term = other.currentTerm;",
  "const { maxRetries } = foreign;",
  "const { msg: message } = foreign;",
  "f({ maxRetries: 1 });",
  "function maxOf(a: readonly number[]) {}",
  "const messages = 1;",
  'const a = "currentTerm";',
])("houseWords accepts %j", (text) => {
  expect(houseWords({ path, text })).toEqual([]);
});

test("houseWords knows where a word is the right one", () => {
  const text = "function f(payload: Uint8Array) {}";
  expect(houseWords({ path: "packages/wire/src/frame.ts", text })).toEqual([]);
});

test("houseWords refuses a file whose name says nothing", () => {
  const names = ["utils", "log-helpers", "types", "base", "connection-manager"];
  for (const name of names) {
    const file = { path: `packages/wal/src/${name}.ts`, text: "" };
    expect(houseWords(file), name).toMatchObject([{ line: 1, rule: "house-words" }]);
  }
  expect(houseWords({ path: "packages/wal/src/database.ts", text: "" })).toEqual([]);
});

test("nothingUndone refuses work left undone, in code and in prose", () => {
  for (const mark of ["TO DO", "FIX ME", "XX X", "HA CK"].map((word) => word.replace(" ", ""))) {
    expect(nothingUndone({ path, text: `\n// ${mark}: later` }), mark).toMatchObject([{ line: 2 }]);
    expect(nothingUndone({ path: "README.md", text: `${mark} later` }), mark).toHaveLength(1);
  }
  expect(nothingUndone({ path, text: "// A hack nobody can use; todo lists." })).toEqual([]);
});

const disable = ["oxlint", "disable"].join("-");
const ts = ["@", "ts"].join("");

test.each([
  `// ${ts}-ignore`,
  `// ${ts}-expect-error: the types are wrong`,
  `/* ${disable} */`,
  `// ${disable}-next-line`,
  `// ${disable}-next-line no-console`,
  `// ${disable} no-console -- all of it`,
])("suppressionsExplained refuses %j", (text) => {
  expect(suppressionsExplained({ path, text })).toMatchObject([{ line: 1 }]);
});

test("suppressionsExplained accepts one line, with a rule and a reason", () => {
  const text = `// ${disable}-next-line no-console -- the command prints its answer`;
  expect(suppressionsExplained({ path, text })).toEqual([]);
});

test("noMachinePaths refuses a path of one machine, and no other", () => {
  for (const folder of ["home", "root", "Users"]) {
    const text = `see /${folder}/ann/notes`;
    expect(noMachinePaths({ path: "README.md", text }), folder).toHaveLength(1);
  }
  const text = "GET /v1/kv/home/x, ./home/ann, ~/home/ann, https://x.org/home/ann, `/tmp/x`";
  expect(noMachinePaths({ path: "README.md", text })).toEqual([]);
});
