import { afterEach, beforeEach, expect, test } from "vitest";
import { CopyMeter } from "./copy-meter.ts";

const source = new Uint8Array(100).fill(7);
let meter: CopyMeter;

beforeEach(() => {
  meter = new CopyMeter();
});
afterEach(() => meter.stop());

test.each<[string, () => unknown]>([
  ["set", () => new Uint8Array(100).set(source)],
  ["slice", () => source.slice()],
  ["slice of a buffer", () => source.buffer.slice()],
  ["copyWithin", () => new Uint8Array(200).copyWithin(0, 50, 150)],
  ["new Uint8Array", () => new Uint8Array(source)],
  ["Buffer.concat", () => Buffer.concat([source.subarray(50), source.subarray(0, 50)])],
  ["Buffer.from", () => Buffer.from(source)],
  ["Buffer.copyBytesFrom", () => Buffer.copyBytesFrom(source)],
  ["copy", () => Buffer.from(source.buffer).copy(new Uint8Array(100))],
])("CopyMeter counts the bytes that %s copies", (_, copy) => {
  copy();
  expect(meter.bytes).toBe(100);
});

test.each<[string, () => unknown]>([
  ["a view", () => new Uint8Array(source.buffer, 10, 20)],
  ["a view by subarray", () => source.subarray(10, 20)],
  ["a view by Buffer", () => Buffer.from(source.buffer)],
  ["new bytes", () => new Uint8Array(100)],
])("CopyMeter counts nothing for %s", (_, make) => {
  make();
  expect(meter.bytes).toBe(0);
});

test("CopyMeter leaves what it observed working, and as it was when it stops", () => {
  expect([...new Uint8Array(source)]).toEqual([...source]);
  expect(new Uint8Array(3)).toBeInstanceOf(Uint8Array);
  const { bytes } = meter;
  meter.stop();
  source.slice();
  expect(meter.bytes).toBe(bytes);
});
