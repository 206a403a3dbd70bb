import { expect, test } from "vitest";
import { occurrencesOf, patched, patchedFiles } from "./patch.ts";

const patch = { file: "a.ts", find: "one", replace: "$& two" };

test("patched replaces what the text holds once, word for word", () => {
  expect(patched("zero one three", patch)).toBe("zero $& two three");
});

test("patched refuses a text that holds it not at all or twice", () => {
  expect(() => patched("zero", patch)).toThrow(
    "a.ts must hold this once, and holds it 0 times: one",
  );
  expect(() => patched("one one", patch)).toThrow("holds it 2 times");
  expect(() => patched("one", { ...patch, find: "" })).toThrow("holds it 0 times");
});

test("patchedFiles applies the patches of one file one after another, and reads each file once", () => {
  const reads: string[] = [];
  const read = (path: string): string => {
    reads.push(path);
    return `${path}: one`;
  };
  const second = { file: "a.ts", find: "two", replace: "three" };
  const other = { file: "b.ts", find: "one", replace: "1" };
  expect([...patchedFiles([patch, second, other], read)]).toEqual([
    ["a.ts", "a.ts: $& three"],
    ["b.ts", "b.ts: 1"],
  ]);
  expect(reads).toEqual(["a.ts", "b.ts"]);
});

test("occurrencesOf counts", () => {
  expect(occurrencesOf("ab", "abcabc")).toBe(2);
});
