import { createHash, randomBytes } from "node:crypto";
import {
  assert,
  at,
  confStateOf,
  type Entry,
  entryBytes,
  type HardState,
  type LogIndex,
  newEntry,
  none,
  RaftError,
  snapshotAtStart,
  type Term,
} from "@quorate/core";
import {
  type InspectedLog,
  inspectLog,
  openSnapshot,
  openWal,
  type SnapshotMetadata,
  type SnapshotWriter,
  type Wal,
  type WalOptions,
} from "@quorate/wal";
import { encodeMembersDelta, incarnationBytes } from "@quorate/wire";
import { findHolder } from "./directory-lock.ts";
import { type LineageStep, writeLineage } from "./lineage.ts";
import { isEmptyDirectory, makeInPlace } from "./new-directory.ts";
import { openNodeDisk } from "./node-disk.ts";
import { ReadOnlyDisk } from "./read-only-disk.ts";
import { planRecovery, type RecoverOptions, type RecoveryPlan } from "./recovery-plan.ts";

/** A group that goes on from what was left of another. */
export interface Recovered {
  /** Names the new group: start its nodes with it. */
  readonly clusterId: string;
  /** The last entry, committed as all before it. */
  readonly index: LogIndex;
  readonly term: Term;
  /** What was done, and what it means. */
  readonly plan: RecoveryPlan;
}

/** How much goes into one batch of the new log, in bytes. */
const batchBytesMax = 1024 * 1024;
const segmentBytes = { least: 64 * 1024, most: 64 * 1024 * 1024 };

/**
 * Lets a group go on that has lost a majority of its voters for good, from the disk of one that is left: by
 * making a data directory of a *new* group, with that node as its only voter, which begins with the same
 * snapshot and the same entries. Whatever was still undecided is committed there, and changes of the
 * configuration are replaced by entries that do nothing. Others join the new group with empty disks.
 *
 * Nobody of the old group can talk to the new one: it has another name. The old directories are only
 * read, and stay what they are. What becomes of entries is in `planRecovery`'s answer: look at it first.
 *
 * A state machine that keeps its state by itself must take its store along; it may have applied less than
 * the new log holds, and not more.
 *
 * It takes as much memory as a start of the node. Either the whole directory is there at the end, or
 * nothing. Rejects as `planRecovery` does, and with `disk_full`.
 */
export async function recoverReplica(options: RecoverOptions): Promise<Recovered> {
  const isThere = await isEmptyDirectory(options.into);
  const plan = await planRecovery(options);
  const source = await inspectLog(new ReadOnlyDisk(plan.from.path), { keepsEntries: true });
  const entries = entriesToKeep(source, plan);
  const { index, term } = entries.at(-1) ?? plan.snapshot?.snapshot ?? source.last;
  assert(index === plan.lastIndex, "what is kept ends where it was planned to");
  const hardState = { term: source.hardState.term, vote: none, commitIndex: index };
  const step = stepOf(plan, term, options.reason ?? "");
  await makeInPlace({ dataDir: options.into, isThere }, async (directory) => {
    const disk = await openNodeDisk(directory);
    await writeLineage(disk, plan.from.path, step);
    await writeLog(directory, plan, { entries, hardState });
    await checkWritten(directory, { index, term });
    await checkUnused(plan);
  });
  return { clusterId: plan.clusterId, index, term, plan };
}

/** The entries after the snapshot, for a group whose configuration they do not concern. */
function entriesToKeep(source: InspectedLog, { snapshot, lastIndex }: RecoveryPlan): Entry[] {
  const after = snapshot?.snapshot.index ?? 0;
  return source.entries
    .filter(({ index }) => index > after && index <= lastIndex)
    .map((entry) => (entry.kind === "conf-change" ? newEntry(entry, "no-op") : entry));
}

/** What the new log holds after its snapshot. */
interface Content {
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}

async function writeLog(directory: string, plan: RecoveryPlan, content: Content): Promise<void> {
  const { clusterId, id, address } = plan;
  const disk = await openNodeDisk(directory);
  const member = { id, address, incarnation: undefined, priority: 0 };
  const confState = confStateOf([id]);
  const members = encodeMembersDelta({ set: [member], removed: [] });
  const walOptions: WalOptions = {
    identity: { clusterId, nodeId: id },
    incarnation: randomBytes(incarnationBytes),
    segmentBytes: segmentBytesFor(content.entries),
    // Without a snapshot the log begins at its start, and only the first configuration is another.
    ...(plan.snapshot === undefined
      ? { start: { snapshot: snapshotAtStart(confState), members } }
      : {}),
  };
  if (plan.snapshot !== undefined) {
    const { id: name, snapshot, external } = plan.snapshot;
    const newName = createHash("sha256").update(name).update(clusterId).digest();
    await storeSnapshot(directory, plan, walOptions, {
      snapshot: { ...snapshot, confState },
      members,
      id: newName.subarray(0, name.length),
      external,
    });
  }
  // Where a snapshot was stored, opening lets the log begin after it.
  const { wal, snapshots } = await openWal(disk, walOptions);
  try {
    await appendAll(wal, content);
  } finally {
    await snapshots.close();
    await wal.close();
  }
}

/** Stores the content of the old snapshot as that of the new one. */
async function storeSnapshot(
  directory: string,
  plan: RecoveryPlan,
  walOptions: WalOptions,
  metadata: SnapshotMetadata,
): Promise<void> {
  const { wal, snapshots } = await openWal(await openNodeDisk(directory), walOptions);
  try {
    const writer = await snapshots.create(metadata);
    if (!metadata.external) await copyContent(plan, writer);
    await writer.commit();
  } finally {
    await snapshots.close();
    await wal.close();
  }
}

async function copyContent({ from }: RecoveryPlan, writer: SnapshotWriter): Promise<void> {
  const newest = from.log.snapshots.find(({ isNewest }) => isNewest);
  assert(newest !== undefined, "the snapshot of the plan is the newest one");
  const { reader } = await openSnapshot(new ReadOnlyDisk(from.path), newest.name);
  try {
    for await (const chunk of reader.chunks()) await writer.write(chunk);
  } finally {
    await reader.close();
  }
}

/** Appends the entries, all of them committed, in batches of a bounded length. */
async function appendAll(wal: Wal, { entries, hardState }: Content): Promise<void> {
  for (let start = 0; start < entries.length;) {
    const end = batchEnd(entries, start);
    const batch = entries.slice(start, end);
    const commitIndex = batch.at(-1)?.index ?? none;
    await wal.append({ entries: batch, hardState: { ...hardState, commitIndex } });
    start = end;
  }
  // The term of a snapshot's last entry may be older than the one the node was in.
  await wal.append({ entries: [], hardState });
}

function batchEnd(entries: readonly Entry[], start: number): number {
  let bytes = entryBytes(at(entries, start));
  let end = start + 1;
  for (; end < entries.length; end++) {
    bytes += entryBytes(at(entries, end));
    if (bytes > batchBytesMax) break;
  }
  return end;
}

/** A few files for a small log, and not too many for a large one. */
function segmentBytesFor(entries: readonly Entry[]): number {
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  let size = segmentBytes.least;
  while (size < segmentBytes.most && 4 * size < bytes) size *= 2;
  return size;
}

/** What was written is read once more before it gets its name. */
async function checkWritten(
  directory: string,
  end: { readonly index: LogIndex; readonly term: Term },
): Promise<void> {
  const { last, hardState, damages } = await inspectLog(new ReadOnlyDisk(directory), {
    readsContent: true,
  });
  const isWhole =
    damages.length === 0 &&
    last.index === end.index &&
    last.term === end.term &&
    hardState.commitIndex === end.index;
  if (isWhole) return;
  throw new RaftError("storage_failed", `what was written to ${directory} is not what is there`, {
    cause: damages[0],
  });
}

/** Nobody may have started the node meanwhile: it would have gone on, and the copy would not know. */
async function checkUnused({ from }: RecoveryPlan): Promise<void> {
  if ((await findHolder(from.path)) === undefined) return;
  throw new RaftError("locked", `${from.path} was taken into use meanwhile`);
}

function stepOf(plan: RecoveryPlan, term: Term, reason: string): LineageStep {
  const { from, clusterId, id, lastIndex, certainIndex } = plan;
  return {
    fromClusterId: from.clusterId,
    fromId: from.id,
    fromIncarnation: Buffer.from(from.log.incarnation ?? []).toString("hex"),
    clusterId,
    id,
    term,
    index: lastIndex,
    commitIndex: certainIndex,
    reason,
    at: new Date().toISOString(),
  };
}
