import { expect, test } from "vitest";
import { SnapshotThrottle } from "./snapshot-throttle.ts";
import { ManualClock } from "./testing.ts";

const run = (work: () => void): void => work();

test("SnapshotThrottle lets no more bytes leave than its rate allows", () => {
  const clock = new ManualClock();
  const throttle = new SnapshotThrottle(clock, 1000, run);
  const sentAt: number[] = [];
  const send = (): void => {
    if (sentAt.length === 50) return;
    sentAt.push(clock.now());
    if (throttle.tryTake(100)) send();
    else throttle.wait(100, send);
  };
  expect(throttle.tryTake(100)).toBe(true);
  send();
  clock.advance(10_000);
  expect(sentAt).toHaveLength(50);
  // Fifty times 100 bytes at 1000 bytes a second, give or take the burst and the rounding of timers.
  expect(clock.timerCount).toBe(0);
  expect(sentAt.at(-1)).toBeGreaterThan(4700);
  expect(sentAt.at(-1)).toBeLessThan(5100);
});

test("SnapshotThrottle serves in the order of coming, and nobody twice before another", () => {
  const clock = new ManualClock();
  const throttle = new SnapshotThrottle(clock, 1000, run);
  throttle.tryTake(1000);
  const served: string[] = [];
  const again = (name: string): void => {
    served.push(name);
    if (served.length < 6) throttle.wait(500, () => again(name));
  };
  for (const name of ["a", "b", "c"]) throttle.wait(500, () => again(name));
  expect(throttle.tryTake(1)).toBe(false);
  clock.advance(10_000);
  expect(served.join("")).toBe("abcabcab".slice(0, served.length));
  expect(served.length).toBeGreaterThanOrEqual(6);
});

test("SnapshotThrottle saves up a burst, and no more, in a pause", () => {
  const clock = new ManualClock();
  const throttle = new SnapshotThrottle(clock, 1000, run);
  clock.advance(3_600_000);
  let bytes = 0;
  while (throttle.tryTake(10)) bytes += 10;
  expect(bytes).toBe(100);
});

test("SnapshotThrottle.cancel takes one out of the line, and leaves no timer", () => {
  const clock = new ManualClock();
  const throttle = new SnapshotThrottle(clock, 1000, run);
  throttle.tryTake(1000);
  const served: string[] = [];
  const first = throttle.wait(1, () => served.push("first"));
  const second = throttle.wait(1, () => served.push("second"));
  throttle.cancel(first);
  clock.advance(2000);
  expect(served).toEqual(["second"]);
  throttle.cancel(second);
  throttle.tryTake(5000);
  throttle.cancel(throttle.wait(1, () => served.push("third")));
  expect(clock.timerCount).toBe(0);
});

test("SnapshotThrottle without a limit lets everything leave at once", () => {
  const clock = new ManualClock();
  const throttle = new SnapshotThrottle(clock, Infinity, run);
  for (let chunk = 0; chunk < 1000; chunk++) expect(throttle.tryTake(2 ** 40)).toBe(true);
  clock.advance(1);
  expect(throttle.tryTake(2 ** 40)).toBe(true);
});

test("SnapshotThrottle lets nobody past those who wait, though their turn may be late", () => {
  const clock = new ManualClock();
  const throttle = new SnapshotThrottle(clock, 1000, run);
  throttle.tryTake(1000);
  let isServed = false;
  throttle.wait(1, () => (isServed = true));
  // The debt is paid, and the timer has not fired.
  clock.pause(5000);
  expect(throttle.tryTake(1)).toBe(false);
  clock.advance(0);
  expect(isServed).toBe(true);
  expect(throttle.tryTake(1)).toBe(true);
});
