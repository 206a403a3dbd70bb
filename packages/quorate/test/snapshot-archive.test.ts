import { copyFile, mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { confStateOf, RaftError } from "@quorate/core";
import { openWal } from "@quorate/wal";
import { encodeMembers } from "@quorate/wire";
import { openNodeDisk, openSnapshotArchive, restoreSnapshot } from "quorate";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./processes.ts";

const members = {
  members: [{ id: 1, address: "10.0.0.1:7001", incarnation: undefined, priority: 5 }],
  removed: [9],
  leaving: [],
};
const content = Buffer.alloc(300_000, "state ");
const cluster = { 1: "127.0.0.1:7001", 2: "127.0.0.1:7002", 3: "127.0.0.1:7003" };

/** A data directory with a snapshot of `content` at `index`, or, at 0, without any. */
async function dataDirectory(
  path: string,
  options: { readonly index: number; readonly external?: boolean } = { index: 7 },
): Promise<string> {
  const { index, external = false } = options;
  const opened = await openWal(await openNodeDisk(path), {
    identity: { clusterId: "old", nodeId: 4 },
    incarnation: new Uint8Array(16).fill(1),
    segmentBytes: 4096,
  });
  if (index > 0) {
    const writer = await opened.snapshots.create({
      snapshot: { index, term: 3, confState: confStateOf([1, 4]) },
      members: encodeMembers(members),
      id: new Uint8Array(16).fill(index),
      external,
    });
    if (!external) await writer.write(content);
    await writer.commit();
  }
  await opened.snapshots.close();
  await opened.wal.close();
  return path;
}

async function allOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** A copy of the file of the newest snapshot in `directory`. */
async function copyOf(directory: string, path: string): Promise<string> {
  const archive = await openSnapshotArchive(directory);
  if (archive === undefined) throw new Error("there is no snapshot");
  await writeFile(path, await allOf(archive.fileChunks()));
  await archive.close();
  return path;
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "none",
    (error: unknown) => (error instanceof RaftError ? error.code : String(error)),
  );
}

test("an archive tells what a snapshot is of, from its directory and from a copy of the file", async () => {
  const directory = await temporaryDirectory();
  const data = await dataDirectory(join(directory, "data"));
  const copy = await copyOf(data, join(directory, "any name.backup"));
  for (const path of [data, copy]) {
    const archive = await openSnapshotArchive(path);
    expect(archive?.info).toMatchObject({
      clusterId: "old",
      nodeId: 4,
      index: 7,
      term: 3,
      confState: confStateOf([1, 4]),
      members: [{ id: 1, address: "10.0.0.1:7001", priority: 5 }],
      removed: [9],
      contentBytes: content.length,
      external: false,
    });
    if (archive === undefined) continue;
    expect((await allOf(archive.content())).equals(content)).toBe(true);
    expect(archive.fileBytes).toBe((await readFile(archive.path)).length);
    await archive.close();
  }
});

test("an archive can be read to its end although its file was removed", async () => {
  const data = await dataDirectory(join(await temporaryDirectory(), "data"));
  const archive = await openSnapshotArchive(data);
  const again = await openWal(await openNodeDisk(data), {
    identity: { clusterId: "old", nodeId: 4 },
    incarnation: new Uint8Array(16),
  });
  const writer = await again.snapshots.create({
    snapshot: { index: 8, term: 3, confState: confStateOf([1, 4]) },
    members: encodeMembers(members),
    id: new Uint8Array(16),
    external: false,
  });
  await writer.commit();
  await again.snapshots.prune();
  await again.snapshots.close();
  await again.wal.close();
  if (archive === undefined) throw new Error("there is no snapshot");
  expect((await allOf(archive.content())).equals(content)).toBe(true);
  await archive.close();
  const next = await openSnapshotArchive(data);
  expect(next?.info.index).toBe(8);
  await next?.close();
});

test("there is no archive where there is no snapshot, and a code says what is wrong elsewhere", async () => {
  const directory = await temporaryDirectory();
  expect(await openSnapshotArchive(directory)).toBeUndefined();
  const empty = await dataDirectory(join(directory, "data"), { index: 0 });
  expect(await openSnapshotArchive(empty)).toBeUndefined();
  expect(await codeOf(openSnapshotArchive(join(directory, "missing")))).toBe("storage_failed");
  await writeFile(join(directory, "text"), "no snapshot");
  expect(await codeOf(openSnapshotArchive(join(directory, "text")))).toBe("corrupt");
});

test("a damaged copy is refused with what helps against that, which leaves the cluster alone", async () => {
  const directory = await temporaryDirectory();
  const data = await dataDirectory(join(directory, "data"));
  const copy = await copyOf(data, join(directory, "backup"));
  const whole = await readFile(copy);
  const remedy = /^corrupt: .*backup, byte \d+: [^;]*; take another copy of this snapshot[^;]*$/;
  for (const offset of [0, 100, 200_000, whole.length - 1]) {
    const bytes = Uint8Array.from(whole, (byte, at) => (at === offset ? byte ^ 1 : byte));
    await writeFile(copy, bytes);
    const read = async (): Promise<void> => {
      const archive = await openSnapshotArchive(copy);
      if (archive === undefined) throw new Error("there is no snapshot");
      try {
        await allOf(archive.content());
      } finally {
        await archive.close();
      }
    };
    await expect(read(), `byte ${offset}`).rejects.toThrow(remedy);
  }
});

test("restoreSnapshot makes directories of a new group that goes on from the state", async () => {
  const directory = await temporaryDirectory();
  const snapshot = await copyOf(await dataDirectory(join(directory, "old")), join(directory, "s"));
  const there = join(directory, "2");
  await mkdir(there);
  const made = await Promise.all(
    [1, 2, 3].map((id) =>
      restoreSnapshot({ snapshot, dataDir: join(directory, String(id)), id, cluster }),
    ),
  );
  const [first] = made;
  expect(first).toMatchObject({ index: 7, term: 3, contentBytes: content.length });
  expect(first?.clusterId).toMatch(/^old-[0-9a-f]{8}$/);
  expect(made).toEqual([first, first, first]);

  const ids: Uint8Array[] = [];
  for (const nodeId of [1, 2, 3]) {
    const opened = await openWal(await openNodeDisk(join(directory, String(nodeId))), {
      identity: { clusterId: first?.clusterId ?? "", nodeId },
      incarnation: new Uint8Array(16),
    });
    const { storage, snapshots, wal } = opened;
    expect(storage.snapshot).toEqual({ index: 7, term: 3, confState: confStateOf([1, 2, 3]) });
    expect(storage.base).toEqual({ index: 7, term: 3 });
    expect(storage.hardState).toEqual({ term: 3, vote: 0, commitIndex: 7 });
    expect(storage.entries).toEqual([]);
    if (snapshots.newest === undefined) throw new Error("there is no snapshot");
    ids.push(snapshots.newest.id);
    const reader = await snapshots.read(snapshots.newest);
    expect((await allOf(reader.chunks())).equals(content)).toBe(true);
    await snapshots.close();
    await wal.close();
  }
  expect(new Set(ids.map(String)).size).toBe(1);
  expect(ids[0]).not.toEqual(new Uint8Array(16).fill(7));
  expect((await readdir(there)).every((name) => /\.(wal|snap)$/.test(name))).toBe(true);
});

test("another cluster, or another snapshot, makes another group", async () => {
  const directory = await temporaryDirectory();
  const snapshot = await dataDirectory(join(directory, "old"));
  const later = await dataDirectory(join(directory, "later"), { index: 8 });
  const names = new Set<string>();
  for (const [at, options] of [
    { snapshot, cluster },
    { snapshot, cluster: { 1: "127.0.0.1:7001" } },
    { snapshot: later, cluster },
  ].entries()) {
    const dataDir = join(directory, String(at));
    names.add((await restoreSnapshot({ ...options, dataDir, id: 1 })).clusterId);
  }
  expect(names.size).toBe(3);
  const dataDir = join(directory, "named");
  const named = await restoreSnapshot({ snapshot, dataDir, id: 1, cluster, clusterId: "new" });
  expect(named.clusterId).toBe("new");
});

test("restoreSnapshot refuses what it must, and leaves nothing behind", async () => {
  const directory = await temporaryDirectory();
  const data = await dataDirectory(join(directory, "old"));
  const snapshot = await copyOf(data, join(directory, "snapshot"));
  const damaged = join(directory, "damaged");
  await copyFile(snapshot, damaged);
  const bytes = await readFile(damaged);
  bytes[200_000] = (bytes[200_000] ?? 0) ^ 1;
  await writeFile(damaged, bytes);
  const cut = join(directory, "cut");
  await copyFile(snapshot, cut);
  await truncate(cut, bytes.length - 1);
  const external = await dataDirectory(join(directory, "external"), { index: 5, external: true });
  const empty = await dataDirectory(join(directory, "empty"), { index: 0 });
  const before = (await readdir(directory)).sort();

  const dataDir = join(directory, "new");
  const right = { snapshot, dataDir, id: 1, cluster };
  for (const [options, code] of [
    [{ ...right, dataDir: data }, "invalid_options"],
    [{ ...right, dataDir: "" }, "invalid_options"],
    [{ ...right, dataDir: snapshot }, "storage_failed"],
    [{ ...right, id: 4 }, "invalid_options"],
    [{ ...right, cluster: { 1: "nowhere" } }, "invalid_options"],
    [{ ...right, clusterId: "old" }, "invalid_options"],
    [{ ...right, clusterId: "" }, "invalid_options"],
    [{ ...right, snapshot: join(directory, "missing") }, "storage_failed"],
    [{ ...right, snapshot: damaged }, "corrupt"],
    [{ ...right, snapshot: cut }, "corrupt"],
    [{ ...right, snapshot: external }, "snapshot_failed"],
    [{ ...right, snapshot: empty }, "snapshot_failed"],
  ] as const) {
    expect([options, await codeOf(restoreSnapshot(options))]).toEqual([options, code]);
  }
  expect((await readdir(directory)).sort()).toEqual(before);
});
