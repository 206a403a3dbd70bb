import {
  type ConfState,
  encodeConfState,
  type Entry,
  type Message,
  newEntry,
  type NodeId,
  type Snapshot,
} from "@quorate/core";
import { encodeLoan } from "@quorate/runtime/testing";
import * as wire from "@quorate/wire";
import { join } from "./target.ts";

const incarnation = new Uint8Array(16).fill(7);
/** What commands hold. */
export const command: Uint8Array = Buffer.from("a command of some length");
const id = { term: 1, index: 1 };

/** A configuration on its way from one to the next. */
export const joint: ConfState = {
  voters: [1, 2, 3],
  votersOutgoing: [1, 2, 4],
  learners: [5],
  learnersNext: [4],
  autoLeave: true,
};
/** One that rests. */
export const simple: ConfState = {
  ...joint,
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** Entries of every kind. */
export const entries: readonly Entry[] = [
  newEntry(id, "command", command),
  newEntry({ term: 1, index: 2 }, "no-op"),
  newEntry({ term: 2, index: 3 }, "conf-change", encodeConfState(simple)),
];

/** What a log begins with that was made shorter. */
export const snapshot: Snapshot = { term: 2, index: 300, confState: joint };

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

/** Messages of every kind. */
export const messages: readonly Message[] = messagesOf(2);

/** The payloads of frames that carry messages of node `from`. */
export function raftPayloads(from: NodeId): readonly Uint8Array[] {
  const all = messagesOf(from);
  return [...all.map((each) => join(wire.encodeBatch([each]))), join(wire.encodeBatch(all))];
}

/** One that a group knows all of. */
export const member: wire.Member = { id: 2, address: "127.0.0.1:7002", incarnation, priority: 3 };
/** What a group knows of its members. */
export const table: wire.MemberTable = {
  members: [member],
  removed: [3, 4],
  leaving: [{ ...member, id: 4 }],
};
/** Digests, as members tell one another. */
export const told: Uint8Array = wire.encodeDigests([
  { index: 4096, term: 1, digest: Uint8Array.of(1) },
  { index: 8192, term: 2, digest: incarnation },
]);
const failed = { ok: false, code: "not_leader", message: "no", leader: 2 } as const;
const offer = {
  streamId: 1,
  snapshotId: incarnation,
  term: 3,
  snapshot,
  members: wire.encodeMembers(table),
  bytes: 70_000,
};
const chunk = { streamId: 1, offset: 0, data: command };

/** The payloads of frames, by their type. */
export const payloads: Record<wire.FrameType, readonly Uint8Array[]> = {
  hello: [
    join(
      wire.encodeHello({
        protocolVersion: 1,
        clusterId: "default",
        from: 2,
        to: 1,
        incarnation,
        address: "127.0.0.1:7002",
      }),
    ),
  ],
  welcome: [join(wire.encodeWelcome({ protocolVersion: 1 }))],
  refusal: [join(wire.encodeRefusal({ code: "stranger", message: "who is this" }))],
  raft: raftPayloads(2),
  forward: [join(wire.encodeForward({ requestId: 1, command, timeoutMs: 1000 }))],
  "forward-result": [
    join(wire.encodeForwardResult({ requestId: 1, ok: true, index: 3, result: command })),
    join(wire.encodeForwardResult({ requestId: 1, ...failed })),
  ],
  "snapshot-offer": [join(wire.encodeSnapshotOffer(offer))],
  "snapshot-chunk": [
    join(wire.encodeSnapshotChunk({ ...chunk, last: false })),
    join(wire.encodeSnapshotChunk({ ...chunk, last: true, checksum: 9 })),
  ],
  "snapshot-receipt": [
    join(wire.encodeSnapshotReceipt({ streamId: 1, received: 10, state: "more" })),
    join(
      wire.encodeSnapshotReceipt({
        streamId: 1,
        received: 10,
        state: "refused",
        code: "busy",
        message: "later",
      }),
    ),
  ],
  call: [
    command,
    wire.encodeMembers(table),
    encodeLoan({ first: 1, last: 3, lastTerm: 2 }),
    told,
  ].map((payload, place) =>
    join(wire.encodeCall({ requestId: 1, method: 1 + place, payload, timeoutMs: 1000 })),
  ),
  "call-result": [
    join(wire.encodeCallResult({ requestId: 1, ok: true, result: command })),
    join(wire.encodeCallResult({ requestId: 1, ...failed })),
  ],
};

/** Frames of each type. */
export const frames: readonly Uint8Array[] = wire.frameTypes.flatMap((type) =>
  payloads[type].map((payload) => join(wire.encodeFrame(type, [payload]))),
);
