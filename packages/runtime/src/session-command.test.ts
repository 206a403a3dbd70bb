import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeSessionCommand,
  encodeSessionCommand,
  type SessionCommand,
} from "./session-command.ts";
import { uint48Max } from "./uint48.ts";

const hi = Uint8Array.of(0x68, 0x69);

function bytesIn(hex: string): Uint8Array {
  const digits = hex.replaceAll(" ", "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, place) =>
    Number.parseInt(digits.slice(2 * place, 2 * place + 2), 16),
  );
}

const uint48 = fc.integer({ min: 1, max: uint48Max });
const data = fc.uint8Array({ maxLength: 40 });
const commands: fc.Arbitrary<SessionCommand> = fc.oneof(
  fc.record({ kind: fc.constant("plain" as const), command: data }),
  fc.record({ kind: fc.constant("open" as const), stamp: uint48, ttlMs: uint48 }),
  fc.record({ kind: fc.constant("close" as const), stamp: uint48, session: uint48 }),
  fc
    .record({ stamp: uint48, session: uint48, sequence: uint48, command: data })
    .chain((rest) =>
      fc
        .integer({ min: 1, max: rest.sequence })
        .map((floor) => ({ kind: "command" as const, ...rest, floor })),
    ),
  fc.record({
    kind: fc.constant("once" as const),
    stamp: uint48,
    ttlMs: uint48,
    key: fc.uint8Array({ minLength: 1, maxLength: 64 }),
    command: data,
  }),
);

test("the command in the format's description has the bytes that it says", () => {
  const command = {
    kind: "command",
    ...{ stamp: 1, session: 258, sequence: 7, floor: 5, command: hi },
  } as const;
  const bytes = bytesIn("81 04 000000000001 000000000102 000000000007 000000000005 6869");
  expect(encodeSessionCommand(command)).toEqual(bytes);
  expect(decodeSessionCommand(bytes)).toEqual(command);
});

test("every command is what it was when it is read back", () => {
  fc.assert(
    fc.property(commands, (command) => {
      expect(decodeSessionCommand(encodeSessionCommand(command))).toEqual(command);
    }),
  );
});

test("a plain command gets a head only if it could be taken for something else", () => {
  for (const inner of [new Uint8Array(0), hi, Uint8Array.of(0x7f)]) {
    expect(encodeSessionCommand({ kind: "plain", command: inner })).toBe(inner);
  }
  const odd = Uint8Array.of(0x81, 4);
  expect(encodeSessionCommand({ kind: "plain", command: odd })).toEqual(bytesIn("81 01 81 04"));
});

test("whatever the bytes are, something is said of them, and nothing is thrown", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 6 }), (rest, kind) => {
      const bytes = Uint8Array.of(0x81, kind, ...rest);
      const command = decodeSessionCommand(bytes);
      if (command.kind === "malformed" || command.kind === "unsupported") return;
      if (command.kind !== "plain") expect(encodeSessionCommand(command)).toEqual(bytes);
    }),
  );
});

test.each([
  ["80 01", "version is 128"],
  ["81", "kind is 0"],
  ["81 06 00", "kind is 6"],
  ["81 02 000000000001 0000000001", "cut short"],
  ["81 02 000000000001 000000000000", "the second number is 0"],
  ["81 02 000000000001 000000000001 00", "bytes follow"],
  ["81 04 000000000001 000000000000 000000000001 000000000001", "session is 0"],
  ["81 04 000000000001 000000000001 000000000001 000000000002", "floor is 2 of 1"],
  ["81 04 000000000001 000000000001 000000000001 000000000000", "floor is 0 of 1"],
  ["81 05 000000000001 000000000000 01 61", "ttlMs is 0"],
  ["81 05 000000000001 000000000001 00 61", "the key has 0 bytes"],
  ["81 05 000000000001 000000000001 41 61", "the key has 65 bytes"],
  ["81 05 000000000001 000000000001 02 61", "the key is cut short"],
])("the bytes %s are malformed: %s", (hex, reason) => {
  const command = decodeSessionCommand(bytesIn(hex));
  if (command.kind !== "malformed") return expect.unreachable();
  expect(command.reason).toContain(reason);
});

test("bytes of a later version are told from malformed ones", () => {
  expect(decodeSessionCommand(Uint8Array.of(0x82, 1))).toEqual({
    kind: "unsupported",
    version: 0x82,
  });
});

const some = { kind: "command", stamp: 1, session: 1, sequence: 2, floor: 1, command: hi } as const;
const once = { kind: "once", stamp: 1, ttlMs: 1, key: hi, command: hi } as const;

test.each<SessionCommand>([
  { ...some, stamp: -1 },
  { ...some, stamp: 0.5 },
  { ...some, session: 0 },
  { ...some, sequence: uint48Max + 1 },
  { ...some, floor: 0 },
  { ...some, floor: 3 },
  { ...once, ttlMs: 0 },
  { ...once, key: new Uint8Array(0) },
  { ...once, key: new Uint8Array(65) },
])("what is outside the format is not encoded: %j", (command) => {
  expect(() => encodeSessionCommand(command)).toThrow("invalid_argument");
});
