import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addressBytesMax,
  clusterIdBytesMax,
  decodeForward,
  decodeForwardResult,
  decodeHello,
  decodeRefusal,
  decodeWelcome,
  encodeForward,
  encodeForwardResult,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
  errorMessageBytesMax,
  type Hello,
} from "@quorate/wire";
import { forwardResults, forwards, hellos, joined, numbers, refusals } from "./arbitraries.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const invalidArgument: unknown = expect.objectContaining({ code: "invalid_argument" });

const hello: Hello = {
  protocolVersion: 1,
  clusterId: "demo",
  from: 1,
  to: 2,
  incarnation: new Uint8Array(16),
};

test("decodeHello reads what encodeHello made", () => {
  fc.assert(
    fc.property(hellos, (value) => {
      expect(decodeHello(joined(encodeHello(value)))).toEqual(value);
    }),
  );
});

test("decodeWelcome reads what encodeWelcome made", () => {
  fc.assert(
    fc.property(numbers, (protocolVersion) => {
      const decoded = decodeWelcome(joined(encodeWelcome({ protocolVersion })));
      expect(decoded).toEqual({ protocolVersion });
    }),
  );
});

test("decodeRefusal reads what encodeRefusal made", () => {
  fc.assert(
    fc.property(refusals, (value) => {
      expect(decodeRefusal(joined(encodeRefusal(value)))).toEqual(value);
    }),
  );
});

test("decodeForward reads what encodeForward made", () => {
  fc.assert(
    fc.property(forwards, (value) => {
      expect(decodeForward(joined(encodeForward(value)))).toEqual(value);
    }),
  );
});

test("decodeForwardResult reads what encodeForwardResult made", () => {
  fc.assert(
    fc.property(forwardResults, (value) => {
      expect(decodeForwardResult(joined(encodeForwardResult(value)))).toEqual(value);
    }),
  );
});

const flawed: Record<string, Partial<Hello>> = {
  "no sender": { from: 0 },
  "no recipient": { to: 0 },
  "no cluster": { clusterId: "" },
  "a cluster id of 256 characters": { clusterId: "x".repeat(256) },
  "a cluster id of 256 bytes": { clusterId: "é".repeat(128) },
  "a cluster id with half a surrogate pair": { clusterId: "x\ud800" },
  "a cluster id whose last character passes the limit": { clusterId: `${"x".repeat(254)}€` },
  "an incarnation of 15 bytes": { incarnation: new Uint8Array(15) },
  "an empty address": { address: "" },
  "an address of 256 bytes": { address: "é".repeat(128) },
  "an address with half a surrogate pair": { address: "\udc00" },
};

for (const [name, flaw] of Object.entries(flawed)) {
  test(`encodeHello refuses ${name}`, () => {
    expect(() => encodeHello({ ...hello, ...flaw })).toThrow(invalidArgument);
  });
}

test("a cluster id may have 255 bytes", () => {
  const clusterId = "x".repeat(clusterIdBytesMax);
  expect(decodeHello(joined(encodeHello({ ...hello, clusterId }))).clusterId).toBe(clusterId);
});

test("an address may have 255 bytes, or be absent", () => {
  const address = "x".repeat(addressBytesMax);
  expect(decodeHello(joined(encodeHello({ ...hello, address }))).address).toBe(address);
  expect(decodeHello(joined(encodeHello(hello))).address).toBeUndefined();
});

test("decodeHello refuses what encodeHello would not make", () => {
  const bytes = joined(encodeHello(hello));
  const withField = (...field: readonly number[]): Uint8Array => Uint8Array.of(...bytes, ...field);
  expect(decodeHello(withField(0x38, 1))).toEqual(hello);
  expect(() => decodeHello(new Uint8Array(0))).toThrow(malformed);
  expect(() => decodeHello(withField(0x18, 0))).toThrow(malformed);
  expect(() => decodeHello(withField(0x20, 0))).toThrow(malformed);
  expect(() => decodeHello(withField(0x12, 0))).toThrow(malformed);
  expect(() => decodeHello(withField(0x12, 1, 0xff))).toThrow(malformed);
  expect(() => decodeHello(withField(0x12, 0x80, 2, ...new Uint8Array(256)))).toThrow(malformed);
  expect(() => decodeHello(withField(0x2a, 1, 0))).toThrow(malformed);
  expect(() => decodeHello(withField(0x32, 0))).toThrow(malformed);
  expect(() => decodeHello(withField(0x32, 1, 0xff))).toThrow(malformed);
  expect(() => decodeHello(withField(0x32, 0x80, 2, ...new Uint8Array(256)))).toThrow(malformed);
  expect(() => decodeHello(withField(0x10, 1))).toThrow(malformed);
});

test("long error messages are cut at the end of a character", () => {
  const message = "€".repeat(1000);
  const refusal = decodeRefusal(joined(encodeRefusal({ code: "stranger", message })));
  expect(refusal).toEqual({ code: "stranger", message: "€".repeat(341) });
  const failed = { requestId: 1, ok: false, code: "busy", message, leader: 0 } as const;
  const result = decodeForwardResult(joined(encodeForwardResult(failed)));
  expect(result).toEqual({ ...failed, message: "€".repeat(341) });
});

test("an error message beyond the limit is malformed", () => {
  const length = errorMessageBytesMax + 1;
  const bytes = Uint8Array.of(0x12, 0x80 | (length % 128), length >>> 7, ...new Uint8Array(length));
  expect(() => decodeRefusal(bytes)).toThrow(malformed);
});

test("encodeForward rounds the timeout up, and refuses one out of range", () => {
  const forward = { requestId: 1, command: new Uint8Array(1), timeoutMs: 0.25 };
  expect(decodeForward(joined(encodeForward(forward))).timeoutMs).toBe(1);
  for (const timeoutMs of [0, -1, -0.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => encodeForward({ ...forward, timeoutMs })).toThrow(invalidArgument);
  }
});

test("decodeForward refuses a timeout out of range", () => {
  expect(() => decodeForward(Uint8Array.of(0x08, 1))).toThrow(malformed);
  expect(() => decodeForward(Uint8Array.of(0x18, 0x80, 0x80, 0x80, 0x80, 8))).toThrow(malformed);
});

test("large commands and results are not copied", () => {
  const bytes = new Uint8Array(5000);
  expect(encodeForward({ requestId: 1, command: bytes, timeoutMs: 1 })).toContain(bytes);
  expect(encodeForwardResult({ requestId: 1, ok: true, index: 1, result: bytes })).toContain(bytes);
});

const contradictions: Record<string, readonly number[]> = {
  "neither an index nor a code": [0x08, 1],
  "an index and a code": [0x08, 1, 0x10, 1, 0x22, 4, 0x62, 0x75, 0x73, 0x79],
  "an index of 0": [0x08, 1, 0x10, 0],
  "a code that nobody knows": [0x08, 1, 0x22, 1, 0x78],
  "a code that every object has": [
    0x08, 1, 0x22, 8, 0x74, 0x6f, 0x53, 0x74, 0x72, 0x69, 0x6e, 0x67,
  ],
};

for (const [name, bytes] of Object.entries(contradictions)) {
  test(`decodeForwardResult refuses ${name}`, () => {
    expect(() => decodeForwardResult(Uint8Array.from(bytes))).toThrow(malformed);
  });
}
