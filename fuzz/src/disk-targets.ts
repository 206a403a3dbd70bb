import { confStateOf, newEntry } from "@quorate/core";
import { divergenceMarkName, findDamage, inspectLog, openSnapshot, openWal } from "@quorate/wal";
import * as files from "@quorate/wal/testing";
import { encodeEntry, encodeMembers } from "@quorate/wire";
import { type DecoderOf, type Target, target, textTarget } from "./target.ts";

const identity = { clusterId: "default", nodeId: 1 };
const incarnation = new Uint8Array(16).fill(7);
const options = { identity, incarnation, segmentBytes: 2048 };

/** The files of a log with some entries and a snapshot, by their kind. */
async function filesOfLog(): Promise<Record<"wal" | "snap", { name: string; bytes: Uint8Array }>> {
  const disk = new files.MemoryDisk();
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
  const [segment] = (await disk.list()).filter((name) => files.parseFileName(name)?.kind === "wal");
  const [snap] = (await disk.list()).filter((name) => files.parseFileName(name)?.kind === "snap");
  if (segment === undefined || snap === undefined) throw new Error("a file of the log is missing");
  return {
    wal: { name: segment, bytes: disk.readFile(segment) },
    snap: { name: snap, bytes: disk.readFile(snap) },
  };
}

/** What opening a log or a snapshot may say of bytes that are wrong. */
const damage = ["corrupt", "wrong_identity", "unsupported_version", "malformed"];

/** What is on a disk, by name. */
type Found = Readonly<Record<string, Uint8Array>>;

function diskOf(found: Found): files.MemoryDisk {
  const disk = new files.MemoryDisk();
  for (const [name, bytes] of Object.entries(found)) disk.writeFile(name, bytes.slice());
  return disk;
}

/** Opens the log that was found. */
async function openWith(found: Found): Promise<void> {
  const { wal, snapshots } = await openWal(diskOf(found), options);
  await wal.close();
  await snapshots.close();
}

/** Mends what can be mended of the log that was found without the help of others. */
async function mend(found: Found): Promise<void> {
  const disk = diskOf(found);
  const damaged = await findDamage(disk, identity);
  for (const way of damaged?.ways ?? []) {
    if (way.missing === undefined && (await way.mend([]))) return;
  }
}

/** Reads the snapshot in `bytes`, all of it. */
async function readSnapshot(name: string, bytes: Uint8Array): Promise<void> {
  const disk = new files.MemoryDisk();
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

/** Everything that reads files of the log. */
export async function newDiskTargets(): Promise<readonly Target[]> {
  const { wal, snap } = await filesOfLog();
  const headerBytes = files.encodeSegmentHeader(files.newSegmentHeader(identity, incarnation, 1));
  const decoders: Readonly<Record<DecoderOf<typeof files>, Target>> = {
    decodeSegmentHeader: target(
      (bytes) => files.decodeSegmentHeader(bytes, "a file"),
      [headerBytes],
      { name: "decodeSegmentHeader", codes: damage, encode: files.encodeSegmentHeader },
    ),
    decodeBatchHeader: target(
      (bytes) => files.decodeBatchHeader(bytes, 0, 1),
      [wal.bytes.subarray(headerBytes.length, headerBytes.length + 128)],
      { name: "decodeBatchHeader", codes: [] },
    ),
    decodeBatch: target((bytes) => files.decodeBatch(header, bytes), [batchPayload()], {
      name: "decodeBatch of a log",
    }),
    parseFileName: textTarget(files.parseFileName, [wal.name, snap.name], { codes: [] }),
  };
  const slowly = { codes: damage, share: 0.02 };
  return [
    ...Object.values(decoders),
    target((bytes) => openWith({ [wal.name]: bytes }), [wal.bytes], {
      ...slowly,
      name: "openWal, segment",
    }),
    target((bytes) => openWith({ [wal.name]: wal.bytes, [snap.name]: bytes }), [snap.bytes], {
      ...slowly,
      name: "openWal, snapshot",
    }),
    target((bytes) => readSnapshot(snap.name, bytes), [snap.bytes], {
      ...slowly,
      name: "openSnapshot",
    }),
    target(
      (bytes) => inspectLog(diskOf({ [wal.name]: bytes, [snap.name]: snap.bytes }), inspecting),
      [wal.bytes],
      { ...slowly, name: "inspectLog, segment" },
    ),
    target(
      (bytes) => inspectLog(diskOf({ [wal.name]: wal.bytes, [snap.name]: bytes }), inspecting),
      [snap.bytes],
      { ...slowly, name: "inspectLog, snapshot" },
    ),
    target(
      (bytes) => inspectLog(diskOf({ [wal.name]: wal.bytes, [divergenceMarkName]: bytes })),
      [Buffer.from("after entry 7 it is not what the others have")],
      { ...slowly, name: "inspectLog, mark" },
    ),
    target((bytes) => mend({ [wal.name]: bytes, [snap.name]: snap.bytes }), [wal.bytes], {
      ...slowly,
      name: "findDamage, segment",
    }),
    target((bytes) => mend({ [wal.name]: wal.bytes, [snap.name]: bytes }), [snap.bytes], {
      ...slowly,
      name: "findDamage, snapshot",
    }),
  ];
}

const inspecting = { keepsEntries: true, readsContent: true } as const;
