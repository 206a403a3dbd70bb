import { AssertionError, newEntry } from "@quorate/core";
import { expect, test } from "vitest";
import { payloadBytesOf } from "./batch.ts";

test("payloadBytesOf counts each entry and its length", () => {
  const entry = newEntry({ term: 1, index: 1 }, "command", Uint8Array.of(1, 2, 3));
  expect(payloadBytesOf([])).toBe(0);
  expect(payloadBytesOf([entry, entry])).toBe(2 * (4 + 6 + 2 + 3));
});

test("payloadBytesOf asserts that a batch is not too long for its file", () => {
  // The bytes are counted, not read: one array of zeros serves for all entries.
  const encoded = new Uint8Array(2 ** 24);
  const entries = Array.from({ length: 64 }, (_, i) => {
    return newEntry({ term: 1, index: i + 1 }, "command", new Uint8Array(0), encoded);
  });
  expect(payloadBytesOf(entries.slice(1))).toBe(63 * (4 + encoded.length));
  expect(() => payloadBytesOf(entries)).toThrow(AssertionError);
});
