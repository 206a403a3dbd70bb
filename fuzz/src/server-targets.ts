import { decodeCommand, decodeResult, encodeCommand, encodeResult } from "@quorate/server";
import * as server from "@quorate/server/testing";
import { type DecoderOf, type Target, target, textTarget } from "./target.ts";

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
  `/v1/kv/${server.encodeKey(key)}`,
  "/v1/kv/a?consistency=local&stalenessMsMax=100&atLeast=3",
  "/v1/kv/a?consistency=lease",
  "http://localhost:8001/v1/kv/%00%ff+/b",
  "/v1/sessions/7",
  "/v1/members",
  "/v1/leader",
  "/v1/snapshot",
  "/v1/status?index=7",
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

/** Tries what reads an answer, with hostile bodies. */
function replyTarget<Value>(
  read: (reply: Parameters<typeof server.decodeIndex>[0]) => Value,
): Target {
  const status = 200;
  const headers = { "x-quorate-index": "7" };
  return target((bytes) => read({ status, headers, body: Buffer.from(bytes) }), answers, {
    name: `${read.name} of a reply`,
    codes: ["bad_answer"],
    share: 0.5,
  });
}

const ofRequests = { codes: ["invalid_argument"] };

/** All decoders that the package has for its own use: one that is missing here does not compile. */
const decoders: Readonly<Record<DecoderOf<typeof server>, Target>> = {
  decodeChange: target(server.decodeChange, bodies, ofRequests),
  decodeTransfer: target(server.decodeTransfer, bodies, ofRequests),
  decodeSnapshotRequest: target(server.decodeSnapshotRequest, bodies, ofRequests),
  decodeKey: textTarget(server.decodeKey, ["a%2fb", server.encodeKey(key)], ofRequests),
  decodeForgotten: replyTarget(server.decodeForgotten),
  decodeIndex: textTarget(
    (index) =>
      server.decodeIndex({
        status: 200,
        headers: { "x-quorate-index": index },
        body: Buffer.alloc(0),
      }),
    ["7", "9007199254740991"],
    { name: "decodeIndex", codes: ["bad_answer"] },
  ),
  decodeLeader: replyTarget(server.decodeLeader),
  decodeMembers: replyTarget(server.decodeMembers),
  decodePlan: replyTarget(server.decodePlan),
  decodeRefusal: replyTarget(server.decodeRefusal),
  decodeSession: replyTarget(server.decodeSession),
  decodeSnapshotTaken: replyTarget(server.decodeSnapshotTaken),
  decodeStatus: replyTarget(server.decodeStatus),
  decodeWritten: replyTarget(server.decodeWritten),
  parseTokens: textTarget(
    server.parseTokens,
    ["# ours\nthe-first-token-of-all read-only\nthe-second-token-of-all\n"],
    { codes: ["invalid_options"] },
  ),
  parseEndpoint: textTarget(
    server.parseEndpoint,
    ["http://10.0.0.1:8001", "https://[::1]:8001", "https://a.example"],
    ofRequests,
  ),
};

/** Reads a request as far as its first line goes. */
function readTarget(text: string): unknown {
  const { path, query } = server.splitTarget(text);
  const resource = server.resourceOf(path);
  switch (resource?.kind) {
    case "key":
      return [server.decodeKey(resource.key), server.readOptionsOf(query)];
    case "status":
      return server.statusIndexOf(query);
    default:
      return server.refuseQuery(query);
  }
}

/** Everything that reads what clients and servers say, and what state machines and operators keep. */
export const serverTargets: readonly Target[] = [
  ...Object.values(decoders),
  target(
    decodeCommand,
    [encodeCommand({ kind: "put", key, value }), encodeCommand({ kind: "delete", key })],
    {
      codes: [],
      encode: (command) =>
        command.kind === "put" || command.kind === "delete" ? encodeCommand(command) : [],
    },
  ),
  target(decodeResult, [encodeResult({ kind: "applied", previousIndex: 3 })], {
    codes: [],
    encode: (result) => (result === undefined ? [] : encodeResult(result)),
  }),
  target(
    (bytes) => {
      const decoder = new server.SnapshotDecoder();
      const cut = bytes.length >> 1;
      decoder.push(bytes.subarray(0, cut));
      decoder.push(bytes.subarray(cut));
      decoder.finish();
    },
    [snapshotBytes()],
    { name: "SnapshotDecoder", codes: ["malformed", "unsupported_version"] },
  ),
  textTarget(readTarget, paths, { ...ofRequests, name: "target of a request" }),
  textTarget((place) => server.idempotencyOf({ "x-quorate-session": place }), ["7.3", "7.3.2"], {
    ...ofRequests,
    name: "idempotencyOf, session",
  }),
  textTarget((text) => server.idempotencyOf({ "idempotency-key": text }), ["a-key-of-a-write"], {
    ...ofRequests,
    name: "idempotencyOf, key",
  }),
  textTarget(server.clientAddressOf, ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1%eth0", "::1"], {
    codes: [],
  }),
];
