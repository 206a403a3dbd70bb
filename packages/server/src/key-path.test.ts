import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeKey, encodeKey } from "./key-path.ts";

test("decodeKey gives back the bytes that encodeKey took, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 1024 }), (key) => {
      expect(new Uint8Array(decodeKey(encodeKey(key)))).toEqual(key);
    }),
  );
});

test.each([
  ["plain", "greeting", "greeting"],
  ["a slash and a plus as they are", "users/1+2", "users/1+2"],
  ["an escaped slash and question mark", "a%2Fb%3f", "a/b?"],
  ["dots", "..", ".."],
])("decodeKey reads %s", (_name, path, key) => {
  expect(Buffer.from(decodeKey(path)).toString()).toBe(key);
});

test("decodeKey takes bytes that are no UTF-8", () => {
  expect([...decodeKey("%ff%00%C3")]).toEqual([0xff, 0, 0xc3]);
});

test("decodeKey counts bytes, not characters", () => {
  expect(decodeKey("%61".repeat(1024))).toHaveLength(1024);
  expect(() => decodeKey("%61".repeat(1025))).toThrow("more than 1024 bytes");
  expect(() => decodeKey("a".repeat(1025))).toThrow("more than 1024 bytes");
});

test.each(["", "%", "%4", "%zz", "a b", "é", "a%", "% 1"])("decodeKey refuses %j", (path) => {
  expect(() => decodeKey(path)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
});
