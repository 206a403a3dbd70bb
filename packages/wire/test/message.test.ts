import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError, type Message } from "@quorate/core";
import { decodeEntry, decodeMessage, encodeMessage } from "@quorate/wire";
import { messages, messagesByKind, withoutEncoded } from "./arbitraries.ts";
import { fieldOffsets } from "./decoders.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const unknownMessage: unknown = expect.objectContaining({ code: "unknown_message" });

for (const [kind, arbitrary] of Object.entries(messagesByKind)) {
  test(`decodeMessage reads what encodeMessage made of ${kind}`, () => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Message>, (message) => {
        const decoded = decodeMessage(encodeMessage(message));
        expect(withoutEncoded(decoded)).toEqual(withoutEncoded(message));
      }),
    );
  });
}

const unknownFields: readonly (readonly number[])[] = [
  [0x78, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  [0x79, 1, 2, 3, 4, 5, 6, 7, 8],
  [0x7a, 2, 0x08, 0x63],
  [0x7b, 0x08, 1, 0x7c],
  [0x7d, 1, 2, 3, 4],
  [0x68, 5],
  [0x72, 2, 0x08, 0x63],
];

test("unknown fields change nothing, wherever they stand", () => {
  fc.assert(
    fc.property(messages, fc.constantFrom(...unknownFields), (message, field) => {
      const bytes = encodeMessage(message);
      for (const offset of fieldOffsets(bytes)) {
        const extended = Uint8Array.of(
          ...bytes.subarray(0, offset),
          ...field,
          ...bytes.subarray(offset),
        );
        expect(withoutEncoded(decodeMessage(extended))).toEqual(withoutEncoded(message));
      }
    }),
  );
});

test("what a kind does not name is not looked at", () => {
  fc.assert(
    fc.property(messages, (message) => {
      if (message.kind === "install-snapshot") return;
      const extended = Uint8Array.of(...encodeMessage(message), 0x4a, 1, 0);
      expect(withoutEncoded(decodeMessage(extended))).toEqual(withoutEncoded(message));
    }),
  );
});

test("decodeMessage knows which types have no kind", () => {
  const known = new Set([2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18]);
  for (let type = 0; type < 128; type++) {
    if (known.has(type)) continue;
    expect(() => decodeMessage(Uint8Array.of(0x08, type))).toThrow(unknownMessage);
  }
  const huge = Uint8Array.of(0x08, 0x83, 0x80, 0x80, 0x80, 0x10);
  expect(() => decodeMessage(huge)).toThrow(unknownMessage);
  const negative = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
  expect(() => decodeMessage(Uint8Array.of(0x08, ...negative))).toThrow(malformed);
});

/** A field 7 with one entry whose data is `data`. */
function entryOf(...data: readonly number[]): number[] {
  return [0x3a, 2 + data.length, 0x22, data.length, ...data];
}

const readId = [0, 0, 0, 0, 0, 0, 0, 9];

const refused: Record<string, readonly number[]> = {
  "a read without an entry": [0x08, 15],
  "a read with two entries": [0x08, 15, ...entryOf(...readId), ...entryOf(...readId)],
  "a read whose id is too short": [0x08, 15, ...entryOf(...readId.slice(1))],
  "a read whose id is too long": [0x08, 15, ...entryOf(...readId, 1)],
  "a read whose id exceeds 2^53 - 1": [0x08, 15, ...entryOf(0, 0x20, 0, 0, 0, 0, 0, 0)],
  "an answer to a read without its id": [0x08, 16, 0x30, 5],
  "an answer to a read that is refused and given": [
    0x08,
    16,
    0x30,
    5,
    ...entryOf(...readId),
    0x50,
    1,
  ],
  "an answer to a read that is given and none": [0x08, 16, 0x30, 0, ...entryOf(...readId), 0x50, 0],
  "a snapshot that is not named": [0x08, 7],
  "a snapshot that is cut short": [0x08, 7, 0x4a, 2, 0x12, 1],
  "a snapshot with an index and no term": [0x08, 7, 0x4a, 4, 0x12, 2, 0x10, 1],
  "a snapshot with a term and no index": [0x08, 7, 0x4a, 4, 0x12, 2, 0x18, 1],
  "a snapshot of a configuration with a node 0": [0x08, 7, 0x4a, 6, 0x12, 4, 0x0a, 2, 0x08, 0],
  "a snapshot of a learner that votes": [
    ...[0x08, 7, 0x4a, 12, 0x12, 10, 0x0a, 4, 0x08, 1, 0x10, 1],
    ...[0x10, 1, 0x18, 1],
  ],
  "a snapshot whose metadata is a number": [0x08, 7, 0x4a, 2, 0x10, 1],
  "a snapshot that is a number": [0x08, 7, 0x48, 1],
  "a read round that is too short": [0x08, 8, 0x62, 4, 0, 0, 0, 1],
  "a proposal of a configuration change": [0x08, 2, 0x3a, 4, 0x08, 2, 0x22, 0],
  "an entry of an unsupported type": [0x08, 3, 0x3a, 2, 0x08, 1],
  "an index of 2^53": [0x08, 3, 0x30, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
  "an entry longer than the message": [0x08, 3, 0x3a, 3, 0x22, 0],
  "an entry's data longer than the entry": [0x08, 3, 0x3a, 2, 0x22, 3, 1, 2, 3],
  "a term of another wire type": [0x08, 3, 0x22, 1, 1],
};

for (const [name, bytes] of Object.entries(refused)) {
  test(`decodeMessage refuses ${name}`, () => {
    expect(() => decodeMessage(Uint8Array.from(bytes))).toThrow(malformed);
  });
}

test("an empty context is no read round", () => {
  expect(decodeMessage(Uint8Array.of(0x08, 8, 0x62, 0))).toMatchObject({ readRound: 0 });
});

test("only the context of a transfer makes a vote one", () => {
  const contextOf = (text: string): Uint8Array =>
    Uint8Array.of(0x08, 5, 0x62, text.length, ...Buffer.from(text));
  expect(decodeMessage(contextOf("CampaignTransfer"))).toHaveProperty("transfer", true);
  for (const text of ["", "CampaignTransfeR", "CampaignTransfer ", "CampaignElection"]) {
    expect(decodeMessage(contextOf(text))).not.toHaveProperty("transfer");
  }
});

test("the state that another implementation sends within a snapshot is passed over", () => {
  const bytes = [0x0a, 3, 1, 2, 3, 0x12, 8, 0x0a, 2, 0x08, 1, 0x10, 5, 0x18, 2];
  expect(decodeMessage(Uint8Array.of(0x08, 7, 0x4a, bytes.length, ...bytes))).toMatchObject({
    kind: "install-snapshot",
    snapshot: { index: 5, term: 2, confState: { voters: [1] } },
  });
});

test("of a scalar that occurs twice the last counts", () => {
  expect(decodeMessage(Uint8Array.of(0x08, 3, 0x20, 5, 0x20, 6))).toMatchObject({ term: 6 });
});

test("encodeMessage takes the bytes that an entry already has, as they are", () => {
  // A field of a later version, which encoding would not give: so it is seen that it is passed on.
  const entry = decodeEntry(Uint8Array.of(0x10, 1, 0x18, 1, 0x22, 1, 1, 0x28, 7));
  const message: Message = {
    kind: "append-entries",
    from: 1,
    to: 2,
    term: 1,
    prev: { term: 0, index: 0 },
    entries: [entry],
    commitIndex: 0,
  };
  const decoded = decodeMessage(encodeMessage(message));
  expect(decoded).toMatchObject({ entries: [{ encoded: entry.encoded }] });
});

test("encodeMessage asserts that numbers are safe integers", () => {
  const message: Message = {
    kind: "append-entries-response",
    from: 1,
    to: 2,
    term: 2 ** 53,
    matchIndex: 1,
  };
  expect(() => encodeMessage(message)).toThrow(AssertionError);
});
