import { expect, test } from "vitest";
import { type Edn, parseEdn } from "./edn.ts";

/** EDN values as JSON: names as text with their colon, maps as objects. */
function plain(value: Edn): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value.kind === "name") return value.name;
  if (value.kind === "sequence") return value.items.map(plain);
  return Object.fromEntries([...value.entries].map(([name, one]) => [name, plain(one)]));
}

test.each([
  ["nil true false", [null, true, false]],
  ["0 -7 +7 12N 1.5 -2e3 3M", [0, -7, 7, 12, 1.5, -2000, 3]],
  ["9007199254740993 -9007199254740993N", ["9007199254740993", "-9007199254740993"]],
  [
    String.raw`"a\n\"b\"é" "" "two
lines"`,
    ['a\n"b"é', "", "two\nlines"],
  ],
  [String.raw`\a \newline \(`, ["a", "\n", "("]],
  [":f :a/b sym - +", [":f", ":a/b", "sym", "-", "+"]],
  ["[1 [2 (3)] #{4}] ()", [[1, [2, [3]], [4]], []]],
  ["{:a 1, :b {:c nil} 7 8}", [{ a: 1, b: { c: null } }]],
  ["; a remark\n1 ; another\n#_ 2 #_[3] 4", [1, 4]],
  ['#inst "2020-01-01" #jepsen.history.Op{:index 0}', ["2020-01-01", { index: 0 }]],
  ["", []],
  [" ,,\n", []],
])("%j is read as what it says", (text, values) => {
  expect(parseEdn(text).map(plain)).toEqual(values);
});

test.each([
  ["[1", "line 1: ] is missing, opened on line 1"],
  ["[1\n2}", "line 2: ] is missing, opened on line 1"],
  ["\n]", "line 2: ] closes nothing"],
  ['\n"abc\n', "line 2: a string is not closed"],
  [String.raw`"\u12"`, "line 1: \\u has no four digits"],
  ["{:a}", "line 1: a map has a key without a value"],
  ["[#_]", "line 1: a value is missing"],
  ["[".repeat(70), "line 1: is nested more than 64 deep"],
])("%j is refused: %s", (text, message) => {
  expect(() => parseEdn(text)).toThrow(message);
});

test("a map knows the line on which it begins", () => {
  const values = parseEdn('; one\n{:a "x\ny"}\n\n{:b 1}');
  const lines = values.map((value) =>
    typeof value === "object" && value?.kind === "map" ? value.line : 0,
  );
  expect(lines).toEqual([2, 5]);
});
