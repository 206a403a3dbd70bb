import { completeOptions } from "./complete-options.ts";
import { confStateAfter } from "./conf-codec.ts";
import { type ConfState, confStateOf, emptyConfState } from "./conf-state.ts";
import { type Entry, type EntryId, origin } from "./entry.ts";
import { RaftError } from "./errors.ts";
import { isSafe, type NodeId, none, termMax } from "./ids.ts";
import { Log } from "./log.ts";
import type { RaftOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { SeededRandom } from "./random.ts";
import { resetElectionTimer } from "./roles.ts";
import { type Snapshot, snapshotFlaw } from "./snapshot.ts";
import { configure, type RaftState } from "./state.ts";
import { emptyStorage, type Storage } from "./storage.ts";

/**
 * The state of node `id` at its start: a follower of nobody, in its stored term, with its stored vote.
 * Throws `invalid_options` for ids, options or a storage that cannot be.
 */
export function newState(id: NodeId, peers: readonly NodeId[], options: RaftOptions): RaftState {
  for (const node of [id, ...peers]) {
    if (!isSafe(node) || node === none) {
      throw invalid(`a node id must be a safe integer of at least 1: got ${node}`);
    }
  }
  const storage = options.storage ?? emptyStorage;
  validateStorage(storage);
  const log = new Log(storage.base, storage.entries);
  const snapshotIndex = storage.snapshot?.index ?? 0;
  const appliedIndex = options.appliedIndex ?? snapshotIndex;
  if (!isSafe(appliedIndex) || appliedIndex < snapshotIndex || appliedIndex > log.lastIndex) {
    throw invalid(
      `appliedIndex must be from ${snapshotIndex}, where the snapshot ends, to ${log.lastIndex}, ` +
        `the end of the log: got ${appliedIndex}`,
    );
  }
  const complete = completeOptions(id, options);
  const random = new SeededRandom(complete.seed, id);
  const { hardState } = storage;
  const state: RaftState = {
    id,
    options: complete,
    confState: emptyConfState,
    confIndex: none,
    voters: { incoming: new Set(), outgoing: new Set() },
    peers: [],
    snapshot: storage.snapshot,
    restoring: undefined,
    applyingChanges: [],
    log,
    outbox: new Outbox(),
    random,
    term: hardState.term,
    vote: hardState.vote,
    role: { kind: "follower", leader: none, reads: new Map() },
    // What was applied was committed, even if the disk did not learn of it.
    commitIndex: Math.max(hardState.commitIndex, appliedIndex),
    applyingIndex: appliedIndex,
    appliedIndex,
    applyingBytes: 0,
    handedHardState: hardState,
    persistedHardState: hardState,
    stepDownReason: undefined,
    ticks: 0,
    leaderHeardAt: 0,
    electionElapsedTicks: 0,
    electionTimeoutTicks: complete.electionTimeoutTicks,
    heartbeatElapsedTicks: 0,
    // Far apart for every start, so that a late answer to an earlier run meets no read of this one.
    nextReadId: random.uint32() * 2 ** 20 + 1,
  };
  configureFromLog(state, [id, ...peers]);
  resetElectionTimer(state);
  return state;
}

/** The configuration as of what is applied: the snapshot's, and the changes after it. */
function configureFromLog(state: RaftState, startVoters: readonly NodeId[]): void {
  const { snapshot, log, appliedIndex } = state;
  configure(state, snapshot?.confState ?? confStateOf(startVoters), snapshot?.index ?? none);
  for (let index = state.confIndex + 1; index <= appliedIndex; index++) {
    const entry = log.entryAt(index);
    if (entry.kind === "conf-change") configure(state, follow(state.confState, entry), index);
  }
}

/** The configuration after `entry`. It cannot follow if the group began with other voters than is said. */
function follow(before: ConfState, entry: Entry): ConfState {
  try {
    return confStateAfter(before, entry.data);
  } catch (cause) {
    if (!(cause instanceof RaftError)) throw cause;
    const message = `the change at ${entry.index} cannot follow on the configuration: ${cause.message}`;
    throw new RaftError("invalid_options", message, { cause });
  }
}

/** Refuses a storage that no correct run can have left. */
function validateStorage({ hardState, snapshot, base, entries }: Storage): void {
  const { term, vote, commitIndex } = hardState;
  if (!isSafe(term) || !isSafe(vote) || !isSafe(commitIndex) || term > termMax) {
    throw invalid("the numbers of the hard state must be safe integers of at least 0");
  }
  if (base.index > (snapshot ?? origin).index) {
    throw invalid(`the log starts after entry ${base.index}, and what was before it is missing`);
  }
  if (!isSafe(base.index) || !isSafe(base.term) || (base.index === 0) !== (base.term === 0)) {
    throw invalid("the base of the log has a term and an index, both 0 or neither");
  }
  let last: EntryId = base;
  for (const entry of entries) {
    if (entry.index !== last.index + 1) {
      throw invalid(`the log has a hole after entry ${last.index}`);
    }
    if (!isSafe(entry.term) || entry.term < last.term || entry.term === none) {
      throw invalid(`the term of entry ${entry.index} is out of order: ${entry.term}`);
    }
    last = entry;
  }
  if (snapshot !== undefined) validateSnapshot(snapshot, base, entries, term);
  if (last.term > term) throw invalid(`the log is of term ${last.term}, the hard state of ${term}`);
  if (commitIndex > last.index) {
    throw invalid(`entry ${commitIndex} was committed, but the log ends at ${last.index}`);
  }
}

/** The log goes on from the snapshot's entry: it holds it, or begins right after it. */
function validateSnapshot(
  snapshot: Snapshot,
  base: EntryId,
  entries: readonly EntryId[],
  term: number,
): void {
  const flaw = snapshotFlaw(snapshot);
  if (flaw !== undefined) throw invalid(`the stored snapshot is impossible: ${flaw}`);
  if (snapshot.index > 0 && snapshot.confState.voters.length === 0) {
    throw invalid("the stored snapshot has no voters");
  }
  const own = snapshot.index === base.index ? base : entries[snapshot.index - base.index - 1];
  if (own === undefined || own.term !== snapshot.term) {
    throw invalid(`the log does not hold entry ${snapshot.index}, where the snapshot ends`);
  }
  if (snapshot.term > term) {
    throw invalid(`the snapshot is of term ${snapshot.term}, the hard state of ${term}`);
  }
}

function invalid(message: string): RaftError {
  return new RaftError("invalid_options", message);
}
