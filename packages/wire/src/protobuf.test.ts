import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError } from "@quorate/core";
import { ProtoReader, varintBytes, writeVarint } from "./protobuf.ts";

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(varintBytes(value));
  expect(writeVarint(bytes, 0, value)).toBe(bytes.length);
  return bytes;
}

/** The definition, in exact arithmetic. */
function naive(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...naive(value >> 7n)];
}

const edges = Array.from({ length: 54 }, (_, bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1])
  .flat()
  .filter((value) => Number.isSafeInteger(value));

for (const value of edges) {
  test(`the varint of ${value} is that of the definition, and is read back`, () => {
    expect([...varint(value)]).toEqual(naive(BigInt(value)));
    expect(new ProtoReader(varint(value)).number()).toBe(value);
  });
}

test("a varint is read back whatever the number", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect([...varint(value)]).toEqual(naive(BigInt(value)));
      expect(new ProtoReader(varint(value)).number()).toBe(value);
    }),
  );
});

for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
  test(`varintBytes asserts that ${value} is not encoded`, () => {
    expect(() => varintBytes(value)).toThrow(AssertionError);
  });
}

const unreadable: Record<string, readonly number[]> = {
  "of nothing": [],
  "cut short": [0x80],
  "of 2^53": naive(2n ** 53n),
  "of 2^64 - 1": naive(2n ** 64n - 1n),
  "of eleven bytes": [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
};

for (const [name, bytes] of Object.entries(unreadable)) {
  test(`a varint ${name} is malformed`, () => {
    const reader = new ProtoReader(Uint8Array.from(bytes));
    expect(() => reader.number()).toThrow(expect.objectContaining({ code: "malformed" }));
  });
}

test("a varint may be longer than need be, up to ten bytes", () => {
  const bytes = Uint8Array.of(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0);
  expect(new ProtoReader(bytes).number()).toBe(5);
});

/** Reads one field that nobody knows, and tells how many bytes that took. */
function skipped(bytes: readonly number[]): number {
  const reader = new ProtoReader(Uint8Array.from(bytes));
  reader.skipUnknown(reader.tag(), 14);
  return reader.offset;
}

const skippable: Record<string, readonly number[]> = {
  "a number of any size": [0x78, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  "eight bytes": [0x79, 1, 2, 3, 4, 5, 6, 7, 8],
  bytes: [0x7a, 3, 1, 2, 3],
  "an empty group": [0x7b, 0x7c],
  "a group of everything": [
    0x7b, 0x08, 1, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 1, 9, 0x23, 0x24, 0x7c,
  ],
  "four bytes": [0x7d, 1, 2, 3, 4],
  "a field of the highest number": [0xf8, 0xff, 0xff, 0xff, 0x0f, 1],
};

for (const [name, bytes] of Object.entries(skippable)) {
  test(`an unknown field is skipped: ${name}`, () => {
    expect(skipped([...bytes, 0x08])).toBe(bytes.length);
  });

  test(`an unknown field cut short anywhere is malformed: ${name}`, () => {
    for (let length = 0; length < bytes.length; length++) {
      const attempt = (): number => skipped(bytes.slice(0, length));
      expect(attempt).toThrow(expect.objectContaining({ code: "malformed" }));
    }
  });
}

const unskippable: Record<string, readonly number[]> = {
  "field number 0": [0x00, 1],
  "a field number of 30 bits": [0x80, 0x80, 0x80, 0x80, 0x10, 1],
  "a field number of 30 bits that ends like another": [0xf8, 0x80, 0x80, 0x80, 0x10, 1],
  "field number 0 in a group": [0x7b, 0x00, 1, 0x7c],
  "a number of eleven bytes": [0x78, ...Array<number>(10).fill(0x80), 0],
  "the end of a group that did not begin": [0x7c],
  "a group that ends with another number": [0x7b, 0x84, 1],
  "groups nested too deep": [...Array<number>(33).fill(0x7b), ...Array<number>(33).fill(0x7c)],
  "wire type 6": [0x7e],
  "wire type 7": [0x7f],
  "a known field of another wire type": [0x71, 1, 2, 3, 4, 5, 6, 7, 8],
};

for (const [name, bytes] of Object.entries(unskippable)) {
  test(`a field is malformed: ${name}`, () => {
    expect(() => skipped(bytes)).toThrow(expect.objectContaining({ code: "malformed" }));
  });
}

test("groups nest as deep as the limit", () => {
  const bytes = [...Array<number>(32).fill(0x7b), ...Array<number>(32).fill(0x7c)];
  expect(skipped(bytes)).toBe(64);
});
