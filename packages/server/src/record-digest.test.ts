import fc from "fast-check";
import { expect, test } from "vitest";
import type { KvRecord } from "./kv-snapshot.ts";
import { HashedValue, RecordDigest } from "./record-digest.ts";

const records: fc.Arbitrary<readonly KvRecord[]> = fc.uniqueArray(
  fc.record({
    name: fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 9 }),
    value: fc.uint8Array({ maxLength: 9 }),
    modifiedIndex: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  }),
  { selector: ({ name }) => name, maxLength: 6 },
);

function hexOf(digest: RecordDigest): string {
  return Buffer.from(digest.bytes()).toString("hex");
}

function digestOf(all: readonly KvRecord[]): string {
  const digest = new RecordDigest();
  for (const record of all) digest.add(new HashedValue(record));
  return hexOf(digest);
}

test("a digest does not depend on the order, nor on what was there and is gone", () => {
  fc.assert(
    fc.property(records, records, (kept, gone) => {
      const digest = new RecordDigest();
      for (const record of [...gone, ...kept]) digest.add(new HashedValue(record));
      for (const record of gone) digest.remove(new HashedValue(record));
      expect(hexOf(digest)).toBe(digestOf(kept.toReversed()));
    }),
  );
});

test("a digest depends on every name, value and place", () => {
  const value = Uint8Array.of(1, 2, 3, 4, 5);
  const base: KvRecord = { name: "ab", value, modifiedIndex: 7 };
  const others: readonly KvRecord[] = [
    { ...base, name: "ba" },
    { ...base, name: "abc" },
    { ...base, name: "ab\0" },
    { ...base, value: Uint8Array.of(1, 2, 3, 4) },
    { ...base, value: Uint8Array.of(1, 2, 3, 4, 5, 0) },
    { ...base, value: Uint8Array.of(2, 1, 3, 4, 5) },
    { ...base, modifiedIndex: 8 },
    { ...base, modifiedIndex: 7 + 2 ** 32 },
  ];
  for (let bit = 0; bit < 8 * value.length; bit++) {
    const turned = value.slice();
    turned[bit >>> 3] = (turned[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    expect(digestOf([{ ...base, value: turned }])).not.toBe(digestOf([base]));
  }
  const digests = [base, ...others].map((record) => digestOf([record]));
  expect(new Set(digests).size).toBe(digests.length);
});

test("values that were put under one another's names are told apart", () => {
  const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)];
  const pair = (a: Uint8Array, b: Uint8Array): string =>
    digestOf([
      { name: "a", value: a, modifiedIndex: 3 },
      { name: "b", value: b, modifiedIndex: 3 },
    ]);
  expect(pair(one, two)).not.toBe(pair(two, one));
});

test("records that are almost alike have digests that are not", () => {
  const digests = new Set<string>();
  const count = 20_000;
  for (let index = 1; index <= count; index++) {
    const value = Buffer.from(`value ${index % 200}`);
    digests.add(digestOf([{ name: `key ${index % 100}`, value, modifiedIndex: index }]));
  }
  expect(digests.size).toBe(count);
});

test("a digest is what it always was", () => {
  const value = Buffer.from("hi");
  expect(digestOf([])).toBe("00000000000000000000000000000000");
  expect(digestOf([{ name: "greeting", value, modifiedIndex: 7 }])).toBe(
    "0000000000000001bf03dfb9b949733b",
  );
});
