import fc from "fast-check";
import { expect, test } from "vitest";
import { LogMeter } from "./log-meter.ts";

/** The bytes of the entries after `index`, by counting all. */
function bytesAfter(sizes: readonly number[], index: number): number {
  return sizes.slice(index).reduce((sum, size) => sum + size, 0);
}

const sizes = fc.array(fc.integer({ min: 16, max: 200 }), { maxLength: 60 });

test("LogMeter measures to the byte if every entry is a portion", () => {
  fc.assert(
    fc.property(sizes, fc.nat(60), fc.nat(4000), (all, index, bytesMax) => {
      const meter = new LogMeter(1, 0);
      for (const [offset, size] of all.entries()) meter.add(offset + 1, size);
      expect(meter.bytesAfter(index)).toBe(bytesAfter(all, index));
      const least = meter.indexLeaving(bytesMax);
      expect(bytesAfter(all, least)).toBeLessThanOrEqual(bytesMax);
      if (least > 0) expect(bytesAfter(all, least - 1)).toBeGreaterThan(bytesMax);
    }),
  );
});

test("LogMeter errs by less than a portion and an entry, also after it forgot", () => {
  fc.assert(
    fc.property(sizes, fc.nat(60), fc.nat(60), (all, forgotten, later) => {
      const meter = new LogMeter(500, 0);
      for (const [offset, size] of all.entries()) meter.add(offset + 1, size);
      meter.forget(forgotten);
      const index = Math.max(forgotten, later);
      const exact = bytesAfter(all, index);
      expect(meter.bytesAfter(index)).toBeGreaterThanOrEqual(exact);
      expect(meter.bytesAfter(index)).toBeLessThan(exact + 500);
      const least = meter.indexLeaving(meter.bytesAfter(index));
      expect(least).toBeLessThanOrEqual(index);
    }),
  );
});

test("LogMeter.reset counts anew", () => {
  const meter = new LogMeter(1, 0);
  meter.add(1, 100);
  meter.reset(50);
  expect(meter.bytesAfter(0)).toBe(0);
  meter.add(51, 30);
  expect(meter.bytesAfter(50)).toBe(30);
  expect(meter.indexLeaving(0)).toBe(51);
  expect(() => meter.add(51, 30)).toThrow("in order");
});
