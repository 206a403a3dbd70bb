import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../tree.ts";
import { catalogue } from "./catalogue.ts";
import { readSource, sourcePaths } from "./packages.ts";
import { patchedFiles } from "./patch.ts";
import { rows } from "./rows.ts";
import { transpile } from "./transpile.ts";

test("every mutant has an id of its own, which begins with its first row", () => {
  const ids = catalogue.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, rows: own } of catalogue) expect(id).toMatch(new RegExp(`^${own[0]}-[a-z-]+$`));
});

test("every mutant patches sources that are simulated, each place once, and is still a program", () => {
  const sources = new Set(sourcePaths());
  for (const { id, patches } of catalogue) {
    expect(patches.length, id).toBeGreaterThan(0);
    for (const [path, text] of patchedFiles(patches, readSource)) {
      expect(sources, id).toContain(path);
      expect(text, id).not.toBe(readSource(path));
      expect(transpile(path, text), id).not.toBe("");
    }
  }
});

test("the tests that are to catch a mutant are there", () => {
  for (const mutant of catalogue) {
    if (mutant.level !== "unit") continue;
    expect(mutant.tests.length, mutant.id).toBeGreaterThan(0);
    for (const path of mutant.tests) expect(existsSync(join(root, path)), path).toBe(true);
  }
});

test("every row has a mutant or a reason why not, and not both", () => {
  const expressed = new Set(catalogue.flatMap((mutant) => mutant.rows));
  for (const { id, absence } of rows) expect(expressed.has(id), id).toBe(absence === undefined);
  const known = new Set(rows.map(({ id }) => id));
  expect([...expressed].filter((id) => !known.has(id))).toEqual([]);
});

test("the rows are numbered without gaps, letter by letter", () => {
  const counts = { E: 24, R: 25, D: 16, S: 10, M: 17, L: 14 };
  const expected = Object.entries(counts).flatMap(([letter, count]) => {
    return Array.from({ length: count }, (_, offset) => `${letter}${offset + 1}`);
  });
  expect(rows.map(({ id }) => id)).toEqual(expected);
});
