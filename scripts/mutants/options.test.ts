import { expect, test } from "vitest";
import { catalogue } from "./catalogue.ts";
import { parseOptions } from "./options.ts";
import { fullRange } from "./trial.ts";

function chosen(only: string): readonly string[] {
  return catalogue.filter(parseOptions(["--only", only]).isChosen).map(({ id }) => id);
}

test("parseOptions takes all mutants, two at a time, from five starts, if nothing is said", () => {
  const { isChosen, ...rest } = parseOptions([]);
  expect(catalogue.filter(isChosen)).toEqual(catalogue);
  expect(rest).toEqual({ jobCount: 2, range: fullRange, json: false, write: false });
  expect(fullRange.starts.length).toBe(5);
});

test("parseOptions chooses mutants by row, by level and by the beginning of their name", () => {
  expect(chosen("E8")).toEqual(["E8-stale-votes-counted"]);
  // A row is not the beginning of another's number.
  expect(chosen("E1")).toContain("E1-vote-before-durable");
  expect(chosen("E1")).not.toContain("E11-longer-log-wins");
  expect(chosen("R6,D3-")).toEqual(["R6-empty-append-not-compared", "D3-commit-behind-applied"]);
  expect(chosen("unit")).toContain("R22-impostor-overwrites-leader");
  expect(chosen("nothing")).toEqual([]);
});

test("parseOptions refuses what makes no sense", () => {
  expect(() => parseOptions(["--jobs", "0"])).toThrow(TypeError);
  expect(() => parseOptions(["--starts", "1,x"])).toThrow(TypeError);
  expect(() => parseOptions(["--write", "--only", "E1"])).toThrow("--write takes all mutants");
  expect(() => parseOptions(["--what"])).toThrow(TypeError);
});

test("parseOptions takes other seeds", () => {
  const { range } = parseOptions(["--starts", "7,9", "--seeds", "3"]);
  expect(range).toEqual({ starts: [7, 9], seedCountMax: 3 });
});
