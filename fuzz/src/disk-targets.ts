import { confStateOf, newEntry } from "@quorate/core";
import {
  decodeChanged,
  decodeChangeMembers,
  encodeChanged,
  encodeChangeMembers,
} from "@quorate/runtime/testing";
import { openSnapshot, openWal } from "@quorate/wal";
import {
  decodeBatch,
  decodeBatchHeader,
  decodeSegmentHeader,
  encodeSegmentHeader,
  MemoryDisk,
  newSegmentHeader,
  parseFileName,
} from "@quorate/wal/testing";
import { encodeEntry, encodeMembers } from "@quorate/wire";
import type { Target } from "./target.ts";

const identity = { clusterId: "default", nodeId: 1 };
const incarnation = new Uint8Array(16).fill(7);
const options = { identity, incarnation, segmentBytes: 2048 };

/** The files of a log with some entries and a snapshot, by their kind. */
async function filesOfLog(): Promise<Record<"wal" | "snap", { name: string; bytes: Uint8Array }>> {
  const disk = new MemoryDisk();
  const { wal, snapshots } = await openWal(disk, options);
  const entries = [1, 2, 3].map((index) =>
    newEntry({ term: 1, index }, "command", Buffer.from(`command ${index}`)),
  );
  await wal.append({ entries, hardState: { term: 1, vote: 1, commitIndex: 3 } });
  const writer = await snapshots.create({
    snapshot: { term: 1, index: 2, confState: confStateOf([1]) },
    members: encodeMembers({ members: [], removed: [], leaving: [] }),
    id: incarnation,
    external: false,
  });
  await writer.write(Buffer.from("the state, of some length"));
  await writer.commit();
  await wal.close();
  await snapshots.close();
  const [segment] = (await disk.list()).filter((name) => parseFileName(name)?.kind === "wal");
  const [snap] = (await disk.list()).filter((name) => parseFileName(name)?.kind === "snap");
  if (segment === undefined || snap === undefined) throw new Error("a file of the log is missing");
  return {
    wal: { name: segment, bytes: disk.readFile(segment) },
    snap: { name: snap, bytes: disk.readFile(snap) },
  };
}

/** What opening a log or a snapshot may say of bytes that are wrong. */
const damage = ["corrupt", "wrong_identity", "unsupported_version", "malformed"];

/** Reads the log whose only segment, or only snapshot, is `bytes`. */
async function openWith(name: string, bytes: Uint8Array): Promise<void> {
  const disk = new MemoryDisk();
  disk.writeFile(name, bytes);
  const { wal, snapshots } = await openWal(disk, options);
  await wal.close();
  await snapshots.close();
}

/** Reads the snapshot in `bytes`, all of it. */
async function readSnapshot(name: string, bytes: Uint8Array): Promise<void> {
  const disk = new MemoryDisk();
  disk.writeFile(name, bytes);
  const { reader } = await openSnapshot(disk, name);
  try {
    for (let offset = 0; ;) {
      const chunk = await reader.read(offset, 1024);
      if (chunk.length === 0) return;
      offset += chunk.length;
    }
  } finally {
    await reader.close();
  }
}

/** The header of a batch of which the payload is one of those that follow; its checksums do not matter. */
const header = {
  payloadCrc: 0,
  payloadBytes: 0,
  number: 1,
  prev: { term: 0, index: 0 },
  hardState: { term: 1, vote: 1, commitIndex: 0 },
  entryCount: 1,
  flags: 0,
};

function batchPayload(): Uint8Array {
  const entry = encodeEntry(newEntry({ term: 1, index: 1 }, "command", Buffer.from("command")));
  const bytes = new Uint8Array(4 + entry.length);
  new DataView(bytes.buffer).setUint32(0, entry.length, true);
  bytes.set(entry, 4);
  return bytes;
}

const changes = [
  { kind: "add", id: 4, address: "127.0.0.1:7004", as: "learner", priority: 2 },
  { kind: "remove", id: 4 },
  { kind: "replace", id: 2, by: { id: 5, address: "127.0.0.1:7005" } },
  { kind: "set", voters: [1, { id: 5, address: "127.0.0.1:7005" }], learners: [3] },
  { kind: "update", id: 3, priority: 1 },
] as const;

const table = { members: [], removed: [3], leaving: [] };
const changed = { membership: { confState: confStateOf([1, 2]), table }, index: 9 };

/** Everything that reads files of the log, and what is handed on about members. */
export async function newDiskTargets(): Promise<readonly Target[]> {
  const { wal, snap } = await filesOfLog();
  const segment = newSegmentHeader(identity, incarnation, 1);
  const headerBytes = encodeSegmentHeader(segment);
  const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  return [
    {
      name: "decodeSegmentHeader",
      read: (bytes) => decodeSegmentHeader(bytes, "a file"),
      samples: [headerBytes],
      codes: damage,
      share: 1,
    },
    {
      name: "decodeBatchHeader",
      read: (bytes) => decodeBatchHeader(bytes, 0, 1),
      samples: [wal.bytes.subarray(headerBytes.length, headerBytes.length + 128)],
      codes: [],
      share: 1,
    },
    {
      name: "decodeBatch",
      read: (bytes) => decodeBatch(header, bytes),
      samples: [batchPayload()],
      codes: ["malformed"],
      share: 1,
    },
    {
      name: "parseFileName",
      read: (bytes) => parseFileName(utf8(bytes)),
      samples: [Buffer.from(wal.name), Buffer.from(snap.name)],
      codes: [],
      share: 1,
    },
    {
      name: "openWal, segment",
      read: (bytes) => openWith(wal.name, bytes),
      samples: [wal.bytes],
      codes: damage,
      share: 0.05,
    },
    {
      name: "openSnapshot",
      read: (bytes) => readSnapshot(snap.name, bytes),
      samples: [snap.bytes],
      codes: damage,
      share: 0.05,
    },
    {
      name: "decodeChangeMembers",
      read: decodeChangeMembers,
      samples: changes.map((wish) => encodeChangeMembers({ wish, ifIndex: 7 })),
      codes: ["malformed"],
      share: 1,
    },
    {
      name: "decodeChanged",
      read: decodeChanged,
      samples: [encodeChanged(changed)],
      codes: ["malformed"],
      share: 1,
    },
  ];
}
