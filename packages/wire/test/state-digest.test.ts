import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeDigests,
  digestBytesMax,
  digestCountMax,
  encodeDigests,
  encodeRecord,
  type StateDigest,
} from "@quorate/wire";
import { joined, stateDigests } from "./arbitraries.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const invalidArgument: unknown = expect.objectContaining({ code: "invalid_argument" });

function digestOf(details: Partial<StateDigest> = {}): StateDigest {
  return { index: 8, term: 1, digest: Uint8Array.of(1), ...details };
}

/** `digests` as they would be written if nobody looked at them. */
function unchecked(digests: readonly StateDigest[]): Uint8Array {
  const records = digests.map(({ index, term, digest }) => encodeRecord([index, term, digest]));
  return joined(records.flatMap((record) => encodeRecord([joined(record)])));
}

test("decodeDigests reads what encodeDigests made", () => {
  fc.assert(
    fc.property(stateDigests, (digests) => {
      const bytes = encodeDigests(digests);
      expect(decodeDigests(bytes)).toEqual(digests);
      expect(bytes).toEqual(unchecked(digests));
    }),
  );
});

test("what is as long or as many as it may be is read back", () => {
  const digest = new Uint8Array(digestBytesMax).fill(7);
  const digests = Array.from({ length: digestCountMax }, (_, at) =>
    digestOf({ index: at + 1, digest }),
  );
  expect(decodeDigests(encodeDigests(digests))).toEqual(digests);
});

test("decodeDigests keeps nothing of the bytes", () => {
  const bytes = encodeDigests([digestOf()]);
  const decoded = decodeDigests(bytes);
  bytes.fill(0xff);
  expect(decoded).toEqual([digestOf()]);
});

test.each<[string, readonly StateDigest[]]>([
  ["no index", [digestOf({ index: 0 })]],
  ["no term", [digestOf({ term: 0 })]],
  ["no bytes", [digestOf({ digest: new Uint8Array(0) })]],
  ["too many bytes", [digestOf({ digest: new Uint8Array(digestBytesMax + 1) })]],
  ["an index twice", [digestOf(), digestOf()]],
  ["indexes that descend", [digestOf({ index: 9 }), digestOf()]],
  [
    "too many digests",
    Array.from({ length: digestCountMax + 1 }, (_, at) => digestOf({ index: at + 1 })),
  ],
])("digests with %s are neither written nor read", (_, digests) => {
  expect(() => encodeDigests(digests)).toThrow(invalidArgument);
  expect(() => decodeDigests(unchecked(digests))).toThrow(malformed);
});
