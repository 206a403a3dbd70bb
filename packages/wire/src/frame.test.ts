import { expect, test } from "vitest";
import { RaftError } from "@quorate/core";
import { crc32c } from "./crc32c.ts";
import {
  decodeFrame,
  encodeFrame,
  frameHeaderBytes,
  frameTypeOf,
  type FrameType,
} from "./frame.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const payload = Uint8Array.from({ length: 50 }, (_, position) => position * 5);

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** A frame whose header was changed and given the checksum that it then needs. */
function withHeader(change: (header: Uint8Array) => void): Uint8Array {
  const bytes = joined(encodeFrame("raft", [payload]));
  change(bytes);
  new DataView(bytes.buffer).setUint32(12, crc32c(bytes.subarray(0, 12)));
  return bytes;
}

const types: Record<FrameType, number> = {
  hello: 1,
  welcome: 2,
  refusal: 3,
  raft: 4,
  forward: 5,
  "forward-result": 6,
  "snapshot-offer": 7,
  "snapshot-chunk": 8,
  "snapshot-receipt": 9,
  call: 10,
  "call-result": 11,
};

for (const [type, number] of Object.entries(types) as [FrameType, number][]) {
  test(`a ${type} frame has type ${number} and is read back`, () => {
    const chunks = encodeFrame(type, [payload]);
    expect(chunks[0]?.[3]).toBe(number);
    expect(decodeFrame(chunks)).toEqual({ type, payload });
  });
}

test("encodeFrame adds a header and copies nothing", () => {
  const parts = [payload, new Uint8Array(0), payload.subarray(3)];
  const chunks = encodeFrame("raft", parts);
  expect(chunks[0]).toHaveLength(frameHeaderBytes);
  expect(chunks.slice(1).every((chunk, position) => chunk === parts[position])).toBe(true);
  expect(decodeFrame(chunks).payload).toEqual(joined(parts));
});

test("a frame may be empty", () => {
  expect(decodeFrame(encodeFrame("raft", []))).toEqual({
    type: "raft",
    payload: new Uint8Array(0),
  });
});

test("decodeFrame aliases bytes and copies chunks", () => {
  const chunks = encodeFrame("raft", [payload]);
  const bytes = joined(chunks);
  expect(decodeFrame(bytes).payload.buffer).toBe(bytes.buffer);
  expect(decodeFrame(chunks).payload.buffer).not.toBe(payload.buffer);
});

test("decodeFrame refuses a frame with any bit flipped", () => {
  const frame = joined(encodeFrame("raft", [payload]));
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const damaged = frame.slice();
    damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => decodeFrame(damaged)).toThrow(RaftError);
  }
});

test("decodeFrame refuses fewer bytes than a frame has, and more", () => {
  const frame = joined(encodeFrame("raft", [payload]));
  for (let length = 0; length < frame.length; length++) {
    expect(() => decodeFrame(frame.subarray(0, length))).toThrow(malformed);
  }
  expect(() => decodeFrame(Uint8Array.of(...frame, 0))).toThrow(malformed);
  expect(() => decodeFrame([frame, Uint8Array.of(0)])).toThrow(malformed);
});

test("decodeFrame tells another version from other bytes, whatever its checksums", () => {
  const frame = joined(encodeFrame("raft", [payload]));
  frame[2] = 2;
  expect(() => decodeFrame(frame)).toThrow(
    expect.objectContaining({ code: "unsupported_version" }),
  );
  frame[1] = 0x47;
  expect(() => decodeFrame(frame)).toThrow(malformed);
});

for (const number of [0, 12, 255]) {
  test(`decodeFrame refuses frame type ${number}`, () => {
    const frame = withHeader((header) => header.fill(number, 3, 4));
    expect(() => decodeFrame(frame)).toThrow(malformed);
  });
}

test("decodeFrame refuses a payload whose checksum is another's", () => {
  const frame = withHeader((header) => header.fill(0, 8, 12));
  expect(() => decodeFrame(frame)).toThrow(malformed);
});

test("frameTypeOf reads the type of a frame that was made, and of nothing else", () => {
  for (const type of ["hello", "raft", "snapshot-chunk", "call-result"] as const) {
    expect(frameTypeOf(encodeFrame(type, [payload]))).toBe(type);
  }
  const [header = payload] = encodeFrame("raft", []);
  expect(frameTypeOf([])).toBeUndefined();
  expect(frameTypeOf([header.subarray(0, 15), header.subarray(15)])).toBeUndefined();
  expect(frameTypeOf([withHeader((bytes) => bytes.fill(99, 3, 4))])).toBeUndefined();
});

test("encodeFrame refuses a payload that a header cannot announce", () => {
  // The same megabyte 4096 times: 2^32 bytes without the memory.
  const megabyte = new Uint8Array(2 ** 20);
  const chunks = Array.from({ length: 4096 }, () => megabyte);
  expect(() => encodeFrame("raft", chunks)).toThrow(expect.objectContaining({ code: "too_large" }));
});
