import { expect, test } from "vitest";
import { AssertionError } from "./assert.ts";
import { Inflights } from "./inflights.ts";

test("Inflights is full at the count limit", () => {
  const inflights = new Inflights({ countMax: 2, bytesMax: 1000 });
  inflights.add(1, 10);
  expect(inflights.full).toBe(false);
  inflights.add(2, 10);
  expect(inflights.full).toBe(true);
  expect(inflights.count).toBe(2);
  expect(inflights.bytes).toBe(20);
});

test("Inflights takes the append that crosses the byte limit, and no other", () => {
  const inflights = new Inflights({ countMax: 100, bytesMax: 50 });
  inflights.add(1, 49);
  expect(inflights.full).toBe(false);
  inflights.add(2, 100);
  expect(inflights.full).toBe(true);
  expect(() => inflights.add(3, 1)).toThrow(AssertionError);
  expect(inflights.bytes).toBe(149);
});

test("Inflights is full at exactly the byte limit", () => {
  const inflights = new Inflights({ countMax: 100, bytesMax: 50 });
  inflights.add(1, 50);
  expect(inflights.full).toBe(true);
});

test.each([
  ["before all", 9, 3, 60],
  ["between the first two", 14, 2, 50],
  ["at the end of the second", 20, 1, 30],
  ["at the end", 30, 0, 0],
  ["behind all", 99, 0, 0],
])("freeTo an index %s", (_, index, count, bytes) => {
  const inflights = new Inflights({ countMax: 10, bytesMax: 1000 });
  inflights.add(10, 10);
  inflights.add(20, 20);
  inflights.add(30, 30);
  inflights.freeTo(index);
  expect(inflights.count).toBe(count);
  expect(inflights.bytes).toBe(bytes);
});

test("Inflights only moves forward", () => {
  const inflights = new Inflights({ countMax: 10, bytesMax: 1000 });
  inflights.add(10, 1);
  expect(() => inflights.add(10, 1)).toThrow(AssertionError);
  expect(() => inflights.add(9, 1)).toThrow(AssertionError);
});

test("freeTo makes room again, however often the window turns over", () => {
  const inflights = new Inflights({ countMax: 3, bytesMax: 1000 });
  for (let index = 1; index <= 1000; index++) {
    inflights.add(index, index);
    if (inflights.full) inflights.freeTo(index - 1);
    expect(inflights.count).toBeLessThanOrEqual(3);
  }
  inflights.freeTo(1000);
  expect(inflights.count).toBe(0);
  expect(inflights.bytes).toBe(0);
});
