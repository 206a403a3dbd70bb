import { expect, test } from "vitest";
import { leaveJoint } from "./conf-change.ts";
import { encodeConfChange } from "./conf-codec.ts";
import { type ConfState, confStateOf, emptyConfState } from "./conf-state.ts";
import {
  describeConfState,
  describeData,
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeStatus,
} from "./describe.ts";
import { newEntry } from "./entry.ts";
import type { Message, MessageKind } from "./message.ts";
import { RaftNode } from "./raft-node.ts";
import type { Ready } from "./ready.ts";

const x = Uint8Array.of(0x78);
const last = { term: 2, index: 7 };
const envelope = { from: 1, to: 2, term: 3 };

/** One message of each kind, with its line. A missing kind does not compile. */
const lines: { [Kind in MessageKind]: readonly [Extract<Message, { kind: Kind }>, string] } = {
  "pre-vote": [{ kind: "pre-vote", ...envelope, last }, "n1 -> n2 pre-vote term=3 last=2/7"],
  "pre-vote-response": [
    { kind: "pre-vote-response", ...envelope, granted: true },
    "n1 -> n2 pre-vote-response term=3 granted=true",
  ],
  "request-vote": [
    { kind: "request-vote", ...envelope, last },
    "n1 -> n2 request-vote term=3 last=2/7",
  ],
  "request-vote-response": [
    { kind: "request-vote-response", ...envelope, granted: false },
    "n1 -> n2 request-vote-response term=3 granted=false",
  ],
  "append-entries": [
    {
      kind: "append-entries",
      ...envelope,
      prev: last,
      entries: [newEntry({ term: 3, index: 8 }, "command", x)],
      commitIndex: 6,
    },
    'n1 -> n2 append-entries term=3 prev=2/7 entries=[3/8 "x"] commit=6',
  ],
  "append-entries-response": [
    { kind: "append-entries-response", ...envelope, matchIndex: 8 },
    "n1 -> n2 append-entries-response term=3 match=8",
  ],
  "append-entries-rejection": [
    { kind: "append-entries-rejection", ...envelope, prevIndex: 9, hint: last },
    "n1 -> n2 append-entries-rejection term=3 prev=9 hint=2/7",
  ],
  "install-snapshot": [
    {
      kind: "install-snapshot",
      ...envelope,
      snapshot: { ...last, confState: confStateOf([1, 2]) },
    },
    "n1 -> n2 install-snapshot term=3 snapshot=2/7 (1 2)",
  ],
  "timeout-now": [{ kind: "timeout-now", ...envelope }, "n1 -> n2 timeout-now term=3"],
  heartbeat: [
    { kind: "heartbeat", ...envelope, commitIndex: 7, readRound: 4 },
    "n1 -> n2 heartbeat term=3 commit=7 round=4",
  ],
  "heartbeat-response": [
    { kind: "heartbeat-response", ...envelope, readRound: 4 },
    "n1 -> n2 heartbeat-response term=3 round=4",
  ],
  propose: [
    { kind: "propose", ...envelope, term: 0, commands: [x, new Uint8Array(30)] },
    'n1 -> n2 propose term=0 commands=["x" <30 bytes>]',
  ],
  "read-index": [
    { kind: "read-index", ...envelope, term: 0, readId: 5 },
    "n1 -> n2 read-index term=0 read=5",
  ],
  "read-index-response": [
    { kind: "read-index-response", ...envelope, readId: 5, index: 7 },
    "n1 -> n2 read-index-response term=3 read=5 index=7",
  ],
};

for (const [kind, [message, line]] of Object.entries(lines)) {
  test(`describeMessage shows ${kind}`, () => {
    expect(describeMessage(message)).toBe(line);
  });
}

test("describeMessage shows a refused read as an index that is none", () => {
  const [message] = lines["read-index-response"];
  expect(describeMessage({ ...message, index: 0 })).toBe(
    "n1 -> n2 read-index-response term=3 read=5 index=-",
  );
});

test("describeMessage shows that the leader itself wants the election", () => {
  const [message] = lines["request-vote"];
  expect(describeMessage({ ...message, transfer: true })).toBe(
    "n1 -> n2 request-vote term=3 last=2/7 transfer",
  );
  expect(describeMessage({ ...message, transfer: false })).toBe(
    "n1 -> n2 request-vote term=3 last=2/7",
  );
});

test.each<[ConfState, string]>([
  [emptyConfState, "()"],
  [confStateOf([1, 2, 3]), "(1 2 3)"],
  [{ ...confStateOf([1]), learners: [2, 3] }, "(1) learn(2 3)"],
  [{ ...confStateOf([1, 2, 4]), votersOutgoing: [1, 2, 3] }, "(1 2 4)&&(1 2 3)"],
  [
    {
      voters: [1, 4],
      votersOutgoing: [1, 2],
      learners: [5],
      learnersNext: [2],
      autoLeave: true,
    },
    "(1 4)&&(1 2) learn(5) next(2) auto",
  ],
])("describeConfState of %j is %s", (confState, expected) => {
  expect(describeConfState(confState)).toBe(expected);
  expect(describeSnapshot({ ...last, confState })).toBe(`snapshot=2/7 ${expected}`);
});

test("describeEntry shows what a change leads to", () => {
  const data = encodeConfChange(leaveJoint, confStateOf([1, 2]));
  expect(describeEntry(newEntry(last, "conf-change", data))).toBe("2/7 conf-change (1 2)");
});

test("describeEntry shows each kind", () => {
  expect(describeEntry(newEntry(last, "command", x))).toBe('2/7 "x"');
  expect(describeEntry(newEntry(last, "no-op"))).toBe("2/7 no-op");
  expect(describeEntry(newEntry(last, "conf-change", x))).toBe('2/7 conf-change "x"');
});

test("describeEntries shows each of four, and the ends of five", () => {
  const run = [1, 2, 3, 4, 5].map((index) => newEntry({ term: 1, index }, "no-op"));
  expect(describeEntries([])).toBe("[]");
  expect(describeEntries(run.slice(0, 4))).toBe("[1/1 no-op, 1/2 no-op, 1/3 no-op, 1/4 no-op]");
  expect(describeEntries(run)).toBe("[1/1..1/5 (5)]");
});

test.each([
  ["", '""'],
  ["a b~", '"a b~"'],
  ["x".repeat(24), `"${"x".repeat(24)}"`],
  ["x".repeat(25), "<25 bytes>"],
  ['say "x"', "<7 bytes>"],
  ["a\nb", "<3 bytes>"],
  ["\u007f", "<1 bytes>"],
  ["\u00e9", "<1 bytes>"],
])("describeData of %j is %s", (text, expected) => {
  expect(describeData(Uint8Array.from(text, (char) => char.charCodeAt(0)))).toBe(expected);
});

test("describeHardState shows no vote as a dash", () => {
  expect(describeHardState({ term: 2, vote: 1, commitIndex: 7 })).toBe("term=2 vote=n1 commit=7");
  expect(describeHardState({ term: 2, vote: 0, commitIndex: 7 })).toBe("term=2 vote=- commit=7");
});

test("describeReady lists what to do in the order of doing it", () => {
  const entry = newEntry({ term: 3, index: 8 }, "no-op");
  const ready: Ready = {
    number: 1,
    messages: [lines.heartbeat[0]],
    snapshot: { ...last, confState: confStateOf([1, 2]) },
    hardState: { term: 3, vote: 2, commitIndex: 7 },
    entries: [entry],
    mustSync: true,
    messagesAfterPersist: [lines["append-entries-response"][0]],
    committed: [entry],
    reads: [
      { readId: 4, index: 7 },
      { readId: 5, index: 0 },
    ],
  };
  expect(describeReady(ready).split("\n")).toEqual([
    "send n1 -> n2 heartbeat term=3 commit=7 round=4",
    "reset snapshot=2/7 (1 2)",
    "persist term=3 vote=n2 commit=7",
    "persist [3/8 no-op]",
    "sync",
    "then send n1 -> n2 append-entries-response term=3 match=8",
    "restore 2/7",
    "apply [3/8 no-op]",
    "read 4 at 7",
    "read 5 failed",
  ]);
});

test("describeReady of nothing to do is empty", () => {
  expect(describeReady(new RaftNode(1, [2]).ready())).toBe("");
});

test("describeStatus shows a follower in one line, and a leader with its followers", () => {
  const node = new RaftNode(1, [2, 3], { preVote: false });
  expect(describeStatus(node.status())).toBe(
    "n1 follower term=0 vote=- leader=- log=0/0 persisted=0 commit=0 applied=0",
  );
  node.campaign();
  node.advance(node.ready());
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 1, granted: true });
  node.step({ kind: "append-entries-response", from: 2, to: 1, term: 1, matchIndex: 0 });
  node.advance(node.ready());
  expect(describeStatus(node.status()).split("\n")).toEqual([
    "n1 leader term=1 vote=n1 leader=n1 log=1/1 persisted=1 commit=0 applied=0",
    "  n2 replicate match=0 next=2 inflight=1",
    "  n3 probe match=0 next=1 paused inactive",
  ]);
});
