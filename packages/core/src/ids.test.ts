import { expect, test } from "vitest";
import { isSafe, termMax } from "./ids.ts";

test.each([0, 1, 42, Number.MAX_SAFE_INTEGER])("isSafe takes %d", (value) => {
  expect(isSafe(value)).toBe(true);
});

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", 1n, null, undefined, {}])(
  "isSafe refuses %s",
  (value) => {
    expect(isSafe(value)).toBe(false);
  },
);

test("termMax leaves room for one more term", () => {
  expect(Number.isSafeInteger(termMax + 1)).toBe(true);
});
