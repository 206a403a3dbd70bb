import type { Entry, EntryId, HardState, RaftError } from "@quorate/core";
import { logRemedy, remedied } from "./damage.ts";
import type { ReadableDisk } from "./disk.ts";
import { divergedError, divergenceMarkName } from "./divergence-mark.ts";
import { findSnapshot, newestOf } from "./disk-snapshot-store.ts";
import type { WalIdentity } from "./file-header.ts";
import { parseFileName } from "./file-name.ts";
import { committedBy, hardStateAfterReset, reconcile } from "./reconcile.ts";
import {
  type FoundLog,
  isRefusal,
  type LogWatcher,
  readLogSoFar,
  type TornPlace,
} from "./recovery.ts";
import type { SnapshotFile } from "./snapshot-file.ts";
import { FileSnapshotReader } from "./snapshot-reader.ts";
import type { StoredSnapshot } from "./snapshot-store.ts";

/** How a log is looked at. */
export interface InspectOptions {
  /** Is told of every segment and every batch, as far as the log is whole. */
  readonly watcher?: LogWatcher;
  /**
   * Whether all entries are to be in the result. Without them, a log of any length takes little memory.
   *
   * @default false
   */
  readonly keepsEntries?: boolean;
  /**
   * Whether the content of snapshots is read and verified, too. A start reads only that of the newest.
   *
   * @default false
   */
  readonly readsContent?: boolean;
}

/** One file of a log. */
export interface SegmentFound {
  readonly name: string;
  /** The length of the file. */
  readonly bytes: number;
  /** Where the next batch would go. */
  readonly end: number;
}

/** One stored snapshot. */
export interface SnapshotFound {
  readonly name: string;
  /** The length of the file. */
  readonly bytes: number;
  readonly stored: StoredSnapshot;
  /** Whether it is the one that counts. */
  readonly isNewest: boolean;
}

/** A log and its snapshots as they were found: as a start would take them, or as far as they are whole. */
export interface InspectedLog {
  /** Whose log it is; undefined if there is none, or nothing of it can be read. */
  readonly identity: WalIdentity | undefined;
  /** 16 bytes drawn when the log was created; undefined as `identity` is. */
  readonly incarnation: Uint8Array | undefined;
  /** In order; those with batches, and at most two that have none. */
  readonly segments: readonly SegmentFound[];
  readonly snapshots: readonly SnapshotFound[];
  /** Files that were being made at a crash, or are now: they count for nothing. */
  readonly temporaries: readonly string[];
  /** The entry before the first. */
  readonly base: EntryId;
  /** The last entry, or the base of an empty log. */
  readonly last: EntryId;
  readonly hardState: HardState;
  /** The entries after `base`, if they were asked for. */
  readonly entries: readonly Entry[];
  /** What was cut short by a crash, or is being written now. A start cuts it off. */
  readonly torn: readonly TornPlace[];
  /**
   * Whether the log does not hold the entry of the newest snapshot: a crash cut an install short, or the
   * log is damaged. A start resets the log in the first case. `base`, `last` and `entries` are as of after
   * that in both; of a damaged log, the commit index may lie beyond.
   */
  readonly isReset: boolean;
  /**
   * Why `openWal` would refuse this, and damage to the content of snapshots, if that was read; none if
   * all is well. Each is `corrupt`, `wrong_identity`, `unsupported_version` or `diverged`.
   */
  readonly damages: readonly RaftError[];
}

/**
 * Reads the log on `disk` and its snapshots, whosever they are, and judges them as `openWal` does.
 * Changes nothing, and does not throw for damage, but tells of it. Of a log that is in use it may see
 * what is half-written, or miss a file that was just removed.
 *
 * Rejects with what the disk or the watcher rejects with.
 */
export async function inspectLog(
  disk: ReadableDisk,
  { watcher, keepsEntries = false, readsContent = false }: InspectOptions = {},
): Promise<InspectedLog> {
  const { log, damage } = await readLogSoFar(disk, { keepsEntries, watcher });
  const found = await findAll(disk, log);
  const damages = [...(damage === undefined ? [] : [damage]), ...found.damages];
  const judged = judge(log, found.files, damages);
  const rotten = readsContent ? await verifyContents(disk, found.files) : [];
  const newest = newestOf(found.files);
  return {
    identity: log.segments[0]?.header.identity,
    incarnation: log.incarnation,
    segments: log.segments.map(({ name, size, end }) => ({ name, bytes: size, end })),
    snapshots: found.files.map((file) => {
      const { name, size, stored } = file;
      return { name, bytes: size, stored, isNewest: file === newest };
    }),
    temporaries: found.temporaries,
    ...judged,
    torn: log.torn,
    damages: [...damages.map((error) => remedied(error, logRemedy)), ...rotten],
  };
}

/** All snapshots but their content, each by itself, and what is wrong with the others. */
async function findAll(disk: ReadableDisk, log: FoundLog) {
  const files: SnapshotFile[] = [];
  const temporaries: string[] = [];
  const damages: RaftError[] = [];
  const owner = { identity: log.segments[0]?.header.identity, incarnation: log.incarnation };
  let isMarked = false;
  for (const name of [...(await disk.list())].sort()) {
    isMarked ||= name === divergenceMarkName;
    const parsed = parseFileName(name);
    if (parsed === undefined) continue;
    if (parsed.isTemporary) temporaries.push(name);
    else if (parsed.kind === "snap") {
      try {
        files.push(await findSnapshot(disk, { name, sequence: parsed.sequence }, owner));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        damages.push(error);
      }
    }
  }
  if (isMarked) damages.push(await divergedError(disk));
  return { files, temporaries, damages };
}

/** What a start makes of the log and the snapshots. Adds to `damages` how they contradict one another. */
function judge(
  log: FoundLog,
  files: readonly SnapshotFile[],
  damages: RaftError[],
): Pick<InspectedLog, "base" | "last" | "hardState" | "entries" | "isReset"> {
  const { replay, segments } = log;
  let reset: EntryId | undefined;
  try {
    // What is damaged would only be said to be missing.
    if (damages.length === 0) reset = reconcile({ segments, replay }, { files });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    damages.push(error);
  }
  if (damages.length > 0) reset = newestBeyond(log, files);
  if (reset !== undefined) {
    const { commitIndex } = replay.hardState;
    const after = hardStateAfterReset(replay.hardState, reset);
    const hardState = { ...after, commitIndex: Math.max(commitIndex, reset.index) };
    return { base: reset, last: reset, hardState, entries: [], isReset: true };
  }
  const { base, last } = replay.shape;
  const hardState = committedBy(newestOf(files)?.stored.snapshot, replay);
  return { base, last, hardState, entries: replay.entries, isReset: false };
}

/** The entry of the newest snapshot, if what is left of the log does not hold it, so cannot follow it. */
function newestBeyond(
  { replay: { shape } }: FoundLog,
  files: readonly SnapshotFile[],
): EntryId | undefined {
  const newest = newestOf(files)?.stored.snapshot;
  if (newest === undefined) return undefined;
  const { term, index } = newest;
  return shape.has(index) && shape.idAt(index).term === term ? undefined : { term, index };
}

async function verifyContents(
  disk: ReadableDisk,
  files: readonly SnapshotFile[],
): Promise<RaftError[]> {
  const damages: RaftError[] = [];
  for (const file of files) {
    const reader = new FileSnapshotReader(disk, file, { remedy: logRemedy, onClosed: () => {} });
    await reader.begin();
    try {
      for await (const _chunk of reader.chunks());
    } catch (error) {
      if (!isRefusal(error)) throw error;
      damages.push(error);
    } finally {
      await reader.close();
    }
  }
  return damages;
}
