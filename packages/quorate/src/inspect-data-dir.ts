import { setTimeout as sleep } from "node:timers/promises";
import { type ConfState, emptyConfState, type Entry, newEntry, RaftError } from "@quorate/core";
import { foldMembership, type Membership, restoredMembership } from "@quorate/runtime";
import {
  type FoundBatch,
  type InspectedLog,
  inspectLog,
  type InspectOptions,
  type LogWatcher,
} from "@quorate/wal";
import { type DirectoryHolder, findHolder } from "./directory-lock.ts";
import { type LineageStep, readLineage } from "./lineage.ts";
import { ReadOnlyDisk } from "./read-only-disk.ts";
import type { ArchivedMember } from "./snapshot-archive.ts";
import { systemCode } from "./storage-error.ts";

/** Who takes part in a group, as a log tells it. */
export interface LoggedMembers {
  /** As of the last entry that the log knows to be committed. */
  readonly confState: ConfState;
  /** What the group knew of them, and the ids of those who were removed. */
  readonly members: readonly ArchivedMember[];
  readonly removed: readonly number[];
  /** How many changes of the configuration stand after that entry. */
  readonly changeCountAfter: number;
}

/** A data directory as it was found. */
export interface InspectedDataDir extends LoggedMembers {
  readonly path: string;
  /** Who had it open when it was looked at; undefined if nobody had. */
  readonly holder: DirectoryHolder | undefined;
  /** The groups before this one, of which it is what was left. */
  readonly lineage: readonly LineageStep[];
  readonly log: InspectedLog;
}

/** How often a directory in use is looked at again, and after how long. */
const attemptMax = 5;
const againMs = 200;

/**
 * Reads the log and the snapshots in the data directory `path`, whosever they are, and judges them as a
 * start would. Changes nothing, locks nothing, and needs no more than to read. Damage is in the result.
 *
 * A directory in use may be read: what is being written meanwhile looks torn, or even damaged. See
 * `verifyDataDir`. Rejects with `storage_failed`, or with what the watcher rejects with.
 */
export async function inspectDataDir(
  path: string,
  options: InspectOptions = {},
): Promise<InspectedDataDir> {
  const holder = await findHolder(path);
  const lineage = await readLineage(path);
  const changes = new ConfChanges(options.watcher);
  const log = await inspectLog(new ReadOnlyDisk(path), { ...options, watcher: changes });
  return { path, holder, lineage, log, ...membersOf(log, changes.entries) };
}

/**
 * As `inspectDataDir`, with the content of all snapshots. Damage in a directory that is in use is believed
 * only once a second look has found the same: what is just being written is whole by then.
 */
export async function verifyDataDir(path: string): Promise<InspectedDataDir> {
  let before = "";
  for (let attempt = 1; ; attempt++) {
    const found = await inspectOnce(path, attempt < attemptMax);
    if (found !== undefined) {
      const damages = found.log.damages.map(({ message }) => message).join("\n");
      const isSettled = found.holder === undefined || damages === "" || damages === before;
      if (isSettled || attempt === attemptMax) return found;
      before = damages;
    }
    await sleep(againMs);
  }
}

/** Undefined if a file was removed while it was read, by whoever has the directory; unless that is final. */
async function inspectOnce(path: string, isTried: boolean): Promise<InspectedDataDir | undefined> {
  try {
    return await inspectDataDir(path, { readsContent: true });
  } catch (error) {
    const isGone = error instanceof Error && systemCode(error.cause) === "ENOENT";
    if (!isGone || !isTried || (await findHolder(path)) === undefined) throw error;
    return undefined;
  }
}

/** Gathers the changes of the configuration in a log that is read, and passes on what is read. */
class ConfChanges implements LogWatcher {
  readonly #watcher: LogWatcher | undefined;
  readonly entries: Entry[] = [];

  constructor(watcher: LogWatcher | undefined) {
    this.#watcher = watcher;
  }

  async onSegment(...told: Parameters<LogWatcher["onSegment"]>): Promise<void> {
    await this.#watcher?.onSegment(...told);
  }

  async onBatch(found: FoundBatch): Promise<void> {
    const { prev, entries, isReset } = found.batch;
    if (isReset) this.entries.length = 0;
    while ((this.entries.at(-1)?.index ?? 0) > prev.index) this.entries.pop();
    for (const entry of entries) {
      // Copied: a view would keep all of what was read with it.
      if (entry.kind === "conf-change") {
        this.entries.push(newEntry(entry, entry.kind, entry.data.slice()));
      }
    }
    await this.#watcher?.onBatch(found);
  }
}

function membersOf(log: InspectedLog, changes: readonly Entry[]): LoggedMembers {
  const { commitIndex } = log.hardState;
  const changeCountAfter = changes.filter(({ index }) => index > commitIndex).length;
  const { confState, table } = membershipOf(log, changes);
  const members = table.members.map(({ id, address, priority }) => ({ id, address, priority }));
  return { confState, members, removed: table.removed, changeCountAfter };
}

const nobody: Membership = {
  confState: emptyConfState,
  table: { members: [], removed: [], leaving: [] },
};

function membershipOf(log: InspectedLog, changes: readonly Entry[]): Membership {
  const newest = log.snapshots.find(({ isNewest }) => isNewest)?.stored;
  try {
    const start =
      newest === undefined ? nobody : restoredMembership(newest.snapshot.confState, newest.members);
    const startIndex = newest?.snapshot.index ?? 0;
    return foldMembership(start, startIndex, changes, log.hardState.commitIndex);
  } catch (error) {
    // Where something is missing, changes need not follow on one another.
    if (error instanceof RaftError && log.damages.length > 0) return nobody;
    throw error;
  }
}
