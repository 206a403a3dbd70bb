import { confStateOf, RaftError } from "@quorate/core";
import { expect, test } from "vitest";
import { MemoryDisk } from "./memory-disk.ts";
import { newestSnapshotName, openSnapshot } from "./open-snapshot.ts";
import { openWal, type OpenedWal } from "./open-wal.ts";
import { snapshotName } from "./snapshot-file.ts";

const identity = { clusterId: "test", nodeId: 7 };
const incarnation = new Uint8Array(16).fill(5);

async function open(disk: MemoryDisk): Promise<OpenedWal> {
  return await openWal(disk, { identity, incarnation, segmentBytes: 2048 });
}

async function store({ snapshots }: OpenedWal, index: number, content: string): Promise<void> {
  const snapshot = { term: 1, index, confState: confStateOf([1, 2, 3]) };
  const id = new Uint8Array(16).fill(index);
  const writer = await snapshots.create({
    snapshot,
    members: Uint8Array.of(9),
    id,
    external: false,
  });
  await writer.write(Buffer.from(content));
  await writer.commit();
}

test("openSnapshot reads a snapshot under another name, away from its log", async () => {
  const disk = new MemoryDisk();
  const log = await open(disk);
  await store(log, 4, "the state");
  await disk.rename(snapshotName(1), "backup");

  const opened = await openSnapshot(disk, "backup");
  expect([opened.identity, opened.incarnation]).toEqual([identity, incarnation]);
  const { stored } = opened.reader;
  expect([stored.snapshot.index, stored.contentBytes, [...stored.members]]).toEqual([4, 9, [9]]);
  const chunks: Uint8Array[] = [];
  for await (const chunk of opened.reader.chunks()) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe("the state");
  await opened.reader.close();
});

test("openSnapshot refuses what is no snapshot, and holds no file open then", async () => {
  const disk = new MemoryDisk();
  const file = await disk.create("backup");
  await file.write(0, [new Uint8Array(2000)]);
  await file.close();
  await expect(openSnapshot(disk, "backup")).rejects.toThrow(
    /^corrupt: backup, byte 0: this is no snapshot of a log; take another copy/,
  );
  await expect(openSnapshot(disk, "missing")).rejects.toBeInstanceOf(RaftError);
});

test("newestSnapshotName finds the one of the highest index while the log is in use", async () => {
  const disk = new MemoryDisk();
  expect(await newestSnapshotName(disk)).toBeUndefined();
  const log = await open(disk);
  expect(await newestSnapshotName(disk)).toBeUndefined();
  await store(log, 4, "first");
  await store(log, 9, "second");
  await store(log, 9, "the same again");
  await store(log, 6, "late");
  const half = { term: 1, index: 20, confState: confStateOf([1]) };
  await log.snapshots.create({
    snapshot: half,
    members: new Uint8Array(0),
    id: new Uint8Array(16),
    external: false,
  });
  expect(await newestSnapshotName(disk)).toBe(snapshotName(3));
});
