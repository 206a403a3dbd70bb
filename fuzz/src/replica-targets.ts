import { confStateOf } from "@quorate/core";
import {
  decodeSessionCommand,
  decodeSessionResult,
  encodeSessionCommand,
  encodeSessionResult,
} from "@quorate/runtime";
import * as replica from "@quorate/runtime/testing";
import { flight } from "./flight-targets.ts";
import { type DecoderOf, type Target, target } from "./target.ts";
import { entries, table } from "./wire-samples.ts";

const command = Buffer.from("a command");
const stamp = 1_700_000_000_000;
const kept = { index: 9, digest: 0xffff_ffff, commandBytes: 3, result: Uint8Array.of(1, 2, 3) };
const view = {
  logTime: stamp,
  sessions: [
    { name: 7, usedAt: 5, ttlMs: 100, floor: 3, results: new Map() },
    { name: "a key", usedAt: 6, ttlMs: 1, floor: 1, results: new Map([[1, kept]]) },
  ],
};

const changes = [
  { kind: "add", id: 4, address: "127.0.0.1:7004", as: "learner", priority: 2 },
  { kind: "remove", id: 4 },
  { kind: "replace", id: 2, by: { id: 5, address: "127.0.0.1:7005" } },
  { kind: "set", voters: [1, { id: 5, address: "127.0.0.1:7005" }], learners: [3] },
  { kind: "update", id: 3, priority: 1 },
] as const;

const changed = { membership: { confState: confStateOf([1, 2]), table }, index: 9 };
const commands = [
  { kind: "plain", command: Uint8Array.of(0x80, 1) },
  { kind: "open", stamp, ttlMs: 60_000 },
  { kind: "close", stamp, session: 7 },
  { kind: "command", stamp, session: 7, sequence: 3, floor: 2, command },
  { kind: "once", stamp, ttlMs: 1000, key: command, command },
] as const;
const results = [
  { kind: "applied", result: command },
  { kind: "replayed", index: 9, result: command },
  { kind: "expired" },
] as const;

/** All decoders that the package has for its own use: one that is missing here does not compile. */
const decoders: Readonly<Record<DecoderOf<typeof replica>, Target>> = {
  decodeChangeMembers: target(
    replica.decodeChangeMembers,
    changes.map((wish) => replica.encodeChangeMembers({ wish, ifIndex: 7 })),
    { codes: ["malformed", "invalid_change"], encode: replica.encodeChangeMembers },
  ),
  decodeChanged: target(replica.decodeChanged, [replica.encodeChanged(changed)], {
    encode: replica.encodeChanged,
  }),
  decodeFlight: target(replica.decodeFlight, [replica.encodeFlight(flight)], {
    codes: ["malformed", "corrupt", "unsupported_version"],
    share: 0.5,
    encode: replica.encodeFlight,
  }),
  decodeLent: target(replica.decodeLent, [replica.encodeLent(entries)], {
    encode: replica.encodeLent,
  }),
  decodeLoan: target(
    replica.decodeLoan,
    [0, 2].map((lastTerm) => replica.encodeLoan({ first: 2, last: 300, lastTerm })),
    { encode: replica.encodeLoan },
  ),
  decodeNode: target(replica.decodeNode, [0, 300].map(replica.encodeNode), {
    encode: replica.encodeNode,
  }),
};

async function readInHalves(bytes: Uint8Array): Promise<unknown> {
  const cut = bytes.length >> 1;
  return replica.readSessions(chunksOf([bytes.subarray(0, cut), bytes.subarray(cut)]));
}

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Everything that reads what replicas ask of one another, and what is kept of sessions. */
export const replicaTargets: readonly Target[] = [
  ...Object.values(decoders),
  target(decodeSessionCommand, commands.map(encodeSessionCommand), {
    codes: [],
    encode: (decoded) =>
      decoded.kind === "malformed" || decoded.kind === "unsupported"
        ? []
        : encodeSessionCommand(decoded),
  }),
  target(decodeSessionResult, results.map(encodeSessionResult), {
    codes: [],
    encode: (decoded) => (decoded === undefined ? [] : encodeSessionResult(decoded)),
  }),
  target(readInHalves, [Buffer.concat([...replica.encodeSessions(view)])], {
    name: "readSessions",
    codes: ["malformed", "unsupported_version"],
    share: 0.5,
  }),
];
