import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  type ConfState,
  confStateOf,
  decodeConfChange,
  encodeConfChange,
  type InstallSnapshot,
  type Message,
  newConfChange,
  newEntry,
} from "@quorate/core";
import {
  type Call,
  type CallResult,
  crc32c,
  decodeBatch,
  decodeCall,
  decodeCallResult,
  decodeDigests,
  decodeEntry,
  decodeForward,
  decodeForwardResult,
  decodeFrame,
  decodeHardState,
  decodeHello,
  decodeMembers,
  decodeMessage,
  decodeRefusal,
  decodeSnapshotChunk,
  decodeSnapshotOffer,
  decodeSnapshotReceipt,
  encodeBatch,
  encodeCall,
  encodeCallResult,
  encodeDigests,
  encodeEntry,
  encodeForward,
  encodeForwardResult,
  encodeFrame,
  encodeHardState,
  encodeHello,
  encodeMembers,
  encodeMembersDelta,
  encodeMessage,
  encodeRefusal,
  encodeSnapshotChunk,
  encodeSnapshotOffer,
  encodeSnapshotReceipt,
  encodeWelcome,
  type Forward,
  type ForwardResult,
  type Hello,
  type MembersDelta,
  type MemberTable,
  type Refusal,
  type SnapshotChunk,
  type SnapshotOffer,
  type SnapshotReceipt,
  type StateDigest,
} from "@quorate/wire";
import { joined, withoutEncoded } from "./arbitraries.ts";

const hi = Uint8Array.of(0x68, 0x69);
const sixteen = Uint8Array.from({ length: 16 }, (_, position) => position);

const append: Message = {
  kind: "append-entries",
  from: 1,
  to: 2,
  term: 2,
  prev: { term: 1, index: 6 },
  entries: [newEntry({ term: 2, index: 7 }, "command", hi)],
  commitIndex: 6,
};
const confState: ConfState = { ...confStateOf([1, 2, 3]), learners: [4] };
const installSnapshot: InstallSnapshot = {
  kind: "install-snapshot",
  from: 1,
  to: 4,
  term: 2,
  snapshot: { index: 6, term: 1, confState },
};
const heartbeat: Message = {
  kind: "heartbeat",
  from: 1,
  to: 3,
  term: 2,
  commitIndex: 6,
  readRound: 9,
};
const hello: Hello = {
  protocolVersion: 2,
  clusterId: "demo",
  from: 1,
  to: 2,
  incarnation: sixteen,
  address: "n1:7000",
};
const refusal: Refusal = { code: "wrong_identity", message: "other" };
const forward: Forward = { requestId: 41, command: hi, timeoutMs: 1000 };
const applied: ForwardResult = {
  requestId: 41,
  ok: true,
  index: 7,
  result: Uint8Array.of(0x6f, 0x6b),
};
const failed: ForwardResult = {
  requestId: 41,
  ok: false,
  code: "not_leader",
  message: "",
  leader: 3,
};
const digests: readonly StateDigest[] = [
  { index: 4096, term: 1, digest: Uint8Array.of(0xab, 0xcd) },
  { index: 8192, term: 2, digest: Uint8Array.of(0xef, 0x01) },
];
const members: MemberTable = {
  members: [
    { id: 1, address: "n1:7000", incarnation: sixteen, priority: 5 },
    { id: 300, address: "n300:7000", incarnation: undefined, priority: 0 },
  ],
  removed: [2, 3],
  leaving: [{ id: 3, address: "n3:7000", incarnation: undefined, priority: 0 }],
};
const joining: MembersDelta = {
  set: [{ id: 4, address: "n4:7000", incarnation: undefined, priority: 0 }],
  removed: [],
};
const addLearner = newConfChange(
  [{ kind: "add-learner", id: 4 }],
  "auto",
  encodeMembersDelta(joining),
);
const offer: SnapshotOffer = {
  streamId: 1,
  snapshotId: sixteen,
  term: 2,
  snapshot: installSnapshot.snapshot,
  members: encodeMembersDelta(joining),
  bytes: 3,
};
const middle: SnapshotChunk = { streamId: 1, offset: 0, data: hi, last: false };
const end: SnapshotChunk = {
  streamId: 1,
  offset: 2,
  data: Uint8Array.of(0x21),
  last: true,
  checksum: crc32c(Uint8Array.of(...hi, 0x21)),
};
const installed: SnapshotReceipt = { streamId: 1, received: 3, state: "installed" };
const refused: SnapshotReceipt = {
  streamId: 1,
  received: 2,
  state: "refused",
  code: "disk_full",
  message: "",
};
const call: Call = { requestId: 42, method: 2, payload: Uint8Array.of(3), timeoutMs: 1000 };
const done: CallResult = { requestId: 42, ok: true, result: Uint8Array.of(0x6f, 0x6b) };
const callFailed: CallResult = {
  requestId: 42,
  ok: false,
  code: "busy",
  message: "",
  leader: 1,
};
const hardState = { term: 2, vote: 3, commitIndex: 300 };

/** One worked example of the page: its bytes from the code, and a check of what the code reads in them. */
interface Example {
  readonly encoded: () => Uint8Array;
  readonly check: (bytes: Uint8Array) => void;
}

const examples: Record<string, Example> = {
  frame: {
    encoded: () => joined(encodeFrame("welcome", encodeWelcome({ protocolVersion: 2 }))),
    check: (bytes) =>
      expect(decodeFrame(bytes)).toEqual({ type: "welcome", payload: Uint8Array.of(8, 2) }),
  },
  message: {
    encoded: () => encodeMessage(append),
    check: (bytes) => expect(withoutEncoded(decodeMessage(bytes))).toEqual(withoutEncoded(append)),
  },
  batch: {
    encoded: () => joined(encodeBatch([append, heartbeat])),
    check: (bytes) =>
      expect(decodeBatch(bytes).map(withoutEncoded)).toEqual([withoutEncoded(append), heartbeat]),
  },
  "install-snapshot": {
    encoded: () => encodeMessage(installSnapshot),
    check: (bytes) => expect(decodeMessage(bytes)).toEqual(installSnapshot),
  },
  entry: {
    encoded: () => encodeEntry(newEntry({ term: 2, index: 7 }, "command", hi)),
    check: (bytes) =>
      expect(decodeEntry(bytes)).toEqual(newEntry({ term: 2, index: 7 }, "command", hi)),
  },
  "hard-state": {
    encoded: () => encodeHardState(hardState),
    check: (bytes) => expect(decodeHardState(bytes)).toEqual(hardState),
  },
  hello: {
    encoded: () => joined(encodeHello(hello)),
    check: (bytes) => expect(decodeHello(bytes)).toEqual(hello),
  },
  refusal: {
    encoded: () => joined(encodeRefusal(refusal)),
    check: (bytes) => expect(decodeRefusal(bytes)).toEqual(refusal),
  },
  forward: {
    encoded: () => joined(encodeForward(forward)),
    check: (bytes) => expect(decodeForward(bytes)).toEqual(forward),
  },
  "forward-applied": {
    encoded: () => joined(encodeForwardResult(applied)),
    check: (bytes) => expect(decodeForwardResult(bytes)).toEqual(applied),
  },
  "forward-failed": {
    encoded: () => joined(encodeForwardResult(failed)),
    check: (bytes) => expect(decodeForwardResult(bytes)).toEqual(failed),
  },
  "conf-change": {
    encoded: () => encodeConfChange(addLearner, confState),
    check: (bytes) =>
      expect(decodeConfChange(bytes)).toEqual({ change: addLearner, result: confState }),
  },
  members: {
    encoded: () => encodeMembers(members),
    check: (bytes) => expect(decodeMembers(bytes)).toEqual(members),
  },
  digests: {
    encoded: () => encodeDigests(digests),
    check: (bytes) => expect(decodeDigests(bytes)).toEqual(digests),
  },
  "snapshot-offer": {
    encoded: () => joined(encodeSnapshotOffer(offer)),
    check: (bytes) => expect(decodeSnapshotOffer(bytes)).toEqual(offer),
  },
  "snapshot-chunk": {
    encoded: () => joined(encodeSnapshotChunk(middle)),
    check: (bytes) => expect(decodeSnapshotChunk(bytes)).toEqual(middle),
  },
  "snapshot-chunk-last": {
    encoded: () => joined(encodeSnapshotChunk(end)),
    check: (bytes) => expect(decodeSnapshotChunk(bytes)).toEqual(end),
  },
  "snapshot-receipt": {
    encoded: () => joined(encodeSnapshotReceipt(installed)),
    check: (bytes) => expect(decodeSnapshotReceipt(bytes)).toEqual(installed),
  },
  "snapshot-receipt-refused": {
    encoded: () => joined(encodeSnapshotReceipt(refused)),
    check: (bytes) => expect(decodeSnapshotReceipt(bytes)).toEqual(refused),
  },
  call: {
    encoded: () => joined(encodeCall(call)),
    check: (bytes) => expect(decodeCall(bytes)).toEqual(call),
  },
  "call-done": {
    encoded: () => joined(encodeCallResult(done)),
    check: (bytes) => expect(decodeCallResult(bytes)).toEqual(done),
  },
  "call-failed": {
    encoded: () => joined(encodeCallResult(callFailed)),
    check: (bytes) => expect(decodeCallResult(bytes)).toEqual(callFailed),
  },
};

/** The blocks of the page that are marked `hex`, by name, without comments. */
function pageExamples(): Map<string, Uint8Array> {
  const page = readFileSync(new URL("../FORMAT.md", import.meta.url), "utf8");
  const found = new Map<string, Uint8Array>();
  for (const [, name = "", body = ""] of page.matchAll(/^```hex (\S+)\n(.*?)^```$/gms)) {
    const digits = body.replaceAll(/#.*$/gm, "").replaceAll(/\s/g, "");
    found.set(name, Uint8Array.from(Buffer.from(digits, "hex")));
    expect(found.get(name)?.length).toBe(digits.length / 2);
  }
  return found;
}

test("FORMAT.md has exactly the examples that are checked here", () => {
  expect([...pageExamples().keys()].toSorted()).toEqual(Object.keys(examples).toSorted());
});

for (const [name, example] of Object.entries(examples)) {
  test(`the ${name} of FORMAT.md is what is written and read`, () => {
    const bytes = pageExamples().get(name) ?? new Uint8Array(0);
    expect(Buffer.from(example.encoded()).toString("hex")).toBe(Buffer.from(bytes).toString("hex"));
    example.check(bytes);
  });
}
