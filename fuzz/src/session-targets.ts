import {
  decodeSessionCommand,
  decodeSessionResult,
  encodeSessionCommand,
  encodeSessionResult,
} from "@quorate/runtime";
import { encodeSessions, readSessions } from "@quorate/runtime/testing";
import type { Target } from "./target.ts";

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

async function readInHalves(bytes: Uint8Array): Promise<unknown> {
  const cut = bytes.length >> 1;
  return readSessions(chunksOf([bytes.subarray(0, cut), bytes.subarray(cut)]));
}

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Everything that reads what is kept of sessions: in the log, in results, and in snapshots. */
export const sessionTargets: readonly Target[] = [
  {
    name: "decodeSessionCommand",
    read: decodeSessionCommand,
    samples: [
      encodeSessionCommand({ kind: "open", stamp, ttlMs: 60_000 }),
      encodeSessionCommand({ kind: "close", stamp, session: 7 }),
      encodeSessionCommand({ kind: "command", stamp, session: 7, sequence: 3, floor: 2, command }),
      encodeSessionCommand({ kind: "once", stamp, ttlMs: 1000, key: command, command }),
    ],
    codes: [],
    share: 1,
  },
  {
    name: "decodeSessionResult",
    read: decodeSessionResult,
    samples: [
      encodeSessionResult({ kind: "applied", result: command }),
      encodeSessionResult({ kind: "replayed", index: 9, result: command }),
      encodeSessionResult({ kind: "expired" }),
    ],
    codes: [],
    share: 1,
  },
  {
    name: "readSessions",
    read: readInHalves,
    samples: [Buffer.concat([...encodeSessions(view)])],
    codes: ["malformed", "unsupported_version"],
    share: 0.5,
  },
];
