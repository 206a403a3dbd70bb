import { expect, test } from "vitest";
import { decodeSessionResult, encodeSessionResult, type SessionResult } from "./session-result.ts";

const ok = Uint8Array.of(0x6f, 0x6b);

test("the result in the format's description has the bytes that it says", () => {
  const bytes = Uint8Array.of(1, 1, 0, 0, 0, 0, 1, 2, 0x6f, 0x6b);
  const result = { kind: "replayed", index: 258, result: ok } as const;
  expect(encodeSessionResult(result)).toEqual(bytes);
  expect(decodeSessionResult(bytes)).toEqual(result);
});

test.each<SessionResult>([
  { kind: "applied", result: ok },
  { kind: "applied", result: new Uint8Array(0) },
  { kind: "replayed", index: 2 ** 40, result: new Uint8Array(0) },
  { kind: "done" },
  { kind: "expired" },
  { kind: "reused" },
  { kind: "malformed" },
])("%j is what it was when it is read back", (result) => {
  expect(decodeSessionResult(encodeSessionResult(result))).toEqual(result);
});

test.each([[[]], [[1]], [[2, 0]], [[1, 6]], [[1, 1, 0, 0, 0, 0, 0]], [[1, 3, 0]]])(
  "%j is no result of this version",
  (bytes) => {
    expect(decodeSessionResult(Uint8Array.from(bytes))).toBeUndefined();
  },
);
