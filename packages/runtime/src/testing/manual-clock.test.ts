import { expect, test } from "vitest";
import { ManualClock } from "./manual-clock.ts";

test("ManualClock loses no deferred work when some of it throws", () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  clock.defer(() => {
    clock.defer(() => ran.push("third"));
    throw new RangeError("first");
  });
  clock.defer(() => ran.push("second"));
  expect(() => clock.runDeferred()).toThrow("first");
  expect(ran).toEqual([]);
  clock.runDeferred();
  expect(ran).toEqual(["second", "third"]);
  expect(clock.hasDeferred).toBe(false);
});
