import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError, RaftError } from "@quorate/core";
import { crc32c, encodeFrame, type Frame, FrameReader } from "@quorate/wire";
import { joined } from "./arbitraries.ts";

const frames: fc.Arbitrary<Frame> = fc.record({
  type: fc.constantFrom("hello", "raft", "forward-result"),
  payload: fc.uint8Array({ maxLength: 80 }),
});

function bytesOf(frame: Frame): Uint8Array {
  return joined(encodeFrame(frame.type, [frame.payload]));
}

function newReader(): FrameReader {
  return new FrameReader({ frameBytesMax: 4096 });
}

const sample: Frame = { type: "raft", payload: Uint8Array.from({ length: 40 }, (_, i) => i * 3) };

test("a stream that comes byte by byte gives each frame with its last byte", () => {
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 5 }), (expected) => {
      const reader = newReader();
      for (const frame of expected) {
        const bytes = bytesOf(frame);
        for (let offset = 0; offset < bytes.length - 1; offset++) {
          expect(reader.push(bytes.subarray(offset, offset + 1))).toEqual([]);
        }
        expect(reader.push(bytes.subarray(bytes.length - 1))).toEqual([frame]);
      }
    }),
  );
});

test("a stream gives the same frames however it is cut", () => {
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 8 }), cuts, (expected, shares) => {
      const stream = joined(expected.map(bytesOf));
      const offsets = shares.map((share) => Math.floor(share * stream.length));
      const bounds = [0, ...offsets.toSorted((a, b) => a - b), stream.length];
      const reader = newReader();
      const found: Frame[] = [];
      for (const [position, start] of bounds.slice(0, -1).entries()) {
        found.push(...reader.push(stream.slice(start, bounds[position + 1])));
      }
      expect(found).toEqual(expected);
    }),
  );
});

test("a frame within one chunk aliases it, and a split one is not touched by later chunks", () => {
  const bytes = bytesOf(sample);
  const [whole] = newReader().push(bytes);
  expect(whole?.payload.buffer).toBe(bytes.buffer);

  const reader = newReader();
  reader.push(bytes.slice(0, 20));
  const [split] = reader.push(joined([bytes.slice(20), bytes.slice(0, 30)]));
  reader.push(bytes.slice(30));
  expect(split).toEqual(sample);
});

test("a small frame does not keep the whole chunk that it came in", () => {
  const chunk = joined([bytesOf(sample), bytesOf(sample), bytesOf(sample)]);
  const found = newReader().push(chunk);
  expect(found).toEqual([sample, sample, sample]);
  for (const { payload } of found) expect(payload.buffer.byteLength).toBe(payload.length);
});

test("a frame with any bit flipped is never given, however it arrives", () => {
  const bytes = bytesOf(sample);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => newReader().push(damaged)).toThrow(RaftError);
    const reader = newReader();
    expect(() => {
      for (const byte of damaged) reader.push(Uint8Array.of(byte));
    }).toThrow(RaftError);
  }
});

test("damage in a header is found with its sixteenth byte", () => {
  for (let offset = 0; offset < 16; offset++) {
    const damaged = bytesOf(sample).slice(0, 16);
    damaged[offset] = (damaged[offset] ?? 0) ^ 0x10;
    const reader = newReader();
    expect(reader.push(damaged.subarray(0, 15))).toEqual([]);
    expect(() => reader.push(damaged.subarray(15))).toThrow(RaftError);
  }
});

test("bytes of another protocol are malformed, those of another version are not supported", () => {
  const http = Uint8Array.from("GET / HTTP/1.1\r\n\r\n", (character) => character.charCodeAt(0));
  expect(() => newReader().push(http)).toThrow(expect.objectContaining({ code: "malformed" }));
  const later = bytesOf(sample);
  later[2] = 9;
  const code = { code: "unsupported_version" };
  expect(() => newReader().push(later)).toThrow(expect.objectContaining(code));
});

/** The header of a frame that announces `payloadBytes`, which are nowhere. */
function announce(payloadBytes: number): Uint8Array {
  const header = joined(encodeFrame("raft", []));
  const view = new DataView(header.buffer);
  view.setUint32(4, payloadBytes);
  view.setUint32(12, crc32c(header.subarray(0, 12)));
  return header;
}

test("a frame above the limit is refused by its header alone, and nothing is allocated for it", () => {
  const tooLarge: unknown = expect.objectContaining({ code: "too_large" });
  const before = process.memoryUsage().arrayBuffers;
  for (const payloadBytes of [4081, 2 ** 31, 2 ** 32 - 1]) {
    expect(() => newReader().push(announce(payloadBytes))).toThrow(tooLarge);
  }
  expect(newReader().push(announce(4080))).toEqual([]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
});

test("the buffer of a split frame grows with what has arrived, not with what is announced", () => {
  const reader = new FrameReader({ frameBytesMax: 2 ** 32 });
  const before = process.memoryUsage().arrayBuffers;
  reader.push(announce(2 ** 32 - 17));
  const chunk = new Uint8Array(2 ** 16);
  for (let count = 0; count < 8; count++) reader.push(chunk);
  // A MiB has room at once.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 21);
  for (let count = 0; count < 56; count++) reader.push(chunk);
  // After 4 MiB: twice that, and what it grew from if that was not collected yet.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
});

test("a frame of exactly the limit is taken", () => {
  const frame: Frame = { type: "raft", payload: new Uint8Array(4080) };
  expect(newReader().push(bytesOf(frame))).toEqual([frame]);
});

test("a large frame in many chunks is put together", () => {
  const payload = Uint8Array.from({ length: 40_000 }, (_, position) => position % 251);
  const stream = joined(encodeFrame("raft", [payload]));
  const reader = new FrameReader({ frameBytesMax: 2 ** 20 });
  const found: Frame[] = [];
  for (let start = 0; start < stream.length; start += 399) {
    found.push(...reader.push(stream.slice(start, start + 399)));
  }
  expect(found).toEqual([{ type: "raft", payload }]);
});

test("a reader is not used after it threw", () => {
  const reader = newReader();
  expect(() => reader.push(new Uint8Array(16))).toThrow(RaftError);
  expect(() => reader.push(new Uint8Array(0))).toThrow(AssertionError);
});

for (const frameBytesMax of [0, 15, 16.5, 2 ** 32 + 16, Number.NaN, -1]) {
  test(`FrameReader refuses ${frameBytesMax} as a limit`, () => {
    const invalid: unknown = expect.objectContaining({ code: "invalid_options" });
    expect(() => new FrameReader({ frameBytesMax })).toThrow(invalid);
  });
}
