import fc from "fast-check";
import { RaftError } from "quorate";
import { expect, test } from "vitest";
import { keyBytesMax, valueBytesMax } from "./command.ts";
import { encodeSnapshot, SnapshotDecoder, type KvRecord } from "./kv-snapshot.ts";

const record = (name: string, value: Uint8Array, modifiedIndex = 1): KvRecord => ({
  name,
  value,
  modifiedIndex,
});

function bytesOf(records: Iterable<KvRecord>): Buffer {
  return Buffer.concat([...encodeSnapshot(records)]);
}

/** Reads `bytes` in pieces that end at `cuts`. */
function decode(bytes: Uint8Array, cuts: readonly number[] = []): KvRecord[] {
  const decoder = new SnapshotDecoder();
  const records: KvRecord[] = [];
  let from = 0;
  for (const to of [...cuts].sort((a, b) => a - b).concat(bytes.length)) {
    records.push(...decoder.push(bytes.subarray(from, to)));
    from = Math.max(from, to);
  }
  decoder.finish();
  return records;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (error instanceof RaftError) return error.code;
    throw error;
  }
}

const anyRecord = fc.record({
  name: fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .map((bytes) => Buffer.from(bytes).toString("latin1")),
  value: fc.uint8Array({ maxLength: 40 }),
  modifiedIndex: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
});

test("a snapshot has the bytes of the example", () => {
  const bytes = bytesOf([record("a", Buffer.from("hi"), 7)]);
  const example = "01 0001 00000002 0000000000000007 61 6869 0000 0000000000000001";
  expect(bytes.toString("hex")).toBe(example.replaceAll(" ", ""));
});

test("records come back as they were, wherever the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 20 }), fc.array(fc.nat(999)), (records, cuts) => {
      const bytes = bytesOf(records);
      const within = cuts.map((cut) => cut % (bytes.length + 1));
      const found = decode(bytes, within);
      expect(found.map(({ value, ...rest }) => ({ ...rest, value: [...value] }))).toEqual(
        records.map(({ value, ...rest }) => ({ ...rest, value: [...value] })),
      );
      const everywhere = Array.from(bytes.keys());
      expect(decode(bytes, everywhere)).toHaveLength(records.length);
    }),
  );
});

test("the longest keys and values pass, in chunks of bounded length", () => {
  const value = Buffer.alloc(valueBytesMax, 7);
  const records = Array.from({ length: 3 }, (_, at) =>
    record(`${at}`.padEnd(keyBytesMax, "k"), value, at + 1),
  );
  const chunks = [...encodeSnapshot(records)];
  expect(Math.max(...chunks.map((chunk) => chunk.length))).toBe(valueBytesMax);
  const found = decode(Buffer.concat(chunks));
  expect(found.map(({ name, modifiedIndex }) => ({ name, modifiedIndex }))).toEqual(
    records.map(({ name, modifiedIndex }) => ({ name, modifiedIndex })),
  );
  expect(found.every((each) => value.equals(each.value))).toBe(true);
});

test("a decoded value does not hold on to the chunk that it came in", () => {
  const bytes = bytesOf([record("a", Buffer.from("kept"))]);
  const [found] = decode(bytes);
  bytes.fill(0);
  expect(Buffer.from(found?.value ?? []).toString()).toBe("kept");
});

test("a snapshot that is cut short anywhere is refused, and so is one that goes on", () => {
  const bytes = bytesOf([record("a", Buffer.from("1")), record("b", Buffer.from("22"), 3)]);
  for (let length = 0; length < bytes.length; length++) {
    expect([length, codeOf(() => decode(bytes.subarray(0, length)))]).toEqual([
      length,
      "malformed",
    ]);
  }
  expect(codeOf(() => decode(Buffer.concat([bytes, Buffer.alloc(1)])))).toBe("malformed");
});

test.each([
  ["a version before the first", "00", "malformed"],
  ["a later version", "02", "unsupported_version"],
  ["a key that is too long", "01 0401", "malformed"],
  ["a value that is too long", "01 0001 00100001 0000000000000001", "malformed"],
  ["an index of 0", "01 0001 00000000 0000000000000000", "malformed"],
  ["an index beyond 2^53", "01 0001 00000000 0020000000000000", "malformed"],
  ["a count that is wrong", "01 0000 0000000000000001", "malformed"],
])("%s is refused before anything more arrives", (_, hex, code) => {
  const decoder = new SnapshotDecoder();
  expect(codeOf(() => decoder.push(Buffer.from(hex.replaceAll(" ", ""), "hex")))).toBe(code);
});

test("hostile bytes are decoded or refused by a code, and never held beyond a record and a chunk", () => {
  const mutated = fc
    .tuple(
      fc.array(anyRecord, { maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
    )
    .map(([records, flips]) => {
      const bytes = bytesOf(records);
      for (const [at, value] of flips) bytes[at % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      expect(["none", "malformed", "unsupported_version"]).toContain(codeOf(() => decode(bytes)));
    }),
    { numRuns: 2_000 },
  );
});
