import { completeOptions } from "./complete-options.ts";
import { type EntryId, origin } from "./entry.ts";
import { RaftError } from "./errors.ts";
import { isSafe, type NodeId, none, termMax } from "./ids.ts";
import { Log } from "./log.ts";
import type { RaftOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { allVoters } from "./quorum.ts";
import { SeededRandom } from "./random.ts";
import { resetElectionTimer } from "./roles.ts";
import type { RaftState } from "./state.ts";
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
  const appliedIndex = options.appliedIndex ?? 0;
  if (!isSafe(appliedIndex) || appliedIndex > log.lastIndex) {
    throw invalid(
      `appliedIndex must be at most ${log.lastIndex}, the end of the log: got ${appliedIndex}`,
    );
  }
  const complete = completeOptions(id, options);
  const voters = { incoming: new Set([id, ...peers]), outgoing: new Set<NodeId>() };
  const random = new SeededRandom(complete.seed, id);
  const { hardState } = storage;
  const state: RaftState = {
    id,
    options: complete,
    voters,
    peers: allVoters(voters).filter((peer) => peer !== id),
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
    ticks: 0,
    electionElapsedTicks: 0,
    electionTimeoutTicks: complete.electionTimeoutTicks,
    heartbeatElapsedTicks: 0,
    // Far apart for every start, so that a late answer to an earlier run meets no read of this one.
    nextReadId: random.uint32() * 2 ** 20 + 1,
  };
  resetElectionTimer(state);
  return state;
}

/** Refuses a storage that no correct run can have left. */
function validateStorage({ hardState, base, entries }: Storage): void {
  const { term, vote, commitIndex } = hardState;
  if (!isSafe(term) || !isSafe(vote) || !isSafe(commitIndex) || term > termMax) {
    throw invalid("the numbers of the hard state must be safe integers of at least 0");
  }
  if (base.index !== origin.index || base.term !== origin.term) {
    throw invalid(`the log starts after entry ${base.index}, and what was before it is missing`);
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
  if (last.term > term) throw invalid(`the log is of term ${last.term}, the hard state of ${term}`);
  if (commitIndex > last.index) {
    throw invalid(`entry ${commitIndex} was committed, but the log ends at ${last.index}`);
  }
}

function invalid(message: string): RaftError {
  return new RaftError("invalid_options", message);
}
