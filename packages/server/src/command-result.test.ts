import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeResult, encodeResult } from "./command-result.ts";

test("encodeResult writes the bytes that the format shows", () => {
  expect(Buffer.from(encodeResult({ kind: "applied", previousIndex: 258 })).toString("hex")).toBe(
    "01000000000000000102",
  );
});

test("decodeResult gives back what encodeResult took", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (previousIndex) => {
      const result = { kind: "applied", previousIndex } as const;
      expect(decodeResult(encodeResult(result))).toEqual(result);
    }),
  );
  expect(decodeResult(encodeResult({ kind: "malformed" }))).toEqual({ kind: "malformed" });
});

test.each([
  ["nothing", []],
  ["one byte too many", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["another version", [2, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["an unknown code", [1, 9, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["an index that is no safe integer", [1, 0, 255, 0, 0, 0, 0, 0, 0, 0]],
])("decodeResult does not know %s", (_name, bytes) => {
  expect(decodeResult(new Uint8Array(bytes))).toBeUndefined();
});
