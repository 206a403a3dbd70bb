import fc from "fast-check";
import { expect, test } from "vitest";
import { confStateOf } from "@quorate/core";
import {
  crc32c,
  decodeSnapshotChunk,
  decodeSnapshotOffer,
  decodeSnapshotReceipt,
  encodeSnapshotChunk,
  encodeSnapshotOffer,
  encodeSnapshotReceipt,
  errorMessageBytesMax,
  type SnapshotChunk,
  type SnapshotOffer,
  type SnapshotReceipt,
} from "@quorate/wire";
import { joined, snapshotChunks, snapshotOffers, snapshotReceipts } from "./arbitraries.ts";

const malformed: unknown = expect.objectContaining({ code: "malformed" });
const invalidArgument: unknown = expect.objectContaining({ code: "invalid_argument" });

const confState = confStateOf([1]);
const offer: SnapshotOffer = {
  streamId: 1,
  snapshotId: new Uint8Array(16),
  term: 2,
  snapshot: { index: 5, term: 2, confState },
  members: new Uint8Array(0),
  bytes: 0,
};
const data = Uint8Array.of(1, 2, 3);
const empty = new Uint8Array(0);
const chunk: SnapshotChunk = { streamId: 1, offset: 0, data, last: false };
const end: SnapshotChunk = { streamId: 1, offset: 0, data, last: true, checksum: crc32c(data) };
const receipt: SnapshotReceipt = { streamId: 1, received: 0, state: "more" };

test("decodeSnapshotOffer reads what encodeSnapshotOffer made", () => {
  fc.assert(
    fc.property(snapshotOffers, (value) => {
      expect(decodeSnapshotOffer(joined(encodeSnapshotOffer(value)))).toEqual(value);
    }),
  );
});

test("decodeSnapshotChunk reads what encodeSnapshotChunk made", () => {
  fc.assert(
    fc.property(snapshotChunks, (value) => {
      expect(decodeSnapshotChunk(joined(encodeSnapshotChunk(value)))).toEqual(value);
    }),
  );
});

test("decodeSnapshotReceipt reads what encodeSnapshotReceipt made", () => {
  fc.assert(
    fc.property(snapshotReceipts, (value) => {
      expect(decodeSnapshotReceipt(joined(encodeSnapshotReceipt(value)))).toEqual(value);
    }),
  );
});

test("data and member tables that are large are not copied", () => {
  const bytes = new Uint8Array(5000);
  expect(encodeSnapshotChunk({ ...chunk, data: bytes })).toContain(bytes);
  expect(encodeSnapshotOffer({ ...offer, members: bytes })).toContain(bytes);
});

test("decoded data refers to the payload", () => {
  const payload = joined(encodeSnapshotChunk(chunk));
  expect(decodeSnapshotChunk(payload).data.buffer).toBe(payload.buffer);
});

test("a checksum of 0 makes a chunk the last, even an empty one", () => {
  const last: SnapshotChunk = { streamId: 1, offset: 7, data: empty, last: true, checksum: 0 };
  expect(decodeSnapshotChunk(joined(encodeSnapshotChunk(last)))).toEqual(last);
});

const flawedOffers: Record<string, Partial<SnapshotOffer>> = {
  "the stream 0": { streamId: 0 },
  "an id of 15 bytes": { snapshotId: new Uint8Array(15) },
  "the term 0": { term: 0 },
  "a term after which none is safe": { term: Number.MAX_SAFE_INTEGER },
  "a snapshot of a later term": { term: 1 },
  "a snapshot of no entry": { snapshot: { index: 0, term: 0, confState } },
  "a snapshot of term 0": { snapshot: { index: 5, term: 0, confState } },
  "a configuration with a node 0": {
    snapshot: { index: 5, term: 2, confState: confStateOf([0, 1]) },
  },
  "a length of -1": { bytes: -1 },
};

for (const [name, flaw] of Object.entries(flawedOffers)) {
  test(`encodeSnapshotOffer refuses ${name}`, () => {
    expect(() => encodeSnapshotOffer({ ...offer, ...flaw })).toThrow(invalidArgument);
  });
}

const flawedChunks: Record<string, SnapshotChunk> = {
  "the stream 0": { ...chunk, streamId: 0 },
  "an offset of -1": { ...chunk, offset: -1 },
  "an end beyond 2^53 - 1": { ...chunk, offset: Number.MAX_SAFE_INTEGER - 2 },
  "no data though more is to follow": { ...chunk, data: empty },
  "a checksum of 33 bits": { ...end, checksum: 2 ** 32 },
  "a checksum that is no integer": { ...end, checksum: 0.5 },
};

for (const [name, flawed] of Object.entries(flawedChunks)) {
  test(`encodeSnapshotChunk refuses ${name}`, () => {
    expect(() => encodeSnapshotChunk(flawed)).toThrow(invalidArgument);
  });
}

test("encodeSnapshotReceipt refuses what is out of range", () => {
  expect(() => encodeSnapshotReceipt({ ...receipt, streamId: 0 })).toThrow(invalidArgument);
  expect(() => encodeSnapshotReceipt({ ...receipt, received: -1 })).toThrow(invalidArgument);
});

/** The varints of 2^53 - 1 and 2^53: the highest number that may be, and one more. */
const highest = [...new Uint8Array(7).fill(0xff), 0x0f];
const tooHigh = [...new Uint8Array(7).fill(0x80), 0x10];

/** Fields that stand after those of a valid offer, so that they go before them. */
const refusedOffers: Record<string, readonly number[]> = {
  "the stream 0": [0x08, 0],
  "an id of 15 bytes": [0x12, 15, ...new Uint8Array(15)],
  "the term 0": [0x18, 0],
  "a term after which none is safe": [0x18, ...highest],
  "a snapshot of a later term": [0x18, 1],
  "no snapshot": [0x22, 0],
  "a snapshot of no entry": [0x22, 6, 0x12, 4, 0x0a, 2, 0x08, 1],
  "a snapshot of term 0": [0x22, 4, 0x12, 2, 0x10, 5],
  "a configuration with a node 0": [0x22, 10, 0x12, 8, 0x0a, 2, 0x08, 0, 0x10, 5, 0x18, 2],
  "a configuration of learners": [0x22, 10, 0x12, 8, 0x0a, 2, 0x10, 1, 0x10, 5, 0x18, 2],
  "a snapshot longer than the offer": [0x22, 99, 0x12],
  "metadata longer than the snapshot": [0x22, 2, 0x12, 99],
  "a configuration longer than the metadata": [0x22, 4, 0x12, 2, 0x0a, 99],
  "a member table that is a number": [0x28, 1],
  "a length beyond 2^53 - 1": [0x30, ...tooHigh],
};

for (const [name, bytes] of Object.entries(refusedOffers)) {
  test(`decodeSnapshotOffer refuses ${name}`, () => {
    const valid = joined(encodeSnapshotOffer(offer));
    expect(decodeSnapshotOffer(valid)).toEqual(offer);
    expect(() => decodeSnapshotOffer(Uint8Array.of(...valid, ...bytes))).toThrow(malformed);
  });
}

test("decodeSnapshotOffer refuses what lacks a stream", () => {
  const valid = joined(encodeSnapshotOffer(offer));
  expect([...valid.subarray(0, 2)]).toEqual([0x08, 1]);
  expect(() => decodeSnapshotOffer(valid.subarray(2))).toThrow(malformed);
});

const refusedChunks: Record<string, readonly number[]> = {
  "no stream": [0x10, 0, 0x1a, 1, 1],
  "the stream 0": [0x08, 0, 0x1a, 1, 1],
  "neither data nor a checksum": [0x08, 1, 0x10, 5],
  "empty data without a checksum": [0x08, 1, 0x1a, 0],
  "a checksum of 33 bits": [0x08, 1, 0x1a, 1, 1, 0x20, 0x80, 0x80, 0x80, 0x80, 0x10],
  "an end beyond 2^53 - 1": [0x08, 1, 0x10, ...highest, 0x1a, 1, 1],
  "an offset beyond 2^53 - 1": [0x08, 1, 0x10, ...tooHigh, 0x1a, 1, 1],
  "data that are cut short": [0x08, 1, 0x1a, 2, 1],
  "data that are a number": [0x08, 1, 0x18, 1],
};

for (const [name, bytes] of Object.entries(refusedChunks)) {
  test(`decodeSnapshotChunk refuses ${name}`, () => {
    expect(() => decodeSnapshotChunk(Uint8Array.from(bytes))).toThrow(malformed);
  });
}

const busy = [0x62, 0x75, 0x73, 0x79];

const refusedReceipts: Record<string, readonly number[]> = {
  "no stream": [0x10, 0, 0x18, 0],
  "an unknown state": [0x08, 1, 0x18, 3],
  "a refusal without a code": [0x08, 1, 0x18, 2],
  "a code without a refusal": [0x08, 1, 0x18, 1, 0x22, 4, ...busy],
  "an unknown code": [0x08, 1, 0x18, 2, 0x22, 3, 0x62, 0x75, 0x73],
  "a code that every object has": [
    ...[0x08, 1, 0x18, 2, 0x22, 8],
    ...[0x74, 0x6f, 0x53, 0x74, 0x72, 0x69, 0x6e, 0x67],
  ],
  "a message beyond the limit": [
    ...[0x08, 1, 0x18, 2, 0x22, 4, ...busy, 0x2a, 0x81, 8],
    ...new Uint8Array(errorMessageBytesMax + 1),
  ],
  "more bytes than 2^53 - 1": [0x08, 1, 0x10, ...tooHigh],
};

for (const [name, bytes] of Object.entries(refusedReceipts)) {
  test(`decodeSnapshotReceipt refuses ${name}`, () => {
    expect(() => decodeSnapshotReceipt(Uint8Array.from(bytes))).toThrow(malformed);
  });
}

test("a long message of a refusal is cut at the end of a character", () => {
  const refusal = { streamId: 1, received: 0, state: "refused", code: "disk_full" } as const;
  const bytes = joined(encodeSnapshotReceipt({ ...refusal, message: "€".repeat(1000) }));
  expect(decodeSnapshotReceipt(bytes)).toEqual({ ...refusal, message: "€".repeat(341) });
});
