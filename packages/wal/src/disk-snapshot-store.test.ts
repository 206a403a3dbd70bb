import { confStateOf, RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { expect, test } from "vitest";
import { MemoryDisk } from "./memory-disk.ts";
import { openWal, type OpenedWal } from "./open-wal.ts";
import { snapshotName } from "./snapshot-file.ts";
import type {
  SnapshotMetadata,
  SnapshotReader,
  SnapshotStore,
  StoredSnapshot,
} from "./snapshot-store.ts";

const options = {
  identity: { clusterId: "test", nodeId: 1 },
  incarnation: new Uint8Array(16).fill(5),
  segmentBytes: 2048,
};
const losesAll = (): boolean => false;

async function reopen(disk: MemoryDisk): Promise<OpenedWal> {
  return await openWal(disk, options);
}

/** What a snapshot of an uncommitted index is stored with. The log is not reset here. */
function metadataAt(index: number, id = index): SnapshotMetadata {
  return {
    snapshot: { term: 1, index, confState: confStateOf([1, 2, 3]) },
    members: Uint8Array.of(7, 8, 9),
    id: new Uint8Array(16).fill(id),
    external: false,
  };
}

/** Bytes in which every place differs from its neighbours. */
function contentOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i ^ (i >> 8) ^ (i >> 16));
}

async function store(
  snapshots: SnapshotStore,
  index: number,
  content: Uint8Array = contentOf(100),
): Promise<StoredSnapshot> {
  const writer = await snapshots.create(metadataAt(index));
  await writer.write(content);
  return await writer.commit();
}

async function allOf(reader: SnapshotReader): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.chunks()) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof RaftError ? error.code : String(error);
}

/** The snapshots on `disk`, half-made ones too. */
async function filesOf(disk: MemoryDisk): Promise<readonly string[]> {
  return (await disk.list()).filter((name) => !name.endsWith(".wal")).toSorted();
}

test("SnapshotStore is empty at first", async () => {
  const disk = new MemoryDisk();
  const { snapshots, members, storage } = await reopen(disk);
  expect(snapshots.newest).toBeUndefined();
  expect(snapshots.bytes).toBe(0);
  expect(storage.snapshot).toBeUndefined();
  expect(members).toEqual(new Uint8Array(0));
  expect(await filesOf(disk)).toEqual([]);
});

test("SnapshotWriter.commit makes durable what was written, in whatever chunks", async () => {
  const content = contentOf(200_000);
  for (const length of [1, 100, 65_535, 65_536, 65_537, 131_072, 200_000]) {
    const disk = new MemoryDisk();
    const { snapshots } = await reopen(disk);
    const writer = await snapshots.create(metadataAt(3));
    const step = Math.max(length, 999);
    for (let offset = 0; offset < content.length; offset += step) {
      const chunk = content.slice(offset, offset + step);
      await writer.write(chunk);
      chunk.fill(0);
      expect(writer.written).toBe(Math.min(offset + step, content.length));
    }
    expect(writer.checksum).toBe(crc32c(content));
    const stored = await writer.commit();
    expect(stored).toEqual({
      ...metadataAt(3),
      contentBytes: content.length,
      checksum: crc32c(content),
    });
    expect(snapshots.newest).toBe(stored);

    const next = await reopen(disk.afterPowerLoss(losesAll));
    expect(next.snapshots.newest).toEqual(stored);
    expect(next.storage.snapshot).toEqual(stored.snapshot);
    expect(next.members).toEqual(stored.members);
    const reader = await next.snapshots.read(next.snapshots.newest ?? stored);
    expect(Buffer.from(await allOf(reader)).equals(content)).toBe(true);
  }
});

test.each([0, 1, 65_535, 65_536, 65_537, 131_072, 1_200_000])(
  "SnapshotReader.read gives any piece of %i bytes of content",
  async (length) => {
    const content = contentOf(length);
    const { snapshots } = await reopen(new MemoryDisk());
    const stored = await store(snapshots, 3, content);
    const reader = await snapshots.read(stored);
    expect(reader.stored).toBe(stored);
    const places = [
      0,
      1,
      65_535,
      65_536,
      65_537,
      131_071,
      1_048_576,
      length - 1,
      length,
      length + 1,
    ];
    for (const offset of places.filter((place) => place >= 0)) {
      for (const lengthMax of [0, 1, 65_536, 70_000, 2 ** 31]) {
        const found = await reader.read(offset, lengthMax);
        const wanted = content.slice(offset, Math.min(length, offset + lengthMax));
        expect(Buffer.from(found).equals(wanted), `${offset} ${lengthMax}`).toBe(true);
      }
    }
    await reader.close();
  },
);

test("SnapshotReader.read gives bytes that belong to the caller", async () => {
  const { snapshots } = await reopen(new MemoryDisk());
  const reader = await snapshots.read(await store(snapshots, 3));
  (await reader.read(0, 100)).fill(0);
  expect(await reader.read(0, 100)).toEqual(contentOf(100));
});

test("SnapshotReader and SnapshotWriter let calls take turns", async () => {
  const { snapshots } = await reopen(new MemoryDisk());
  const content = contentOf(300_000);
  const writer = await snapshots.create(metadataAt(3));
  const writes = [0, 1, 2].map((i) =>
    writer.write(content.subarray(i * 100_000, (i + 1) * 100_000)),
  );
  const [stored] = await Promise.all([writer.commit(), ...writes]);
  const reader = await snapshots.read(stored);
  const reads = [2, 0, 1].map((i) => reader.read(i * 100_000, 100_000));
  const closed = reader.close();
  const [third, first, second] = await Promise.all(reads);
  const pieces = [first, second, third].map((piece) => piece ?? new Uint8Array(0));
  expect(Buffer.concat(pieces).equals(content)).toBe(true);
  await closed;
  expect(await codeOf(reader.read(0, 1))).toBe("closed");
  await reader.close();
});

test("SnapshotStore keeps an external snapshot without content", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const writer = await snapshots.create({ ...metadataAt(3), external: true });
  await expect(writer.write(Uint8Array.of(1))).rejects.toThrow("has no content");
  await writer.write(new Uint8Array(0));
  await writer.commit();
  const { newest } = (await reopen(disk)).snapshots;
  expect(newest).toMatchObject({ external: true, contentBytes: 0, checksum: 0 });
});

test("SnapshotStore.newest is the one of the highest index, and of several such the last", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const early = await snapshots.create(metadataAt(5, 1));
  const late = await snapshots.create(metadataAt(5, 2));
  const old = await snapshots.create(metadataAt(4, 3));
  expect((await late.commit()).id[0]).toBe(2);
  expect((await early.commit()).id[0]).toBe(1);
  expect((await old.commit()).id[0]).toBe(3);
  expect(snapshots.newest?.id[0]).toBe(2);
  expect(await filesOf(disk)).toHaveLength(3);
  // What counts no more goes when the store is opened.
  const left = disk.afterPowerLoss(losesAll);
  expect((await reopen(left)).snapshots.newest?.id[0]).toBe(2);
  expect(await filesOf(left)).toEqual([snapshotName(2)]);
});

test("SnapshotStore.prune removes, durably, all but the newest and those being read", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const first = await store(snapshots, 1);
  const second = await store(snapshots, 2, contentOf(70_000));
  const third = await store(snapshots, 3);
  const reader = await snapshots.read(second);
  await Promise.all([snapshots.prune(), snapshots.prune()]);
  expect(await filesOf(disk.afterPowerLoss(losesAll))).toEqual([snapshotName(2), snapshotName(3)]);
  expect(await codeOf(snapshots.read(first))).toBe("snapshot_failed");
  expect(Buffer.from(await allOf(reader)).equals(contentOf(70_000))).toBe(true);
  await reader.close();
  await snapshots.prune();
  expect(await codeOf(snapshots.read(second))).toBe("snapshot_failed");
  expect(await filesOf(disk.afterPowerLoss(losesAll))).toEqual([snapshotName(3)]);
  expect(snapshots.bytes).toBe(disk.readFile(snapshotName(3)).length);
  expect(snapshots.newest).toBe(third);
});

test("SnapshotStore.prune does not remove what is just about to be read", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const first = await store(snapshots, 1);
  await store(snapshots, 2);
  const [reader] = await Promise.all([snapshots.read(first), snapshots.prune()]);
  // Not every system lets go of a name while the file is open.
  expect(await filesOf(disk)).toEqual([snapshotName(1), snapshotName(2)]);
  expect(await reader.read(0, 100)).toEqual(contentOf(100));
});

test("SnapshotStore.prune touches no disk if there is nothing to remove", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  await store(snapshots, 1);
  const before = disk.operationCount;
  await snapshots.prune();
  expect(disk.operationCount).toBe(before);
});

test("SnapshotWriter.abort removes what was written, once", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const writer = await snapshots.create(metadataAt(3));
  await writer.write(contentOf(100_000));
  expect(await filesOf(disk)).toEqual([`${snapshotName(1)}.tmp`]);
  await writer.abort();
  await writer.abort();
  expect(await filesOf(disk)).toEqual([]);
  expect(snapshots.newest).toBeUndefined();
  expect(await codeOf(writer.write(Uint8Array.of(1)))).toBe("closed");
  expect(await codeOf(writer.commit())).toBe("closed");
});

test("SnapshotWriter.abort after commit does nothing", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const writer = await snapshots.create(metadataAt(3));
  await writer.commit();
  await writer.abort();
  expect(await codeOf(writer.write(Uint8Array.of(1)))).toBe("closed");
  expect(await filesOf(disk)).toEqual([snapshotName(1)]);
});

test.each([
  ["an id of another length", { id: new Uint8Array(15) }],
  ["too many members", { members: new Uint8Array(16 * 1024 * 1024 + 1) }],
  ["a term of nothing", { snapshot: { term: 1, index: 0, confState: confStateOf([1]) } }],
  ["a term of no entry", { snapshot: { term: 0, index: 1, confState: confStateOf([1]) } }],
  [
    "an impossible configuration",
    { snapshot: { term: 1, index: 1, confState: { ...confStateOf([1]), autoLeave: true } } },
  ],
])("SnapshotStore.create refuses %s", async (_, wrong) => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const before = disk.operationCount;
  expect(await codeOf(snapshots.create({ ...metadataAt(3), ...wrong }))).toBe("invalid_argument");
  expect(disk.operationCount).toBe(before);
});

test("SnapshotStore.close gives up what is written and read, and is final", async () => {
  const disk = new MemoryDisk();
  const { snapshots } = await reopen(disk);
  const stored = await store(snapshots, 1);
  const reader = await snapshots.read(stored);
  const writer = await snapshots.create(metadataAt(2));
  const begun = writer.write(contentOf(100_000));
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
  const waiting = writer.write(contentOf(100_000));
  const closed = snapshots.close();
  expect(await codeOf(waiting)).toBe("closed");
  await begun;
  await closed;
  await snapshots.close();
  expect(await filesOf(disk)).toEqual([snapshotName(1)]);
  const calls = [
    snapshots.create(metadataAt(3)),
    snapshots.read(stored),
    snapshots.prune(),
    writer.write(Uint8Array.of(1)),
    writer.commit(),
    reader.read(0, 1),
  ];
  for (const call of calls) expect(await codeOf(call)).toBe("closed");
});

for (const [kind, after] of [
  ["create", []],
  ["write", ["remove"]],
  ["sync", ["remove"]],
  ["rename", ["remove"]],
  ["sync-directory", []],
] as const) {
  test(`SnapshotStore never tries again after a failed ${kind}, and lets the log alone`, async () => {
    const disk = new MemoryDisk();
    const { snapshots, wal } = await reopen(disk);
    const stored = await store(snapshots, 1);
    const other = await snapshots.create(metadataAt(2));
    const kinds: string[] = [];
    disk.intercept = (operation) => {
      kinds.push(operation.kind);
      return operation.kind === kind ? "fail" : undefined;
    };
    const failure: unknown = await store(snapshots, 3).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "storage_failed" });
    // What has no name yet is given up; what has one is left to the next process.
    expect(kinds.slice(kinds.indexOf(kind) + 1)).toEqual(after);
    disk.intercept = undefined;
    const before = disk.operationCount;
    const calls = [
      store(snapshots, 4),
      other.write(contentOf(9)),
      other.commit(),
      snapshots.prune(),
    ];
    for (const call of calls) expect(await call.catch((error: unknown) => error)).toBe(failure);
    expect(disk.operationCount).toBe(before);
    expect(snapshots.newest).toBe(stored);
    const reader = await snapshots.read(stored);
    expect(await reader.read(0, 100)).toEqual(contentOf(100));
    await wal.append({ entries: [], hardState: { term: 1, vote: 1, commitIndex: 0 } });
    await snapshots.close();
    expect((await filesOf(disk)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
}
