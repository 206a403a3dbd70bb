import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

const limits = { reconnectMsMin: 50, reconnectMsMax: 2000 };

test("backoffMs doubles its bound with every failure, up to the limit", () => {
  const bounds = [1, 2, 3, 4, 5, 6, 7, 1000].map((count) => backoffMs(count, limits, 1));
  expect(bounds).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000]);
});

test("backoffMs spreads over the whole range below its bound", () => {
  expect(backoffMs(3, limits, 0)).toBe(0);
  expect(backoffMs(3, limits, 0.5)).toBe(100);
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (count, random) => {
      const wait = backoffMs(count, limits, random);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(limits.reconnectMsMax);
    }),
  );
});
