import { expect, test } from "vitest";
import { AssertionError, newEntry } from "@quorate/core";
import { decodeEntry, encodedEntryBytes, encodeEntry, writeEntry } from "./entry.ts";

const id = { term: 2, index: 7 };
const malformed: unknown = expect.objectContaining({ code: "malformed" });

test("decodeEntry copies nothing, and keeps no bytes beside the data", () => {
  const bytes = encodeEntry(newEntry(id, "command", Uint8Array.of(1, 2, 3)));
  const entry = decodeEntry(bytes);
  expect(entry.encoded).toBeUndefined();
  expect(entry.data.buffer).toBe(bytes.buffer);
  expect(encodeEntry(entry)).toEqual(bytes);
});

test("decodeEntry keeps fields that it does not know, for those who do", () => {
  const bytes = Uint8Array.of(...encodeEntry(newEntry(id, "no-op")), 0x28, 5);
  const entry = decodeEntry(bytes);
  expect(entry).toMatchObject({ ...id, kind: "no-op" });
  expect(encodeEntry(entry)).toEqual(bytes);
  expect(encodedEntryBytes(entry)).toBe(bytes.length);
  const into = new Uint8Array(bytes.length + 2);
  expect(writeEntry(into, 1, entry)).toBe(bytes.length + 1);
  expect(into).toEqual(Uint8Array.of(0, ...bytes, 0));
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
});

test("writeEntry writes what encodeEntry gives, as many bytes as were counted", () => {
  const data = new Uint8Array(100).fill(7);
  for (const entry of [
    newEntry(id, "command", data),
    newEntry({ term: 300, index: 2 ** 40 }, "no-op"),
    newEntry(id, "conf-change", data),
    newEntry(id, "command"),
  ]) {
    const bytes = encodeEntry(entry);
    const into = new Uint8Array(bytes.length + 5);
    expect(writeEntry(into, 5, entry)).toBe(into.length);
    expect(into.subarray(5)).toEqual(bytes);
    expect(encodedEntryBytes(entry)).toBe(bytes.length);
  }
});
