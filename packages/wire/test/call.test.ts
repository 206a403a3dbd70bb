import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Call,
  callMethodMax,
  decodeCall,
  decodeCallResult,
  encodeCall,
  encodeCallResult,
  encodeForwardResult,
  forwardTimeoutMsMax,
} from "@quorate/wire";
import { callResults, calls, joined } from "./arbitraries.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const invalidArgument: unknown = expect.objectContaining({ code: "invalid_argument" });

const call: Call = { requestId: 1, method: 1, payload: new Uint8Array(0), timeoutMs: 1 };

test("decodeCall reads what encodeCall made", () => {
  fc.assert(
    fc.property(calls, (value) => {
      expect(decodeCall(joined(encodeCall(value)))).toEqual(value);
    }),
  );
});

test("decodeCallResult reads what encodeCallResult made", () => {
  fc.assert(
    fc.property(callResults, (value) => {
      expect(decodeCallResult(joined(encodeCallResult(value)))).toEqual(value);
    }),
  );
});

test("encodeCall rounds the timeout up, and refuses one out of range", () => {
  expect(decodeCall(joined(encodeCall({ ...call, timeoutMs: 0.25 }))).timeoutMs).toBe(1);
  for (const timeoutMs of [0, -1, forwardTimeoutMsMax + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => encodeCall({ ...call, timeoutMs })).toThrow(invalidArgument);
  }
});

test("encodeCall refuses a method out of range", () => {
  const method = callMethodMax;
  expect(decodeCall(joined(encodeCall({ ...call, method }))).method).toBe(method);
  for (const other of [0, -1, 1.5, callMethodMax + 1, Number.NaN]) {
    expect(() => encodeCall({ ...call, method: other })).toThrow(invalidArgument);
  }
});

test("large payloads and results are not copied", () => {
  const bytes = new Uint8Array(5000);
  expect(encodeCall({ ...call, payload: bytes })).toContain(bytes);
  expect(encodeCallResult({ requestId: 1, ok: true, result: bytes })).toContain(bytes);
});

test("a call without a payload has an empty one", () => {
  const bytes = Uint8Array.of(0x08, 7, 0x18, 1, 0x20, 2);
  const payload = new Uint8Array(0);
  expect(decodeCall(bytes)).toEqual({ requestId: 7, method: 2, payload, timeoutMs: 1 });
});

test("an index in the result of a call is passed over", () => {
  const result = Uint8Array.of(1);
  const forwarded = joined(encodeForwardResult({ requestId: 1, ok: true, index: 5, result }));
  expect(decodeCallResult(forwarded)).toEqual({ requestId: 1, ok: true, result });
});

const refusedCalls: Record<string, readonly number[]> = {
  "no timeout": [0x08, 1, 0x20, 1],
  "a timeout beyond the limit": [0x18, 0x80, 0x80, 0x80, 0x80, 8, 0x20, 1],
  "no method": [0x08, 1, 0x18, 1],
  "method 0": [0x18, 1, 0x20, 0],
  "a method beyond the limit": [0x18, 1, 0x20, 0x80, 0x80, 4],
  "a payload that is a number": [0x10, 1, 0x18, 1, 0x20, 1],
  "a payload that is cut short": [0x18, 1, 0x20, 1, 0x12, 2, 1],
};

for (const [name, bytes] of Object.entries(refusedCalls)) {
  test(`decodeCall refuses ${name}`, () => {
    expect(() => decodeCall(Uint8Array.from(bytes))).toThrow(malformed);
  });
}

const refusedResults: Record<string, readonly number[]> = {
  "neither a result nor a code": [0x08, 1],
  "a result and a code": [0x08, 1, 0x1a, 0, 0x22, 4, 0x62, 0x75, 0x73, 0x79],
  "a code that nobody knows": [0x08, 1, 0x22, 1, 0x78],
  "a code that is no text": [0x08, 1, 0x22, 1, 0xff],
  "a code beyond the limit": [0x08, 1, 0x22, 65, ...new Uint8Array(65)],
};

for (const [name, bytes] of Object.entries(refusedResults)) {
  test(`decodeCallResult refuses ${name}`, () => {
    expect(() => decodeCallResult(Uint8Array.from(bytes))).toThrow(malformed);
  });
}
