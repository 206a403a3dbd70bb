import { expect, test } from "vitest";
import { thirdsOf } from "./thirds.ts";

test("thirdsOf leaves the middle out, and what is left over", () => {
  expect(thirdsOf([1, 2, 3])).toEqual({ first: [1], last: [3] });
  expect(thirdsOf([1, 2, 3, 4, 5, 6, 7, 8])).toEqual({ first: [1, 2], last: [7, 8] });
});

test("thirdsOf refuses too few values", () => {
  expect(() => thirdsOf([1, 2])).toThrow("no thirds");
});
