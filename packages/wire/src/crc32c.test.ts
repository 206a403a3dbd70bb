import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { crc32c, crc32cBetween, useCrc32c } from "./crc32c.ts";

const ascending = Uint8Array.from({ length: 32 }, (_, position) => position);

// RFC 3720 §B.4, read as numbers, and the customary check value.
const vectors: readonly (readonly [name: string, bytes: Uint8Array, checksum: number])[] = [
  ["no bytes", new Uint8Array(0), 0],
  ["the digits 1 to 9", Uint8Array.from("123456789", (digit) => digit.charCodeAt(0)), 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["32 ascending bytes", ascending, 0x46dd794e],
  ["32 descending bytes", ascending.slice().reverse(), 0x113fdb5c],
];

for (const [name, bytes, checksum] of vectors) {
  test(`crc32c of ${name}`, () => {
    expect(crc32c(bytes)).toBe(checksum);
  });
}

/** The definition, bit by bit. */
function naive(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

test("crc32c follows the definition at every length and alignment", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 9 }), (bytes, start) => {
      const part = bytes.subarray(start);
      expect(crc32c(part)).toBe(naive(part));
    }),
  );
});

test("crc32c of chunks, each seeded with the one before, is that of the whole", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (chunks) => {
      const whole = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
      const chained = chunks.reduce((seed, chunk) => crc32c(chunk, seed), 0);
      expect(chained).toBe(crc32c(whole));
    }),
  );
});

test("useCrc32c takes nothing that gives other checksums", () => {
  expect(useCrc32c(() => 7)).toBe(false);
  expect(useCrc32c((bytes) => naive(bytes))).toBe(false);
  const bytes = new Uint8Array(10_000).fill(3);
  expect(crc32c(bytes)).toBe(naive(bytes));
  onTestFinished(() => void useCrc32c(undefined));
  expect(useCrc32c((all, seed) => naive(all, seed))).toBe(true);
  expect(crc32c(bytes.subarray(5000), crc32c(bytes.subarray(0, 5000)))).toBe(naive(bytes));
});

test("crc32cBetween is the checksum of a part", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat({ max: 60 }),
      fc.nat({ max: 60 }),
      (bytes, a, b) => {
        const start = Math.min(a, b, bytes.length);
        const end = Math.min(Math.max(a, b), bytes.length);
        expect(crc32cBetween(bytes, start, end)).toBe(crc32c(bytes.subarray(start, end)));
      },
    ),
  );
});
