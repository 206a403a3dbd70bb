import { type EntryId, newEntry } from "@quorate/core";
import { expect, test } from "vitest";
import type { OpenedWal } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";
import { contentOf, Harness, losesAll, type Step, snapshotAt, storeSnapshot } from "./harness.ts";

/** Ten entries in several segments, the first six committed, and a snapshot of 1/2. */
const history: readonly Step[] = [
  { append: [400, 100], term: 1 },
  { commit: 2, sync: true },
  { compact: 2 },
  { append: [700] },
  { append: [900] },
  { append: [500, 30, 40, 400] },
  { append: [30, 200] },
  { commit: 6, sync: true },
];

async function logWith(steps: readonly Step[]): Promise<Harness> {
  const log = new Harness(new MemoryDisk());
  await log.open();
  await log.run(steps);
  return log;
}

/** What `step` does to the disk after `history`: the kinds of operations, and of files. */
async function operationsOf(step: Step): Promise<readonly string[]> {
  const log = await logWith(history);
  const found: string[] = [];
  log.disk.intercept = ({ kind, name }) => {
    // An open segment goes by the name under which it was made.
    const file = name.slice(17).replace("wal.tmp", "wal");
    found.push(`${kind} ${file}`.trim());
    return undefined;
  };
  await log.run([step]);
  return found;
}

/** A snapshot is made: head, content and end are written; then it is synced and named. */
const making = [
  "create snap.tmp",
  "write snap.tmp",
  "write snap.tmp",
  "write snap.tmp",
  "sync snap.tmp",
  "rename snap.tmp",
  "sync-directory",
];
const removing = ["remove snap", "sync-directory"];
const removingSegment = ["remove wal", "sync-directory"];
const removingThree = [...removingSegment, ...removingSegment, ...removingSegment];

test.each<[string, Step, readonly string[]]>([
  ["taken here", { compact: 6 }, [...making, ...removingThree, ...removing]],
  [
    "from elsewhere, that the log does not reach",
    { install: 20, term: 2 },
    [...making, "write wal", "sync wal", ...removingThree, ...removingSegment, ...removing],
  ],
  [
    "from elsewhere, that contradicts the log",
    { install: 8, term: 2 },
    [...making, "write wal", "sync wal", ...removingThree, ...removingSegment, ...removing],
  ],
  [
    "from elsewhere, whose entry the log holds",
    { install: 8, term: 1 },
    [...making, "write wal", "sync wal", ...removingThree, ...removing],
  ],
])(
  "a snapshot %s survives a crash around each of its operations",
  async (_, step, operations) => {
    expect(await operationsOf(step)).toEqual(operations);
    const named = making.length;
    for (const fault of ["kill-before", "kill-after", "fail"] as const) {
      for (let number = 1; number <= operations.length; number++) {
        const log = await logWith(history);
        const start = log.disk.operationCount;
        log.disk.intercept = (operation) => {
          return operation.number === start + number ? fault : undefined;
        };
        await expect(log.run([step])).rejects.toMatchObject({ code: "storage_failed" });
        const doneCount = fault === "kill-after" ? number : number - 1;
        for (const disk of aftermaths(log.disk)) {
          const next = log.fork(disk);
          // What was named and synced is there, and with it all that follows from it.
          if (doneCount >= named) next.durable = next.pending;
          await next.survive();
        }
        // Whoever is unlucky with all that was not synced has the old state until then.
        const unlucky = log.fork(log.disk.afterPowerLoss(losesAll));
        unlucky.pending = doneCount >= named ? unlucky.pending : unlucky.durable;
        unlucky.durable = unlucky.pending;
        await unlucky.survive();
      }
    }
  },
  120_000,
);

/** What the next process may find: everything, and every set of unsynced parts after a power loss. */
function* aftermaths(disk: MemoryDisk): Generator<MemoryDisk> {
  yield disk.afterKill();
  const parts = new Set<string>();
  disk.afterPowerLoss((part) => parts.add(JSON.stringify(part)).size > 0);
  const names = [...parts];
  expect(names.length).toBeLessThan(12);
  for (let set = 0; set < 2 ** names.length; set++) {
    yield disk.afterPowerLoss((part) => ((set >> names.indexOf(JSON.stringify(part))) & 1) === 1);
  }
}

/** Takes a snapshot of `id` from elsewhere, with two entries that follow it in the same append. */
async function installWithEntries({ wal, snapshots }: OpenedWal, id: EntryId): Promise<void> {
  await storeSnapshot(snapshots, id);
  const entries = [1, 2].map((i) => {
    return newEntry({ term: id.term, index: id.index + i }, "command", new Uint8Array(600));
  });
  const hardState = { term: id.term + 1, vote: 2, commitIndex: id.index + 1 };
  await wal.append({ entries, hardState, reset: id });
  await wal.compact(id.index);
  await snapshots.prune();
}

test("an install with entries leaves the old log, the snapshot alone, or all of it", async () => {
  const id = { term: 2, index: 20 };
  const counts = new Map<string, number>();
  for (let number = 1; ; number++) {
    const log = await logWith(history);
    const start = log.disk.operationCount;
    log.disk.intercept = (operation) => {
      return operation.number === start + number ? "kill-after" : undefined;
    };
    await installWithEntries(log.opened, id).catch((error: unknown) => {
      if (!log.disk.isDead) throw error;
    });
    for (const disk of aftermaths(log.disk)) {
      const next = log.fork(disk);
      const { storage, snapshots } = await next.look();
      const { hardState, entries, base } = storage;
      const newest = snapshots.newest?.snapshot.index;
      const { term, vote, commitIndex } = hardState;
      const found = [newest, base.index, entries.length, term, vote, commitIndex].join(" ");
      counts.set(found, (counts.get(found) ?? 0) + 1);
    }
    if (!log.disk.isDead) break;
  }
  expect([...counts.keys()].toSorted()).toEqual([
    // The old log begins after 1/0: its first segment holds later entries, too.
    "2 0 10 1 0 6",
    "20 20 0 2 0 20",
    "20 20 2 3 2 21",
  ]);
}, 120_000);

test("a configuration outlives two compactions and a restart", async () => {
  const log = await logWith([
    ...history,
    { compact: 6 },
    { commit: 10, sync: true },
    { compact: 9 },
  ]);
  const next = log.fork(log.disk.afterPowerLoss(losesAll));
  const { storage, members } = await next.look();
  const { metadata } = snapshotAt({ term: 1, index: 9 });
  expect(storage.snapshot).toEqual(metadata.snapshot);
  expect(members).toEqual(metadata.members);
});

test("a snapshot that is older than what is there changes nothing", async () => {
  const log = await logWith([...history, { install: 20, term: 2 }, { append: [50] }]);
  const { newest } = log.snapshots;
  for (const id of [
    { term: 1, index: 6 },
    { term: 2, index: 19 },
  ]) {
    await storeSnapshot(log.snapshots, id);
    expect(log.snapshots.newest).toBe(newest);
    await log.fork(log.disk.afterPowerLoss(losesAll)).survive();
  }
  // One that is newer than the snapshot before, and older than the log: what follows it stays (§7).
  await log.run([{ append: [10, 20, 30] }, { commit: 22, sync: true }]);
  await storeSnapshot(log.snapshots, { term: 2, index: 21 });
  const next = log.fork(log.disk.afterPowerLoss(losesAll));
  next.beside = [{ term: 2, index: 21 }];
  await next.survive();
  expect(next.durable.snapshot.index).toBe(21);
});

/** Content of nine blocks, the last one short: three writes. */
const long = Uint8Array.from({ length: 560_000 }, (_, i) => i ^ (i >> 8));

test("a long snapshot is whole or gone after a crash at any of its operations", async () => {
  const { metadata } = snapshotAt({ term: 1, index: 6 });
  const outcomes = { whole: 0, gone: 0 };
  for (let number = 1; ; number++) {
    const log = await logWith(history);
    const start = log.disk.operationCount;
    log.disk.intercept = (operation) => {
      return operation.number === start + number ? "kill-after" : undefined;
    };
    const store = async (): Promise<void> => {
      const writer = await log.snapshots.create(metadata);
      for (let at = 0; at < long.length; at += 9000) {
        await writer.write(long.subarray(at, at + 9000));
      }
      await writer.commit();
    };
    await store().catch((error: unknown) => {
      if (!log.disk.isDead) throw error;
    });
    for (let seed = 0; seed < 12; seed++) {
      const disk = log.disk.afterPowerLoss((part) => {
        return part.kind === "sector" ? (part.sector + seed) % 3 > 0 : (seed & 1) === 0;
      });
      const { snapshots } = await log.fork(disk).look();
      const { newest } = snapshots;
      if (newest?.snapshot.index === 6) {
        outcomes.whole++;
        expect(Buffer.from(await contentOf(snapshots, newest)).equals(long)).toBe(true);
      } else {
        outcomes.gone++;
      }
      expect((await disk.list()).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    }
    if (!log.disk.isDead) break;
  }
  expect(outcomes.whole).toBeGreaterThan(12);
  expect(outcomes.gone).toBeGreaterThan(50);
}, 120_000);
