import {
  type ConfState,
  decodeConfChange,
  decodeConfState,
  encodeConfChange,
  encodeConfState,
  type Message,
  newEntry,
  type NodeId,
} from "@quorate/core";
import {
  decodeBatch,
  decodeCall,
  decodeCallResult,
  decodeEntry,
  decodeForward,
  decodeForwardResult,
  decodeFrame,
  decodeHardState,
  decodeHello,
  decodeMembers,
  decodeMembersDelta,
  decodeMessage,
  decodeRefusal,
  decodeSnapshot,
  decodeSnapshotChunk,
  decodeSnapshotOffer,
  decodeSnapshotReceipt,
  decodeWelcome,
  encodeBatch,
  encodeCall,
  encodeCallResult,
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
  encodeSnapshot,
  encodeSnapshotChunk,
  encodeSnapshotOffer,
  encodeSnapshotReceipt,
  encodeWelcome,
  FrameReader,
  type FrameType,
} from "@quorate/wire";
import type { Target } from "./target.ts";

const incarnation = new Uint8Array(16).fill(7);
const command = Buffer.from("a command of some length");
const id = { term: 1, index: 1 };

const joint: ConfState = {
  voters: [1, 2, 3],
  votersOutgoing: [1, 2, 4],
  learners: [5],
  learnersNext: [4],
  autoLeave: true,
};
const simple: ConfState = { ...joint, votersOutgoing: [], learnersNext: [], autoLeave: false };

const entries = [
  newEntry(id, "command", command),
  newEntry({ term: 1, index: 2 }, "no-op"),
  newEntry({ term: 2, index: 3 }, "conf-change", encodeConfState(simple)),
];

const snapshot = { term: 2, index: 300, confState: joint };

/** Messages of every kind, as node `from` might send them to node 1. */
function messagesOf(from: NodeId): readonly Message[] {
  const way = { from, to: 1, term: 1 };
  return [
    { kind: "pre-vote", ...way, last: id },
    { kind: "pre-vote-response", ...way, granted: true, committed: id },
    { kind: "request-vote", ...way, last: id, transfer: true },
    { kind: "request-vote-response", ...way, granted: false },
    { kind: "append-entries", ...way, prev: id, entries, commitIndex: 1 },
    { kind: "append-entries-response", ...way, matchIndex: 3 },
    { kind: "append-entries-rejection", ...way, prevIndex: 9, hint: id },
    { kind: "install-snapshot", ...way, snapshot },
    { kind: "timeout-now", ...way },
    { kind: "heartbeat", ...way, commitIndex: 1, readRound: 2 },
    { kind: "heartbeat-response", ...way, readRound: 2 },
    { kind: "propose", ...way, commands: [command, Buffer.alloc(0)] },
    { kind: "read-index", ...way, readId: 4 },
    { kind: "read-index-response", ...way, readId: 4, index: 1 },
  ];
}

const messages = messagesOf(2);

/** The payloads of frames that carry messages of node `from`. */
export function raftPayloads(from: NodeId): readonly Uint8Array[] {
  const all = messagesOf(from);
  return [...all.map((each) => join(encodeBatch([each]))), join(encodeBatch(all))];
}

const member = { id: 2, address: "127.0.0.1:7002", incarnation, priority: 3 };
const table = { members: [member], removed: [3, 4], leaving: [{ ...member, id: 4 }] };
const failed = { ok: false, code: "not_leader", message: "no", leader: 2 } as const;
const offer = {
  streamId: 1,
  snapshotId: incarnation,
  term: 3,
  snapshot,
  members: encodeMembers(table),
  bytes: 70_000,
};
const chunk = { streamId: 1, offset: 0, data: command };

/** The payloads of frames, by their type. */
export const payloads: Record<FrameType, readonly Uint8Array[]> = {
  hello: [
    join(
      encodeHello({
        protocolVersion: 1,
        clusterId: "default",
        from: 2,
        to: 1,
        incarnation,
        address: "127.0.0.1:7002",
      }),
    ),
  ],
  welcome: [join(encodeWelcome({ protocolVersion: 1 }))],
  refusal: [join(encodeRefusal({ code: "stranger", message: "who is this" }))],
  raft: raftPayloads(2),
  forward: [join(encodeForward({ requestId: 1, command, timeoutMs: 1000 }))],
  "forward-result": [
    join(encodeForwardResult({ requestId: 1, ok: true, index: 3, result: command })),
    join(encodeForwardResult({ requestId: 1, ...failed })),
  ],
  "snapshot-offer": [join(encodeSnapshotOffer(offer))],
  "snapshot-chunk": [
    join(encodeSnapshotChunk({ ...chunk, last: false })),
    join(encodeSnapshotChunk({ ...chunk, last: true, checksum: 9 })),
  ],
  "snapshot-receipt": [
    join(encodeSnapshotReceipt({ streamId: 1, received: 10, state: "more" })),
    join(
      encodeSnapshotReceipt({
        streamId: 1,
        received: 10,
        state: "refused",
        code: "busy",
        message: "later",
      }),
    ),
  ],
  call: [1, 2, 3, 4].map((method) =>
    join(encodeCall({ requestId: 1, method, payload: command, timeoutMs: 1000 })),
  ),
  "call-result": [
    join(encodeCallResult({ requestId: 1, ok: true, result: command })),
    join(encodeCallResult({ requestId: 1, ...failed })),
  ],
};

/** Chunks in one piece. */
export function join(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}

const malformed = ["malformed"];
const message = [...malformed, "unknown_message"];
const frame = [...malformed, "unsupported_version", "too_large"];

/** The types of frames that may follow a handshake. */
export const laterTypes: readonly FrameType[] = [
  "raft",
  "forward",
  "forward-result",
  "snapshot-offer",
  "snapshot-chunk",
  "snapshot-receipt",
  "call",
  "call-result",
];
const types: readonly FrameType[] = ["hello", "welcome", "refusal", ...laterTypes];

/** Frames of each type. */
export const frames: readonly Uint8Array[] = types.flatMap((type) =>
  payloads[type].map((payload) => join(encodeFrame(type, [payload]))),
);

function target(
  name: string,
  read: (bytes: Uint8Array) => unknown,
  samples: readonly Uint8Array[],
  codes: readonly string[] = malformed,
): Target {
  return { name, read, samples, codes, share: 1 };
}

/** Everything that reads what nodes send one another. */
export const wireTargets: readonly Target[] = [
  target("decodeMessage", decodeMessage, messages.map(encodeMessage), message),
  target("decodeBatch", decodeBatch, payloads.raft, message),
  target("decodeEntry", decodeEntry, entries.map(encodeEntry)),
  target("decodeHardState", decodeHardState, [
    encodeHardState({ term: 300, vote: 2, commitIndex: 70_000 }),
  ]),
  target("decodeHello", decodeHello, payloads.hello),
  target("decodeWelcome", decodeWelcome, payloads.welcome),
  target("decodeRefusal", decodeRefusal, payloads.refusal),
  target("decodeForward", decodeForward, payloads.forward),
  target("decodeForwardResult", decodeForwardResult, payloads["forward-result"]),
  target("decodeCall", decodeCall, payloads.call),
  target("decodeCallResult", decodeCallResult, payloads["call-result"]),
  target("decodeSnapshot", decodeSnapshot, [encodeSnapshot(snapshot)]),
  target("decodeSnapshotOffer", decodeSnapshotOffer, payloads["snapshot-offer"]),
  target("decodeSnapshotChunk", decodeSnapshotChunk, payloads["snapshot-chunk"]),
  target("decodeSnapshotReceipt", decodeSnapshotReceipt, payloads["snapshot-receipt"]),
  target("decodeMembers", decodeMembers, [encodeMembers(table)]),
  target("decodeMembersDelta", decodeMembersDelta, [
    encodeMembersDelta({ set: [member], removed: [3] }),
  ]),
  target("decodeConfState", decodeConfState, [encodeConfState(joint), encodeConfState(simple)]),
  target("decodeConfChange", decodeConfChange, [
    encodeConfChange(
      {
        transition: "auto",
        changes: [
          { kind: "add-voter", id: 4 },
          { kind: "remove", id: 2 },
        ],
        context: command,
      },
      simple,
    ),
  ]),
  target("decodeFrame", decodeFrame, frames, frame),
  target(
    "FrameReader",
    (bytes) => {
      const reader = new FrameReader({ frameBytesMax: 4096 });
      const half = bytes.length >> 1;
      return [reader.push(bytes.subarray(0, half)), reader.push(bytes.subarray(half))];
    },
    frames,
    frame,
  ),
];
