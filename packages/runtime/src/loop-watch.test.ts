import { expect, test } from "vitest";
import { LoopWatch } from "./loop-watch.ts";
import { ManualClock } from "./testing.ts";

test("LoopWatch tells a lag once ticks were late three times within the window", () => {
  const clock = new ManualClock();
  const watch = new LoopWatch(clock, 900, 30_000);
  const late = (afterMs: number, lateMs: number): boolean => {
    clock.pause(afterMs);
    watch.onTicks(lateMs);
    return watch.takeLag();
  };
  expect([late(0, 901), late(10_000, 901), late(10_000, 900), late(0, 0)]).toEqual([
    false,
    false,
    false,
    false,
  ]);
  // The first is forgotten by now.
  expect(late(10_000, 901)).toBe(false);
  expect(late(5000, 5000)).toBe(true);
  expect([late(0, 901), late(0, 901), late(0, 901)]).toEqual([false, false, true]);
});
