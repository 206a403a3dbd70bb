import fc from "fast-check";
import { expect, test } from "vitest";
import { decoders, fieldOffsets, outcomeOf } from "./decoders.ts";

/** Fields of every wire type with a number that no message has. All have tags of two bytes. */
const unknownFields: readonly (readonly number[])[] = [
  [0x80, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  [0x81, 1, 1, 2, 3, 4, 5, 6, 7, 8],
  [0x82, 1, 2, 0x08, 0x63],
  [0x85, 1, 1, 2, 3, 4],
];

for (const [name, decoder] of Object.entries(decoders)) {
  test(`${name} finds every cut within a field`, () => {
    fc.assert(
      fc.property(decoder.valid, (bytes) => {
        const whole = new Set(fieldOffsets(bytes));
        for (let length = 0; length < Math.min(bytes.length, 300); length++) {
          const outcome = outcomeOf(decoder, bytes.subarray(0, length));
          expect(whole.has(length) ? ["decoded", ...decoder.codes] : ["malformed"]).toContain(
            outcome,
          );
        }
      }),
      { numRuns: 50 },
    );
  });
}

for (const [name, decoder] of Object.entries(decoders)) {
  if (name === "decodeEntry") continue; // It keeps the bytes, so that these are the same everywhere.
  test(`${name} passes over unknown fields, wherever they stand`, () => {
    fc.assert(
      fc.property(decoder.valid, fc.constantFrom(...unknownFields), (bytes, field) => {
        const decoded = decoder.decode(bytes);
        for (const offset of fieldOffsets(bytes)) {
          const extended = [...bytes.subarray(0, offset), ...field, ...bytes.subarray(offset)];
          expect(decoder.decode(Uint8Array.from(extended))).toEqual(decoded);
        }
      }),
      { numRuns: 50 },
    );
  });
}
