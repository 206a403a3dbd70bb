import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUint64, encodeUint64 } from "./uint64.ts";

test("encodeUint64 puts the highest byte first", () => {
  expect(encodeUint64(0x0102_0304_0506)).toEqual(Uint8Array.of(0, 0, 1, 2, 3, 4, 5, 6));
});

test("decodeUint64 reads what encodeUint64 made", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(decodeUint64(encodeUint64(value))).toBe(value);
    }),
  );
});

test("decodeUint64 refuses another length, and numbers above 2^53 - 1", () => {
  const malformed: unknown = expect.objectContaining({ code: "malformed" });
  expect(() => decodeUint64(new Uint8Array(7))).toThrow(malformed);
  expect(() => decodeUint64(new Uint8Array(9))).toThrow(malformed);
  expect(() => decodeUint64(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0))).toThrow(malformed);
  expect(() => decodeUint64(new Uint8Array(8).fill(0xff))).toThrow(malformed);
});
