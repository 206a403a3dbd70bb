import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";
import { ManualClock } from "./testing.ts";

function newDeadlines(): { clock: ManualClock; deadlines: Deadlines } {
  const clock = new ManualClock();
  return { clock, deadlines: new Deadlines(clock, (work) => work()) };
}

test("Deadlines expire each item once, never early, and late by one part in 64 at most", () => {
  const timeouts = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(timeouts, fc.integer({ min: 0, max: 5000 }), (all, start) => {
      const { clock, deadlines } = newDeadlines();
      clock.advance(start);
      const expiredAt = all.map(() => 0);
      for (const [offset, timeoutMs] of all.entries()) {
        const onDeadline = (): void => {
          expect(expiredAt[offset]).toBe(0);
          expiredAt[offset] = clock.now();
        };
        deadlines.add({ onDeadline }, timeoutMs);
      }
      clock.advance(200_000);
      for (const [offset, timeoutMs] of all.entries()) {
        const late = (expiredAt[offset] ?? 0) - start - timeoutMs;
        expect(late).toBeGreaterThanOrEqual(0);
        expect(late).toBeLessThanOrEqual(Math.max(1, timeoutMs / 64));
      }
      expect(clock.timerCount).toBe(0);
    }),
  );
});

test("Deadlines.remove keeps an item from expiring", () => {
  const { clock, deadlines } = newDeadlines();
  const expired: string[] = [];
  const kept = { onDeadline: () => expired.push("kept") };
  const removed = { onDeadline: () => expired.push("removed") };
  deadlines.add(kept, 1000);
  deadlines.remove(removed, deadlines.add(removed, 1000));
  clock.advance(2000);
  expect(expired).toEqual(["kept"]);
});

test("Deadlines hold one timer, however many items there are", () => {
  const { clock, deadlines } = newDeadlines();
  for (let ms = 5000; ms > 0; ms -= 7) deadlines.add({ onDeadline: () => {} }, ms);
  expect(clock.timerCount).toBe(1);
});

test("Deadlines let an expiry remove another item, and file a new one", () => {
  const { clock, deadlines } = newDeadlines();
  const expired: string[] = [];
  const second = { onDeadline: () => expired.push("second") };
  const first = {
    onDeadline: () => {
      expired.push("first");
      deadlines.remove(second, key);
      deadlines.add({ onDeadline: () => expired.push("third") }, 10);
    },
  };
  deadlines.add(first, 100);
  const key = deadlines.add(second, 100);
  clock.advance(1000);
  expect(expired).toEqual(["first", "third"]);
});

test("Deadlines.clear forgets everything, also from within an expiry", () => {
  const { clock, deadlines } = newDeadlines();
  const expired: string[] = [];
  const item = {
    onDeadline: () => {
      expired.push("one");
      deadlines.clear();
    },
  };
  deadlines.add(item, 100);
  deadlines.add({ onDeadline: () => expired.push("two") }, 100);
  deadlines.add({ onDeadline: () => expired.push("three") }, 500);
  clock.advance(1000);
  expect(expired).toEqual(["one"]);
  expect(clock.timerCount).toBe(0);
});

test("Deadlines beyond what a timer can count are waited for in parts", () => {
  const { clock, deadlines } = newDeadlines();
  clock.advance(100_000);
  let expiredAt = 0;
  const timeoutMs = 2 ** 31 - 1;
  deadlines.add({ onDeadline: () => (expiredAt = clock.now()) }, timeoutMs);
  clock.advance(2 ** 32);
  expect(expiredAt).toBeGreaterThanOrEqual(100_000 + timeoutMs);
});
