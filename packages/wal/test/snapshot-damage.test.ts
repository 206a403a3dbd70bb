import { RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { expect, test } from "vitest";
import { fileHeaderBytes } from "../src/file-header.ts";
import { blockBytes, snapshotName, snapshotTrailerBytes } from "../src/snapshot-file.ts";
import { MemoryDisk } from "../src/testing.ts";
import { contentOf, Harness, newRandom, type Step, snapshotAt } from "./harness.ts";

/** A log, and a snapshot of its seventh entry, which has 7 members and 1,477 bytes of content. */
const history: readonly Step[] = [
  { append: [500, 300], term: 1 },
  { append: [0, 200, 33] },
  { append: [30, 0, 7] },
  { commit: 7, sync: true },
  { compact: 7 },
  { append: [600, 90] },
];
const name = snapshotName(1);

/** Content of three blocks, the last one short. */
const long = Uint8Array.from({ length: 140_000 }, (_, i) => i ^ (i >> 8));

async function logOf(steps: readonly Step[]): Promise<Harness> {
  const log = new Harness(new MemoryDisk());
  await log.open();
  await log.run(steps);
  await log.close();
  return log;
}

/** A log whose newest snapshot has the content `long`. */
async function longSnapshot(): Promise<Harness> {
  const log = await logOf(history.slice(0, 4));
  await log.open();
  const writer = await log.snapshots.create(snapshotAt({ term: 1, index: 7 }).metadata);
  await writer.write(long);
  await writer.commit();
  await log.close();
  return log;
}

/** Opens the log with its snapshot changed, and reads that whole. Returns why it is refused. */
async function refusal(log: Harness, bytes: Uint8Array): Promise<RaftError | undefined> {
  const next = log.fork(log.disk.afterKill());
  next.disk.writeFile(name, bytes);
  const before = next.disk.operationCount;
  try {
    const { snapshots } = await next.look();
    expect(next.disk.operationCount).toBeGreaterThan(before);
    if (snapshots.newest !== undefined) await contentOf(snapshots, snapshots.newest);
    await next.close();
    return undefined;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return error;
  }
}

async function expectRefused(log: Harness, bytes: Uint8Array): Promise<string> {
  const error = await refusal(log, bytes);
  expect(error?.code).toBe("corrupt");
  expect(error?.message).toMatch(
    /^corrupt: 0{15}1\.snap, byte \d+: .*; restore this file exactly.* a new id/,
  );
  return error?.message ?? "";
}

test("a snapshot as it was written is read", async () => {
  for (const log of [await logOf(history), await longSnapshot()]) {
    expect(await refusal(log, log.disk.readFile(name))).toBeUndefined();
  }
});

test("no flipped bit of a snapshot goes unnoticed", async () => {
  const log = await logOf(history);
  const bytes = log.disk.readFile(name);
  expect(bytes.length).toBeLessThan(2800);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await expectRefused(log, flipped);
  }
}, 120_000);

test("a snapshot that is cut or lengthened at any byte is refused", async () => {
  const log = await logOf(history);
  const bytes = log.disk.readFile(name);
  for (let cut = 0; cut < bytes.length; cut++) {
    await expectRefused(log, bytes.slice(0, cut));
    await expectRefused(
      log,
      bytes.map((byte, offset) => (offset < cut ? byte : 0xff)),
    );
  }
  for (const more of [1, 24, 512]) {
    await expectRefused(log, new Uint8Array(Buffer.concat([bytes, new Uint8Array(more)])));
    await expectRefused(log, new Uint8Array(Buffer.concat([bytes, bytes.slice(-more)])));
  }
}, 120_000);

test("a half-made snapshot that is cut at any byte is removed, and the log is as it was", async () => {
  const log = await logOf(history);
  const bytes = log.disk.readFile(name);
  const temporary = `${snapshotName(2)}.tmp`;
  for (let cut = 0; cut <= bytes.length; cut += 7) {
    const next = log.fork(log.disk.afterKill());
    next.disk.writeFile(temporary, bytes.slice(0, cut));
    await next.open();
    expect(await next.disk.list()).not.toContain(temporary);
    await next.close();
  }
}, 120_000);

/** Where the blocks of the long snapshot begin. */
function blocksOffsetOf(bytes: Uint8Array): number {
  return bytes.length - snapshotTrailerBytes - (long.length + 12);
}

test("damage in any block of a long content is noticed, and named by its block", async () => {
  const log = await longSnapshot();
  const bytes = log.disk.readFile(name);
  const start = blocksOffsetOf(bytes);
  expect(start).toBe(fileHeaderBytes + 6 + 7 + 4);
  const random = newRandom(5);
  for (let round = 0; round < 200; round++) {
    const place = Math.floor(random() * (bytes.length - start - snapshotTrailerBytes));
    const rotten = bytes.slice();
    rotten[start + place] = (rotten[start + place] ?? 0) ^ (1 + Math.floor(random() * 255));
    const block = start + blockBytes * Math.floor(place / blockBytes);
    expect(await expectRefused(log, rotten)).toContain(`byte ${block}: the content does not match`);
  }
});

test("blocks that change places, or come from another snapshot, are noticed", async () => {
  const log = await longSnapshot();
  const bytes = log.disk.readFile(name);
  const start = blocksOffsetOf(bytes);
  const swapped = bytes.slice();
  swapped.copyWithin(start, start + blockBytes, start + 2 * blockBytes);
  swapped.set(bytes.subarray(start, start + blockBytes), start + blockBytes);
  expect(await expectRefused(log, swapped)).toContain(`byte ${start}: `);

  // The same content with the same checksums, but for what makes each file differ from all others.
  const other = log.fork(log.disk.afterKill());
  await other.look();
  const { metadata } = snapshotAt({ term: 1, index: 7 });
  const writer = await other.snapshots.create({ ...metadata, id: new Uint8Array(16) });
  await writer.write(long);
  await writer.commit();
  const theirs = other.disk.readFile(snapshotName(2));
  expect(theirs.length).toBe(bytes.length);
  const mixed = bytes.slice();
  mixed.set(theirs.subarray(start, start + blockBytes), start);
  expect(await expectRefused(log, mixed)).toContain(`byte ${start}: `);
  mixed.set(bytes.subarray(start, start + blockBytes), start);
  mixed.set(theirs.subarray(-snapshotTrailerBytes), bytes.length - snapshotTrailerBytes);
  expect(await expectRefused(log, mixed)).toContain("does not end as it was written");
});

test("a whole content with another checksum than its own is noticed", async () => {
  const log = await longSnapshot();
  const bytes = log.disk.readFile(name);
  const end = bytes.length - snapshotTrailerBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const seed = seedOf(bytes);
  view.setUint32(end + 16, view.getUint32(end + 16, true) + 1, true);
  view.setUint32(end + 4, crc32c(bytes.subarray(end + 8), seed), true);
  expect(await expectRefused(log, bytes)).toContain(`byte ${end}: the content does not match`);
});

test("a piece of a damaged content is still read where it is whole", async () => {
  const log = await longSnapshot();
  const bytes = log.disk.readFile(name);
  const at = blocksOffsetOf(bytes) + blockBytes + 100;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  log.disk.writeFile(name, bytes);
  const { snapshots } = await log.look();
  const { newest } = snapshots;
  if (newest === undefined) throw new Error("there is a snapshot");
  const reader = await snapshots.read(newest);
  expect(Buffer.from(await reader.read(0, 65_536)).equals(long.subarray(0, 65_536))).toBe(true);
  await expect(reader.read(65_535, 2)).rejects.toMatchObject({ code: "corrupt" });
  expect(Buffer.from(await reader.read(131_072, 9000)).equals(long.subarray(131_072))).toBe(true);
  await log.close();
});

/** The seed of the snapshot's checksums, from its header. */
function seedOf(bytes: Uint8Array): number {
  const incarnation = crc32c(bytes.subarray(32, 48));
  return crc32c(bytes.subarray(48, 64), crc32c(bytes.subarray(16, 24), incarnation));
}

/** Numbers that a field may be forged to. */
const oddNumbers = [0, 1, 2, 7, 255, 0x1f_ffff, 0x20_0000, 0x7fff_ffff, 0xffff_ffff];

/** Changes something in a snapshot, and makes its checksums hold again. */
function forge(bytes: Uint8Array, random: () => number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const below = (limit: number): number => Math.floor(random() * limit);
  const end = bytes.length - snapshotTrailerBytes;
  const seed = seedOf(bytes);
  const tables = view.getUint32(600, true) + view.getUint32(604, true);
  switch (below(3)) {
    case 0:
      view.setUint32(584 + 4 * below(9), oddNumbers[below(9)] ?? 0, true);
      break;
    case 1:
      view.setUint8(fileHeaderBytes + below(tables), below(256));
      break;
    default:
      view.setUint32(end + 8 + 4 * below(4), oddNumbers[below(9)] ?? 0, true);
  }
  const fixed = crc32c(bytes.subarray(16, fileHeaderBytes), crc32c(bytes.subarray(0, 12)));
  view.setUint32(12, fixed, true);
  const tablesEnd = fileHeaderBytes + tables;
  view.setUint32(tablesEnd, crc32c(bytes.subarray(fileHeaderBytes, tablesEnd), seed), true);
  view.setUint32(end + 4, crc32c(bytes.subarray(end + 8), seed), true);
}

test("a forged snapshot is read or refused, whatever its numbers say", async () => {
  const log = await logOf(history);
  const random = newRandom(3);
  const counts = { read: 0, refused: 0 };
  for (let round = 0; round < 1500; round++) {
    const bytes = log.disk.readFile(name);
    forge(bytes, random);
    const error = await refusal(log, bytes);
    if (error === undefined) counts.read++;
    else counts.refused++;
    expect(error?.code ?? "corrupt").toBe("corrupt");
  }
  expect(counts.read).toBeGreaterThan(20);
  expect(counts.refused).toBeGreaterThan(500);
});
