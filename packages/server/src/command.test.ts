import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeCommand,
  encodeCommand,
  keyBytesMax,
  valueBytesMax,
  type Command,
} from "./command.ts";

const bytes = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const key = fc.uint8Array({ minLength: 1, maxLength: keyBytesMax });
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key, value: fc.uint8Array({ maxLength: 3000 }) }),
  fc.record({ kind: fc.constant("delete" as const), key }),
);

test("encodeCommand writes the bytes that the format shows", () => {
  const a = bytes("61");
  expect(encodeCommand({ kind: "put", key: a, value: bytes("6869") })).toEqual(
    bytes("01 01 0001 61 6869"),
  );
  expect(encodeCommand({ kind: "delete", key: a })).toEqual(bytes("01 02 0001 61"));
});

test("decodeCommand gives back what encodeCommand took", () => {
  fc.assert(
    fc.property(anyCommand, (command) => {
      expect(decodeCommand(encodeCommand(command))).toEqual(command);
    }),
  );
});

test("decodeCommand gives back the longest key and the largest value", () => {
  const command = {
    kind: "put" as const,
    key: new Uint8Array(keyBytesMax).fill(255),
    value: new Uint8Array(valueBytesMax).fill(7),
  };
  const decoded = decodeCommand(encodeCommand(command));
  expect(decoded.kind === "put" && Buffer.compare(decoded.key, command.key)).toBe(0);
  expect(decoded.kind === "put" && Buffer.compare(decoded.value, command.value)).toBe(0);
});

test("encodeCommand refuses what is outside the limits", () => {
  const value = new Uint8Array(0);
  expect(() => encodeCommand({ kind: "put", key: new Uint8Array(0), value })).toThrow(RangeError);
  expect(() => encodeCommand({ kind: "delete", key: new Uint8Array(keyBytesMax + 1) })).toThrow(
    RangeError,
  );
  expect(() =>
    encodeCommand({ kind: "put", key: bytes("61"), value: new Uint8Array(valueBytesMax + 1) }),
  ).toThrow(RangeError);
});

test.each([
  ["nothing", ""],
  ["version 0", "00 01 0001 61"],
  ["a head cut short", "01 01 00"],
  ["an empty key", "01 01 0000"],
  ["a key cut short", "01 01 0002 61"],
  ["a key over the limit", `01 02 0401 ${"61".repeat(keyBytesMax + 1)}`],
  ["an unknown kind", "01 03 0001 61"],
  ["a delete with a value", "01 02 0001 61 62"],
  ["a value over the limit", `01 01 0001 61 ${"00".repeat(valueBytesMax + 1)}`],
])("decodeCommand calls %s malformed", (_name, hex) => {
  expect(decodeCommand(bytes(hex)).kind).toBe("malformed");
});

test("decodeCommand tells a later version from a malformed command", () => {
  expect(decodeCommand(bytes("02"))).toEqual({ kind: "unsupported", version: 2 });
});

test("decodeCommand never throws, and what it accepts is encoded as it was", () => {
  const likely = fc
    .tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 2, 3), fc.uint8Array({ maxLength: 40 }))
    .map(([version, kind, rest]) => new Uint8Array([version, kind, 0, ...rest]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), likely), (input) => {
      const decoded = decodeCommand(input);
      if (decoded.kind === "put" || decoded.kind === "delete") {
        expect(encodeCommand(decoded)).toEqual(input);
      }
    }),
  );
});
