import { randomBytes } from "node:crypto";
import { resolve, sep } from "node:path";
import {
  type ConfState,
  type EntryId,
  isUpToDate,
  type LogIndex,
  type NodeId,
  none,
  RaftError,
  voteResult,
  votersOf,
} from "@quorate/core";
import type { StoredSnapshot } from "@quorate/wal";
import { type InspectedDataDir, inspectDataDir } from "./inspect-data-dir.ts";
import { checkClusterId, newClusterId } from "./lineage.ts";
import { parsePeerAddress } from "./tcp-options.ts";

/** What is left of a group, and what is to become of it. */
export interface RecoverOptions {
  /** The data directories of all nodes that are left and at hand. None of them is ever changed. */
  readonly dataDirs: readonly string[];
  /** The directory to make. It must be missing or empty, and outside of the others. */
  readonly into: string;
  /**
   * Further nodes that are left, whose directories are elsewhere: what a look at each said of it.
   *
   * @default none
   */
  readonly others?: readonly SurvivorElsewhere[] | undefined;
  /**
   * Which of `dataDirs` the group goes on from.
   *
   * @default the one whose log reaches furthest
   */
  readonly from?: string | undefined;
  /**
   * Whose the new directory will be. A new group gives ids afresh.
   *
   * @default the id of the node whose directory `from` is
   */
  readonly id?: NodeId | undefined;
  /**
   * Where the others will reach it. It may have another address whenever it is started.
   *
   * @default as the old group knew it
   */
  readonly address?: string | undefined;
  /**
   * Names the new group. Not as any group was named that it comes from, whose nodes would answer to that.
   *
   * @default the old name, with a suffix that counts recoveries and is drawn
   */
  readonly clusterId?: string | undefined;
  /**
   * The last entry to keep: of a log that is damaged, at most the last one before the damage.
   *
   * @default the last one there is; a damaged log is refused
   */
  readonly upToIndex?: LogIndex | undefined;
  /**
   * Whether to go on although entries are given up that can be had: those of a log that reaches further,
   * or those after `upToIndex` that are known to be committed.
   *
   * @default false
   */
  readonly force?: boolean | undefined;
  /** Why the majority was lost, for those who look at the new directory one day. */
  readonly reason?: string | undefined;
}

/** A node that is left, whose directory is on another machine. */
export interface SurvivorElsewhere {
  readonly id: NodeId;
  /** Where its log ends, as `Survivor.last` of it says. */
  readonly last: EntryId;
}

/** A node that is left, by its data directory. */
export interface Survivor extends InspectedDataDir {
  readonly clusterId: string;
  readonly id: NodeId;
  /** Where its log ends: of a damaged one, before the damage. */
  readonly last: EntryId;
  /** Up to where it knows entries to be committed. */
  readonly commitIndex: LogIndex;
}

/** What `recoverReplica` does, and what it means. A plain value; nothing was done yet. */
export interface RecoveryPlan {
  readonly survivors: readonly Survivor[];
  /** The one whose log the group goes on with. */
  readonly from: Survivor;
  /** The group that ended, and the one that goes on. */
  readonly oldClusterId: string;
  readonly clusterId: string;
  /** The only voter of the new group, and its address; empty if that is not known. */
  readonly id: NodeId;
  readonly address: string;
  /** The last entry that is kept. */
  readonly lastIndex: LogIndex;
  /**
   * Up to where what is kept was committed for sure. What is kept after it is kept though it may never
   * have been acknowledged. Invariant: `certainIndex <= lastIndex` and `certainIndex <= commitIndex`.
   */
  readonly certainIndex: LogIndex;
  /** Up to where some survivor knows entries to be committed: by force, more than is kept. */
  readonly commitIndex: LogIndex;
  /**
   * Whether entries may be lost that were acknowledged: the voters that are not here were a majority, so
   * they may have gone on by themselves, or the log is damaged, or entries are given up. How many of
   * those that no survivor holds, nobody can tell.
   */
  readonly mayBeLost: boolean;
  /** Who voted, as far as the survivors know. */
  readonly confState: ConfState;
  /** Of these, who is not here, or not with a whole log. */
  readonly lostVoters: readonly NodeId[];
  /** What the new group's log begins after; undefined if it begins at its start. */
  readonly snapshot: StoredSnapshot | undefined;
}

/**
 * Says what `recoverReplica` would do. Reads all of the directories, and changes nothing.
 *
 * Rejects with `locked` if a node is running on one of them; with `corrupt` if the log to go on with is
 * damaged, and `upToIndex` does not say how much of it to keep; with `diverged` if its snapshot is of a
 * state that was not the group's; with `invalid_options` if the survivors are
 * a majority, which needs no recovery, if another log reaches further, or for what cannot be; or with
 * `storage_failed`.
 */
export async function planRecovery(options: RecoverOptions): Promise<RecoveryPlan> {
  const { dataDirs, others = [], force = false } = options;
  if (dataDirs.length === 0) throw refusal("dataDirs must name a directory");
  checkOutside(options);
  const survivors: Survivor[] = [];
  for (const path of dataDirs) survivors.push(await survey(path));
  const [best] = checkSurvivors(survivors, others);

  const from = options.from === undefined ? best : named(survivors, options.from);
  if (!force) checkFurthest(from, survivors, others);
  const { confState } = mostRecent(survivors);
  const lostVoters = lostOf(confState, survivors, others);
  checkLost(confState, lostVoters);
  const lastIndex = lastKept(from, options.upToIndex);
  const commitIndex = Math.max(...survivors.map((survivor) => survivor.commitIndex));
  // Of two logs that differ, only what both know to be committed is the same for sure.
  const sameIndex =
    furtherThan(from, survivors, others) === undefined ? commitIndex : from.commitIndex;
  const certainIndex = Math.min(sameIndex, lastIndex);
  if (certainIndex < commitIndex && !force) {
    throw refusal(
      `entries up to ${commitIndex} are known to be committed, and those after ${certainIndex} would be ` +
        `given up: that takes force`,
    );
  }
  const isWhole = lastIndex === best.last.index && from.log.damages.length === 0;
  return {
    survivors,
    from,
    oldClusterId: from.clusterId,
    ...newIdentity(from, options),
    lastIndex,
    certainIndex,
    commitIndex,
    mayBeLost:
      !isWhole || certainIndex < commitIndex || couldCommitAlone(confState, lostVoters, survivors),
    confState,
    lostVoters,
    snapshot: snapshotOf(from),
  };
}

/** Looks at one directory. */
async function survey(path: string): Promise<Survivor> {
  const found = await inspectDataDir(path, { readsContent: true });
  const { holder, log } = found;
  if (holder !== undefined) {
    const who = holder.pid === undefined ? "a process" : `process ${holder.pid}`;
    throw new RaftError("locked", `${path} is in use by ${who}: stop it first`);
  }
  const [damage] = log.damages;
  if (log.identity === undefined) {
    throw damage ?? refusal(`there is no log in ${path}`);
  }
  const { clusterId, nodeId } = log.identity;
  const { last, hardState } = log;
  return { ...found, clusterId, id: nodeId, last, commitIndex: hardState.commitIndex };
}

function newestOf(log: InspectedDataDir["log"]): StoredSnapshot | undefined {
  return log.snapshots.find(({ isNewest }) => isNewest)?.stored;
}

/** The snapshot that the new log begins after; one at index 0 has no state, and only says who began. */
function snapshotOf({ log }: Survivor): StoredSnapshot | undefined {
  const newest = newestOf(log);
  return newest === undefined || newest.snapshot.index === 0 ? undefined : newest;
}

/** The survivors, furthest first. Throws `invalid_options` unless they are different nodes of one group. */
function checkSurvivors(
  survivors: readonly Survivor[],
  others: readonly SurvivorElsewhere[],
): [Survivor, ...Survivor[]] {
  const [first, ...rest] = [...survivors].sort((a, b) => ahead(b.last, a.last));
  if (first === undefined || first.last.index === none) {
    throw refusal("there is no entry in any of the logs: nothing is left to go on with");
  }
  const stranger = rest.find(({ clusterId }) => clusterId !== first.clusterId);
  if (stranger !== undefined) {
    throw refusal(
      `${first.path} is of ${first.clusterId}, and ${stranger.path} is of ${stranger.clusterId}`,
    );
  }
  const ids = [...survivors, ...others].map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) < at);
  if (twice !== undefined) throw refusal(`node ${twice} is given twice`);
  return [first, ...rest];
}

function ahead(a: EntryId, b: EntryId): number {
  return a.term - b.term || a.index - b.index;
}

function named(survivors: readonly Survivor[], path: string): Survivor {
  const found = survivors.find((survivor) => resolve(survivor.path) === resolve(path));
  if (found === undefined) throw refusal(`from must be one of dataDirs: got ${path}`);
  return found;
}

/**
 * Refuses to go on from a log if another one is more up-to-date. That one holds all that anybody here
 * knows to be committed (§5.4.1): whoever got an entry of the later term got it from a leader of that
 * term, which held all that was committed before (Leader Completeness), and all up to it with it.
 */
function checkFurthest(
  from: Survivor,
  survivors: readonly Survivor[],
  others: readonly SurvivorElsewhere[],
): void {
  const further = furtherThan(from, survivors, others);
  if (further === undefined) return;
  throw refusal(
    `node ${further.id} has entries up to ${describe(further.last)}, and node ${from.id} only up to ` +
      `${describe(from.last)}: go on from that one, or by force`,
  );
}

function furtherThan(
  from: Survivor,
  survivors: readonly Survivor[],
  others: readonly SurvivorElsewhere[],
): SurvivorElsewhere | undefined {
  return [...survivors, ...others].find(({ last }) => !isUpToDate(from.last, last));
}

/** The one that knows most to be committed: nobody here knows a later configuration to be in force. */
function mostRecent(survivors: readonly Survivor[]): Survivor {
  return survivors.reduce((best, next) => (next.commitIndex > best.commitIndex ? next : best));
}

/** Refuses to recover what can elect a leader by itself. Who voted may not be known, of a damaged log. */
function checkLost(confState: ConfState, lost: readonly NodeId[]): void {
  if (confState.voters.length === 0) return;
  const present = (id: NodeId): boolean => !lost.includes(id);
  if (voteResult(votersOf(confState), present) !== "won") return;
  throw refusal(
    `a majority of voters ${confState.voters.join(", ")} is here, so nothing is lost: start them`,
  );
}

/** The voters that are not here. One whose log is damaged cannot be started, and counts as lost. */
function lostOf(
  { voters, votersOutgoing }: ConfState,
  survivors: readonly Survivor[],
  others: readonly SurvivorElsewhere[],
): NodeId[] {
  const whole = survivors.filter(({ log }) => log.damages.length === 0);
  const present = new Set([...whole, ...others].map(({ id }) => id));
  const all = new Set([...voters, ...votersOutgoing]);
  return [...all].filter((id) => !present.has(id)).sort((a, b) => a - b);
}

/**
 * Whether those who are lost may have committed entries that none of the survivors holds: they were a
 * majority, or may have become one by a change that is not known to be committed.
 */
function couldCommitAlone(
  confState: ConfState,
  lost: readonly NodeId[],
  survivors: readonly Survivor[],
): boolean {
  const isChanging = survivors.some(({ changeCountAfter }) => changeCountAfter > 0);
  return isChanging || voteResult(votersOf(confState), (id) => lost.includes(id)) === "won";
}

/** The last entry that is kept of `from`. */
function lastKept(from: Survivor, upToIndex: LogIndex | undefined): LogIndex {
  const { last, log } = from;
  const [damage] = log.damages;
  const isStateless = snapshotOf(from) === undefined && log.base.index > 0;
  if (damage !== undefined && (isStateless || last.index === none)) throw damage;
  // The log of a node that differed from its group is sound; what it made of it is not.
  const isWrong = log.damages.some(({ code }) => code === "diverged");
  if (damage !== undefined && isWrong && snapshotOf(from) !== undefined) throw damage;
  if (upToIndex === undefined) {
    if (damage === undefined) return last.index;
    const detail = damage.message.slice(`${damage.code}: `.length);
    throw new RaftError(
      damage.code,
      `${from.path}: ${detail}; or go on with what stands before the damage, up to index ${last.index}`,
      { cause: damage },
    );
  }
  const first = snapshotOf(from)?.snapshot.index ?? 1;
  if (Number.isSafeInteger(upToIndex) && upToIndex >= first && upToIndex <= last.index) {
    return upToIndex;
  }
  const range = `from ${first} to ${last.index}`;
  throw refusal(`the last index to keep must be ${range}, which can be had: got ${upToIndex}`);
}

function newIdentity(
  from: Survivor,
  { id = from.id, clusterId, address }: RecoverOptions,
): Pick<RecoveryPlan, "clusterId" | "id" | "address"> {
  if (!Number.isSafeInteger(id) || id < 1) {
    throw refusal(`id must be an integer of at least 1: got ${id}`);
  }
  const known = from.members.find((member) => member.id === from.id)?.address ?? "";
  const name = clusterId ?? newClusterId(from.clusterId, randomBytes(4));
  checkClusterId(name, from.clusterId, from.lineage);
  if (address !== undefined) parsePeerAddress(address);
  return { clusterId: name, id, address: address ?? known };
}

/** Refuses to write into what must stay as it is. */
function checkOutside({ into, dataDirs }: RecoverOptions): void {
  const target = resolve(into);
  const inside = dataDirs.find((path) => `${target}${sep}`.startsWith(`${resolve(path)}${sep}`));
  if (inside === undefined) return;
  throw refusal(`into must lie outside of ${inside}, which stays as it is`);
}

function describe({ term, index }: EntryId): string {
  return `index ${index} of term ${term}`;
}

function refusal(message: string): RaftError {
  return new RaftError("invalid_options", message);
}
