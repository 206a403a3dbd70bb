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

test("ManualClock shows the time of day in step, until it is suspended or set", () => {
  const clock = new ManualClock();
  const start = clock.wall();
  clock.advance(100);
  clock.pause(100);
  expect([clock.now(), clock.wall() - start]).toEqual([200, 200]);
  clock.suspend(1000);
  expect([clock.now(), clock.wall() - start]).toEqual([200, 1200]);
  clock.setWall(-5000);
  expect([clock.now(), clock.wall() - start]).toEqual([200, -3800]);
});
