import { expect, test } from "vitest";
import { assert, AssertionError, at, unreachable } from "./assert.ts";

test("assert states the claim that is broken", () => {
  assert(Number("1") < 2, "one is less than two");
  expect(() => assert(Number("1") > 2, "one exceeds two")).toThrow(
    new AssertionError("one exceeds two"),
  );
});

test.each([-1, 2])("at refuses the offset %d of two elements", (offset) => {
  expect(() => at(["a", "b"], offset)).toThrow(AssertionError);
});

test("at returns the element, even if that is undefined", () => {
  expect(at(["a", "b"], 1)).toBe("b");
  expect(at([undefined], 0)).toBeUndefined();
});

test("unreachable names the value that was thought impossible", () => {
  expect(() => unreachable("other" as never)).toThrow('unreachable: "other"');
});
