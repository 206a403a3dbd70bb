import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../src/utf8.ts";

const unlimited = Number.POSITIVE_INFINITY;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

test("encodeUtf8 agrees with the platform, also on halves of surrogate pairs", () => {
  const codeUnits = fc.array(
    fc.oneof(
      fc.nat({ max: 0xffff }),
      fc.integer({ min: 0xd7f0, max: 0xe010 }),
      fc.nat({ max: 0x900 }),
    ),
  );
  fc.assert(
    fc.property(codeUnits, (units) => {
      const text = String.fromCharCode(...units);
      expect(encodeUtf8(text, unlimited)).toEqual(new TextEncoder().encode(text));
    }),
  );
});

test("decodeUtf8 reads every scalar value, and no surrogate", () => {
  for (let scalar = 0; scalar <= 0x10_ffff; scalar++) {
    if (scalar >= 0xd800 && scalar <= 0xdfff) continue;
    const text = String.fromCodePoint(scalar);
    if (decodeUtf8(encodeUtf8(text, unlimited)) !== text) expect.fail(`U+${scalar.toString(16)}`);
  }
  const surrogate = Uint8Array.of(0xed, 0xa0, 0x80);
  expect(() => decodeUtf8(surrogate)).toThrow(expect.objectContaining({ code: "malformed" }));
});

function platformDecode(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return "malformed";
  }
}

function ownDecode(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    expect(error).toMatchObject({ code: "malformed" });
    return "malformed";
  }
}

test("decodeUtf8 agrees with the platform on any bytes", () => {
  const leads = fc.constantFrom(
    0x41,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
  );
  const tails = fc.constantFrom(0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0x7f, 0xc0);
  const bytes = fc.array(fc.oneof(leads, tails, tails, fc.nat({ max: 255 })), { maxLength: 8 });
  fc.assert(
    fc.property(bytes, (list) => {
      const input = Uint8Array.from(list);
      expect(ownDecode(input)).toBe(platformDecode(input));
    }),
    { numRuns: 20_000 },
  );
});

test("encodeUtf8 cuts at the end of a whole character", () => {
  expect(encodeUtf8("aé€😀", 10)).toHaveLength(10);
  expect(encodeUtf8("aé€😀", 9)).toHaveLength(6);
  expect(encodeUtf8("aé€😀", 5)).toHaveLength(3);
  expect(encodeUtf8("aé€😀", 2)).toHaveLength(1);
  expect(encodeUtf8("aé€😀", 0)).toHaveLength(0);
});
