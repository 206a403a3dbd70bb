import { expect, test } from "vitest";
import { AssertionError, type Entry, newEntry } from "@quorate/core";
import { decodeEntry, encodeEntries, encodeEntry } from "./entry.ts";

const id = { term: 2, index: 7 };
const malformed: unknown = expect.objectContaining({ code: "malformed" });

test("encodeEntry encodes once", () => {
  const entry = newEntry(id, "command", Uint8Array.of(1));
  const encoded = encodeEntry(entry);
  expect(entry.encoded).toBe(encoded);
  expect(encodeEntry(entry)).toBe(encoded);
});

test("decodeEntry keeps the bytes that it read, and copies nothing", () => {
  const bytes = encodeEntry(newEntry(id, "command", Uint8Array.of(1, 2, 3)));
  const entry = decodeEntry(bytes);
  expect(entry.encoded).toEqual(bytes);
  expect(entry.encoded?.buffer).toBe(bytes.buffer);
  expect(entry.data.buffer).toBe(bytes.buffer);
  expect(encodeEntry(entry)).toBe(entry.encoded);
});

test("decodeEntry keeps fields that it does not know, for those who do", () => {
  const bytes = Uint8Array.of(...encodeEntry(newEntry(id, "no-op")), 0x28, 5);
  const entry = decodeEntry(bytes);
  expect(entry).toMatchObject({ ...id, kind: "no-op" });
  expect(encodeEntry(entry)).toEqual(bytes);
});

test("an empty command is not a no-op", () => {
  const command = decodeEntry(encodeEntry(newEntry(id, "command")));
  const nothing = decodeEntry(encodeEntry(newEntry(id, "no-op")));
  expect(command).toMatchObject({ kind: "command", data: new Uint8Array(0) });
  expect(nothing).toMatchObject({ kind: "no-op", data: new Uint8Array(0) });
});

test("a configuration change without data is read as one with empty data", () => {
  const entry = decodeEntry(Uint8Array.of(0x08, 2, 0x10, 1, 0x18, 1));
  expect(entry).toMatchObject({ kind: "conf-change", data: new Uint8Array(0) });
});

test("encodeEntry asserts that a no-op carries no data", () => {
  const broken = newEntry(id, "no-op", Uint8Array.of(1));
  expect(() => encodeEntry(broken)).toThrow(AssertionError);
});

for (const type of [1, 3, 127]) {
  test(`decodeEntry refuses the entry type ${type}`, () => {
    expect(() => decodeEntry(Uint8Array.of(0x08, type, 0x10, 1, 0x18, 1))).toThrow(malformed);
  });
}

test("decodeEntry refuses a known field of another wire type", () => {
  expect(() => decodeEntry(Uint8Array.of(0x12, 1, 1))).toThrow(malformed);
});

test("decodeEntry makes plain arrays of a subclass of Uint8Array", () => {
  class Special extends Uint8Array {}
  const entry = decodeEntry(Special.from(encodeEntry(newEntry(id, "command", Uint8Array.of(1)))));
  expect(entry.data.constructor).toBe(Uint8Array);
  expect(entry.encoded?.constructor).toBe(Uint8Array);
});

test("encodeEntries does for many what encodeEntry does for one", () => {
  const data = new Uint8Array(100).fill(7);
  const fresh = (): Entry[] => [
    newEntry(id, "command", data),
    newEntry({ term: 300, index: 2 ** 40 }, "no-op"),
    newEntry(id, "conf-change", data),
    newEntry(id, "command"),
  ];
  const many = fresh();
  encodeEntries(many);
  const oneByOne = fresh().map(encodeEntry);
  expect(many.map((entry) => entry.encoded)).toEqual(oneByOne);
});

test("encodeEntries leaves alone what is encoded, and takes an entry twice", () => {
  const encoded = newEntry(id, "command", Uint8Array.of(1));
  const before = encodeEntry(encoded);
  const other = newEntry(id, "command", Uint8Array.of(2));
  encodeEntries([encoded, other, other]);
  expect(encoded.encoded).toBe(before);
  expect(other.encoded).toEqual(encodeEntry(newEntry(id, "command", Uint8Array.of(2))));
  const kept = other.encoded;
  encodeEntries([other]);
  expect(other.encoded).toBe(kept);
});
