import { expect, test } from "vitest";
import { RateLimiter } from "./rate-limiter.ts";

function newLimiter(limits: { perSecond?: number; burst?: number; clientCountMax?: number } = {}): {
  limiter: RateLimiter;
  pass(ms: number): void;
} {
  let nowMs = 1e6;
  const complete = { perSecond: 10, burst: 3, clientCountMax: 2, ...limits };
  const limiter = new RateLimiter(complete, () => nowMs);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { limiter, pass };
}

/** How many of `count` requests are let in. */
function taken(limiter: RateLimiter, client: string, count: number): number {
  return Array.from({ length: count }, () => limiter.take(client)).filter(Boolean).length;
}

test("RateLimiter lets a burst in, and then as many as time brings", () => {
  const { limiter, pass } = newLimiter();
  expect(taken(limiter, "a", 5)).toBe(3);
  pass(99);
  expect(taken(limiter, "a", 5)).toBe(0);
  pass(1);
  expect(taken(limiter, "a", 5)).toBe(1);
  pass(250);
  expect(taken(limiter, "a", 5)).toBe(2);
  pass(1e9);
  expect(taken(limiter, "a", 5)).toBe(3);
});

test("RateLimiter keeps clients apart", () => {
  const { limiter } = newLimiter();
  expect(taken(limiter, "a", 5)).toBe(3);
  expect(taken(limiter, "b", 5)).toBe(3);
});

test("RateLimiter forgets whoever was quiet for longest, and never knows more than it may", () => {
  const { limiter } = newLimiter();
  expect([taken(limiter, "a", 3), taken(limiter, "b", 3)]).toEqual([3, 3]);
  limiter.take("a");
  limiter.take("c");
  expect(limiter.clientCount).toBe(2);
  expect([taken(limiter, "a", 1), taken(limiter, "b", 1)]).toEqual([0, 1]);
  for (let client = 0; client < 1000; client++) limiter.take(String(client));
  expect(limiter.clientCount).toBe(2);
});

test("RateLimiter without a rate lets everything in, and remembers nobody", () => {
  const { limiter } = newLimiter({ perSecond: 0 });
  expect(taken(limiter, "a", 1000)).toBe(1000);
  expect(limiter.clientCount).toBe(0);
});
