import { decodeCommand, decodeResult, encodeCommand, encodeResult } from "@quorate/server";
import {
  clientAddressOf,
  decodeChange,
  decodeForgotten,
  decodeIndex,
  decodeKey,
  decodeLeader,
  decodeMembers,
  decodePlan,
  decodeRefusal,
  decodeSession,
  decodeSnapshotRequest,
  decodeSnapshotTaken,
  decodeStatus,
  decodeTransfer,
  decodeWritten,
  encodeKey,
  parseEndpoint,
  parseTokens,
  readOptionsOf,
  refuseQuery,
  resourceOf,
  SnapshotDecoder,
  splitTarget,
} from "@quorate/server/testing";
import { parseAddress } from "quorate";
import type { Target } from "./target.ts";

const key = Buffer.from("a key/\u00fc");
const value = Buffer.from("a value");

/** Bodies that are posted, as JSON. */
export const bodies: readonly Uint8Array[] = [
  { kind: "add", id: 4, address: "10.0.0.4:7001", as: "voter", priority: 0, ifIndex: 3 },
  { kind: "remove", id: 4, dryRun: true },
  { kind: "promote", id: 4, timeoutMs: 1000 },
  { kind: "replace", id: 2, by: { id: 5, address: "10.0.0.5:7001" } },
  { kind: "set", voters: [1, 3, { id: 5, address: "10.0.0.5:7001" }], learners: [] },
  { kind: "update", id: 3, address: "10.0.0.33:7001", priority: 10 },
  { to: 2 },
  {},
].map((body) => Buffer.from(JSON.stringify(body)));

/** Targets of requests. */
export const paths: readonly string[] = [
  `/v1/kv/${encodeKey(key)}`,
  "/v1/kv/a?consistency=local&stalenessMsMax=100&atLeast=3",
  "/v1/kv/a?consistency=lease",
  "http://localhost:8001/v1/kv/%00%ff+/b",
  "/v1/members",
  "/v1/leader",
  "/v1/snapshot",
  "/v1/status",
  "/healthz",
  "/readyz",
];

function snapshotBytes(): Uint8Array {
  const head = Buffer.alloc(14);
  head.writeUInt16BE(key.length);
  head.writeUInt32BE(value.length, 2);
  head.writeBigUInt64BE(5n, 6);
  const end = Buffer.alloc(10);
  end.writeBigUInt64BE(1n, 2);
  return Buffer.concat([Buffer.of(1), head, key, value, end]);
}

const confState = { voters: [1, 2], votersOutgoing: [], learners: [3], learnersNext: [] };
const answers = [
  { index: 4, previousIndex: 3 },
  { code: "busy", message: "too much", outcome: "not-applied" },
  { index: 4, confState, members: [], removed: [5] },
  { index: 4, confState, steps: [] },
  { leader: 2, forgotten: 1, term: 3, bytes: 100, index: 4, session: 9 },
  {
    ...{ id: 1, role: "leader", term: 2, leader: 1, commitIndex: 3, appliedIndex: 3 },
    ...{ firstIndex: 1, snapshotIndex: 0, confState, confIndex: 0, transferTarget: 0, pid: 9 },
    ...{ snapshots: { sending: [] }, last: { index: 3 }, progress: [{ id: 2, matchIndex: 3 }] },
    ...{ clusterId: "docs", connected: [2] },
    findings: [{ code: "peer_silent", severity: "warning", message: "it is", remedy: "see" }],
  },
].map((answer) => Buffer.from(JSON.stringify(answer)));

const replyReaders = [
  decodeForgotten,
  decodeIndex,
  decodeLeader,
  decodeMembers,
  decodePlan,
  decodeRefusal,
  decodeSession,
  decodeSnapshotTaken,
  decodeStatus,
  decodeWritten,
];

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Answers a request as far as its first line goes. */
function readTarget(bytes: Uint8Array): unknown {
  const { path, query } = splitTarget(text(bytes));
  const resource = resourceOf(path);
  if (resource?.kind !== "key") return refuseQuery(query);
  return [decodeKey(resource.key), readOptionsOf(query)];
}

function bytesOf(texts: readonly string[]): Uint8Array[] {
  return texts.map((each) => Buffer.from(each));
}

/** Everything that reads what clients and servers say, and what state machines and operators keep. */
export const serverTargets: readonly Target[] = [
  {
    name: "decodeCommand",
    read: decodeCommand,
    samples: [encodeCommand({ kind: "put", key, value }), encodeCommand({ kind: "delete", key })],
    codes: [],
    share: 1,
  },
  {
    name: "decodeResult",
    read: decodeResult,
    samples: [encodeResult({ kind: "applied", previousIndex: 3 })],
    codes: [],
    share: 1,
  },
  {
    name: "SnapshotDecoder",
    read: (bytes) => {
      const decoder = new SnapshotDecoder();
      const cut = bytes.length >> 1;
      decoder.push(bytes.subarray(0, cut));
      decoder.push(bytes.subarray(cut));
      decoder.finish();
    },
    samples: [snapshotBytes()],
    codes: ["malformed", "unsupported_version"],
    share: 1,
  },
  {
    name: "target of a request",
    read: readTarget,
    samples: bytesOf(paths),
    codes: ["invalid_argument"],
    share: 1,
  },
  {
    name: "decodeChange",
    read: decodeChange,
    samples: bodies,
    codes: ["invalid_argument"],
    share: 1,
  },
  {
    name: "decodeTransfer",
    read: decodeTransfer,
    samples: bodies,
    codes: ["invalid_argument"],
    share: 1,
  },
  {
    name: "decodeSnapshotRequest",
    read: decodeSnapshotRequest,
    samples: bodies,
    codes: ["invalid_argument"],
    share: 1,
  },
  {
    name: "parseTokens",
    read: (bytes) => parseTokens(text(bytes)),
    samples: bytesOf(["# ours\nthe-first-token-of-all read-only\nthe-second-token-of-all\n"]),
    codes: ["invalid_options"],
    share: 1,
  },
  {
    name: "clientAddressOf",
    read: (bytes) => clientAddressOf(text(bytes)),
    samples: bytesOf(["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1%eth0", "::1"]),
    codes: [],
    share: 1,
  },
  {
    name: "parseAddress",
    read: (bytes) => parseAddress(text(bytes)),
    samples: bytesOf(["10.0.0.1:7001", "[::1]:7001", "a.example:1"]),
    codes: ["invalid_options"],
    share: 1,
  },
  {
    name: "parseEndpoint",
    read: (bytes) => parseEndpoint(text(bytes)),
    samples: bytesOf(["http://10.0.0.1:8001", "https://[::1]:8001", "https://a.example"]),
    codes: ["invalid_argument"],
    share: 1,
  },
  ...replyReaders.map((read) => ({
    name: `${read.name} of a reply`,
    read: (bytes: Uint8Array): unknown =>
      read({ status: 200, headers: { "x-quorate-index": "7" }, body: Buffer.from(bytes) }),
    samples: answers,
    codes: ["bad_answer", "busy"],
    share: 0.5,
  })),
];
