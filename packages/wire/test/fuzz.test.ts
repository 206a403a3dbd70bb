import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeFrame, encodeFrame, FrameReader } from "@quorate/wire";
import { joined } from "./arbitraries.ts";
import { type Decoder, decoders, outcomeOf } from "./decoders.ts";

const inputCount = 100_000;
/** For a slow machine; the inputs take a few seconds at most. */
const timeoutMs = 120_000;

const frameCodes = ["malformed", "unsupported_version", "too_large"];
const frames = fc
  .uint8Array({ maxLength: 60 })
  .map((payload) => joined(encodeFrame("raft", [payload])));

const targets: Record<string, Decoder> = {
  ...decoders,
  decodeFrame: { decode: decodeFrame, valid: frames, codes: frameCodes },
  FrameReader: {
    decode: (bytes) => new FrameReader({ frameBytesMax: 1024 }).push(bytes),
    valid: frames,
    codes: frameCodes,
  },
};

/** xorshift32: many numbers, fast, and the same ones in every run. */
function newRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Noise, or a valid input with one to four things done to it. */
function nextInput(random: (below: number) => number, valid: readonly Uint8Array[]): Uint8Array {
  if (random(4) === 0) return Uint8Array.from({ length: random(64) }, () => random(256));
  let bytes = [...(valid[random(valid.length)] ?? [])];
  for (let left = 1 + random(4); left > 0; left--) {
    const offset = random(bytes.length + 1);
    const other = valid[random(valid.length)] ?? [];
    switch (random(6)) {
      case 0:
        bytes[offset] = random(256);
        break;
      case 1:
        bytes = bytes.slice(0, offset);
        break;
      case 2:
        bytes.splice(offset, random(8));
        break;
      case 3:
        bytes.splice(offset, 0, ...Array.from({ length: random(12) }, () => 0x80 | random(128)));
        break;
      case 4:
        bytes.splice(offset, 0, ...other.slice(0, random(24)));
        break;
      default:
        bytes[offset] = (bytes[offset] ?? 0) ^ (1 << random(8));
    }
  }
  return Uint8Array.from(bytes);
}

let stackTraceLimit = 0;
beforeAll(() => {
  // Traces would take most of the time.
  stackTraceLimit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

for (const [name, target] of Object.entries(targets)) {
  test(
    `${name} throws nothing but a coded error, on any bytes`,
    () => {
      const valid = fc.sample(target.valid, { numRuns: 200, seed: 1 });
      for (const bytes of valid) target.decode(bytes);
      const random = newRandom(0x5eed);
      const outcomes = new Map<string, number>();
      const bufferBytes = process.memoryUsage().arrayBuffers;
      let bufferBytesMax = 0;
      for (let count = 0; count < inputCount; count++) {
        const outcome = outcomeOf(target, nextInput(random, valid));
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (count % 1000 === 0) {
          bufferBytesMax = Math.max(
            bufferBytesMax,
            process.memoryUsage().arrayBuffers - bufferBytes,
          );
        }
      }
      expect(
        [...outcomes.keys()].filter((code) => code !== "decoded" && !target.codes.includes(code)),
      ).toEqual([]);
      // Neither always nor never: the inputs reach both sides.
      expect(outcomes.get("decoded")).toBeGreaterThan(0);
      expect(outcomes.get("malformed")).toBeGreaterThan(0);
      expect(bufferBytesMax).toBeLessThan(256 * 2 ** 20);
    },
    timeoutMs,
  );
}

/** A field of `tag` that claims `length` bytes, of which eight are there. */
function boast(tag: number, length: number): Uint8Array {
  const varint: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 128)) varint.push((rest % 128) | 128);
  return Uint8Array.from([tag, ...varint, 0, ...new Uint8Array(8)]);
}

test("no decoder allocates what a length claims before the bytes are there", () => {
  const before = process.memoryUsage().arrayBuffers;
  for (const [name, target] of Object.entries(targets)) {
    if (name === "FrameReader") continue; // It waits for more: see its own test.
    for (const tag of [0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x3a, 0x62, 0x7a]) {
      for (const length of [9, 2 ** 31, 2 ** 32 + 9, 2 ** 53 - 1]) {
        expect(outcomeOf(target, boast(tag, length))).toBe("malformed");
      }
    }
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
});
