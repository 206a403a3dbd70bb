import {
  type Entry,
  type EntryId,
  isSafe,
  none,
  RaftError,
  type Snapshot,
  type Storage,
} from "@quorate/core";
import { logRemedy, remedied } from "./damage.ts";
import type { Disk } from "./disk.ts";
import { divergedError } from "./divergence-mark.ts";
import { DiskSnapshotStore, findSnapshots, type FoundSnapshots } from "./disk-snapshot-store.ts";
import { clusterIdUnitsMax, incarnationBytes, type WalIdentity } from "./file-header.ts";
import { committedBy, hardStateAfterReset, reconcile } from "./reconcile.ts";
import { type FoundLog, type MendedLog, readLog } from "./recovery.ts";
import type { OpenSegment } from "./next-segment.ts";
import { openReserve, type Reserve } from "./reserve.ts";
import { createSegment, type Segment } from "./segment-file.ts";
import { newSegmentHeader, sectorBytes } from "./segment.ts";
import { metadataFlaw, snapshotIdBytes } from "./snapshot-file.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { Wal, type WalParts } from "./wal.ts";

/** What a node starts from before its first entry. */
export interface WalStart {
  /** At index 0: the first configuration of the group, or `joiningSnapshot`. */
  readonly snapshot: Snapshot;
  /** Who the members are. Never interpreted here. */
  readonly members: Uint8Array;
}

/** What a log is opened with. */
export interface WalOptions {
  /** Whose log it is. A log of another node or cluster is refused. */
  readonly identity: WalIdentity;
  /**
   * 16 unpredictable bytes. They become the log's incarnation if it is created now, and are ignored
   * if it exists: then `Wal.incarnation` tells those of its creation.
   */
  readonly incarnation: Uint8Array;
  /**
   * The length of a segment file, in bytes: a multiple of 512 from 2 KiB to 1 GiB. A batch that is
   * longer gets a segment of its own length. The log takes up to two segments more than its entries.
   *
   * @default 64 MiB
   */
  readonly segmentBytes?: number;
  /**
   * What is made durable as the first snapshot if there is none yet, and ignored if there is one: so a
   * node that starts again depends on nothing that it is told.
   *
   * @default nothing is stored, and there is no snapshot
   */
  readonly start?: WalStart;
  /**
   * How much of the disk is set aside, in bytes, at least 0: see `Reserve`. It is made now, if there is
   * room, so that the disk gives it when it is needed. 0: none is kept, and one that is there goes.
   *
   * @default 0
   */
  readonly reserveBytes?: number;
}

/** A log that was opened with its snapshots, and all that was durable. Both are to be closed. */
export interface OpenedWal {
  readonly wal: Wal;
  /**
   * What to start the node from: `snapshot` is the newest one that is stored, and the log holds its
   * entry, or begins after it. The log keeps no entries in memory itself.
   */
  readonly storage: Storage;
  readonly snapshots: SnapshotStore;
  /** What snapshots fall back on. Not whole if the disk has no room for it. */
  readonly reserve: Reserve;
  /** The members as of the newest snapshot; empty without one. */
  readonly members: Uint8Array;
}

/** What a log is made of but its segments. */
type WalSetup = Pick<WalParts, "disk" | "identity" | "incarnation" | "segmentBytes" | "snapshots">;

const segmentBytesMin = 2 * 1024;
const segmentBytesMax = 1024 * 1024 * 1024;
const segmentBytesDefault = 64 * 1024 * 1024;

/**
 * Opens the log on `disk`, or creates it if there is none. All that was ever reported durable, entries,
 * hard state and snapshot, is in the result, and durable; what was under way at a crash is there whole
 * or not at all. Where a crash came between a received snapshot and the reset of the log, the log is
 * reset now.
 *
 * Rejects with `corrupt` (bytes that were durable are damaged or gone; the message names file, offset
 * and remedy), `diverged` (see `markDiverged`), `wrong_identity`, `unsupported_version`,
 * `invalid_options`, or what the disk rejects with. Then nothing was cut or removed but what was never
 * durable, or does not count any more.
 *
 * The content of snapshots is not read, but verified by whoever reads it.
 */
export async function openWal(disk: Disk, options: WalOptions): Promise<OpenedWal> {
  const segmentBytes = validateOptions(options);
  const { identity, start } = options;
  const { log, found, reset } = await find(disk, identity);

  for (const name of found.temporaries) await disk.remove(name);
  const reserve = await openReserve(disk, options.reserveBytes ?? 0);
  const mended = await log.mend(disk);
  // Makes durable what an earlier run named or removed and did not live to sync.
  await disk.syncDirectory();
  const incarnation = log.incarnation ?? options.incarnation.slice();
  const snapshots = new DiskSnapshotStore(disk, { identity, incarnation }, found.files, reserve);
  const setup = { disk, identity, incarnation, segmentBytes, snapshots };
  const wal = await createWal(setup, log, mended);
  try {
    if (snapshots.newest === undefined && start !== undefined) await storeStart(snapshots, start);
    if (reset !== undefined) await resetLog(wal, reset, reserve);
    await snapshots.prune();
    await reserve.restore();
  } catch (error) {
    await Promise.allSettled([wal.close(), snapshots.close()]);
    throw error;
  }
  const { newest } = snapshots;
  const entries = reset === undefined ? log.replay.entries : nothing;
  const { base, hardState } = wal;
  return {
    wal,
    storage: { hardState, snapshot: newest?.snapshot, base, entries },
    snapshots,
    reserve,
    members: newest?.members ?? new Uint8Array(0),
  };
}

const nothing: readonly Entry[] = [];

/** What was found on a disk. Nothing was changed yet. */
interface Found {
  readonly log: FoundLog;
  readonly found: FoundSnapshots;
  /** The entry after which the log must begin anew; undefined if it need not. */
  readonly reset: EntryId | undefined;
}

async function find(disk: Disk, identity: WalIdentity): Promise<Found> {
  try {
    const log = await readLog(disk, { identity });
    const found = await findSnapshots(disk, identity, log.incarnation);
    if (found.isMarked) throw await divergedError(disk);
    return { log, found, reset: reconcile(log, found) };
  } catch (error) {
    throw remedied(error, logRemedy);
  }
}

/** The log of what was found and mended; or, if that is nothing, a new one. */
async function createWal(setup: WalSetup, log: FoundLog, mended: MendedLog): Promise<Wal> {
  const { disk, identity, incarnation, segmentBytes, snapshots } = setup;
  const { segments } = mended;
  const last = segments.at(-1);
  const file = last === undefined ? undefined : await disk.open(last.name);
  let spare: OpenSegment | undefined;
  try {
    spare = await openSpare(disk, mended.spare);
    if (last === undefined && spare === undefined) {
      spare = await createSegment(disk, newSegmentHeader(identity, incarnation, 1), segmentBytes);
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  const { shape, nextNumber = 1 } = log.replay;
  const hardState = committedBy(snapshots.newest?.snapshot, log.replay);
  return new Wal({ ...setup, segments, file, spare, shape, hardState, nextNumber });
}

async function storeStart(snapshots: SnapshotStore, start: WalStart): Promise<void> {
  const id = new Uint8Array(snapshotIdBytes);
  const writer = await snapshots.create({ ...start, id, external: false });
  await writer.commit();
}

/** Lets the log begin anew after `base`, the last entry of a stored snapshot. */
async function resetLog(wal: Wal, base: EntryId, reserve: Reserve): Promise<void> {
  const append = {
    entries: nothing,
    hardState: hardStateAfterReset(wal.hardState, base),
    reset: base,
  };
  await reserve.lend(() => wal.append(append, { makesDo: true }));
}

async function openSpare(
  disk: Disk,
  segment: Segment | undefined,
): Promise<OpenSegment | undefined> {
  return segment === undefined ? undefined : { segment, file: await disk.open(segment.name) };
}

function validateOptions(options: WalOptions): number {
  const { identity, incarnation, segmentBytes = segmentBytesDefault, start } = options;
  const { reserveBytes = 0 } = options;
  const units = identity.clusterId.length;
  if (units < 1 || units > clusterIdUnitsMax) {
    throw invalid(
      `identity.clusterId must have 1 to ${clusterIdUnitsMax} characters, it has ${units}`,
    );
  }
  if (!isSafe(identity.nodeId) || identity.nodeId === none) {
    throw invalid(`identity.nodeId must be a safe integer of at least 1, it is ${identity.nodeId}`);
  }
  if (incarnation.length !== incarnationBytes) {
    throw invalid(`incarnation must have ${incarnationBytes} bytes, it has ${incarnation.length}`);
  }
  const isInRange = segmentBytes >= segmentBytesMin && segmentBytes <= segmentBytesMax;
  if (!isInRange || segmentBytes % sectorBytes !== 0) {
    throw invalid(
      `segmentBytes must be a multiple of ${sectorBytes} from ${segmentBytesMin} to ${segmentBytesMax}, ` +
        `it is ${segmentBytes}`,
    );
  }
  if (!isSafe(reserveBytes)) {
    throw invalid(`reserveBytes must be an integer of at least 0, it is ${String(reserveBytes)}`);
  }
  if (start !== undefined) validateStart(start);
  return segmentBytes;
}

function validateStart({ snapshot, members }: WalStart): void {
  const id = new Uint8Array(snapshotIdBytes);
  const flaw = metadataFlaw({ snapshot, members, id, external: false });
  if (flaw !== undefined) throw invalid(`start cannot be stored: ${flaw}`);
  if (snapshot.index !== 0) {
    throw invalid(`start.snapshot must be at index 0, it is at ${snapshot.index}`);
  }
}

function invalid(detail: string): RaftError {
  return new RaftError("invalid_options", detail);
}
