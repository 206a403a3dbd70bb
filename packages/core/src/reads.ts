import { assert } from "./assert.ts";
import { RaftError } from "./errors.ts";
import { type LogIndex, none, type ReadId } from "./ids.ts";
import type { HeartbeatResponse, ReadIndex, ReadIndexResponse } from "./message.ts";
import { committedIndex, voteResult } from "./quorum.ts";
import { type Leader, leaderOf, type Peer, type RaftState, type ReadRequest } from "./state.ts";

/**
 * Linearizable reads without writing (thesis §6.4). The leader notes its commit index, confirms by a
 * round of heartbeats that no other leader has been elected, and only then lets the read go on. All
 * reads that arrive before a round's heartbeats are handed out share the round. Rounds are numbered by
 * the leader, so that an acknowledgement can never confirm a read that began after it was given.
 */

/** Starts a read and says whether a new round of heartbeats must go out for it. Throws if refused. */
export function startRead(state: RaftState): { readId: ReadId; newRound: boolean } {
  const { role } = state;
  const request: ReadRequest = { from: state.id, readId: state.nextReadId };
  if (role.kind === "leader") {
    const refusal = refusalOf(state, role);
    if (refusal !== undefined) throw refusal;
    state.nextReadId += 1;
    return { readId: request.readId, newRound: admit(state, role, request) };
  }
  const leader = leaderOf(state);
  if (role.kind !== "follower" || leader === none) {
    throw new RaftError("not_leader", `node ${state.id} knows no leader in term ${state.term}`);
  }
  if (role.reads.size >= state.options.pendingReadCountMax) {
    throw new RaftError("busy", `${role.reads.size} reads wait for the leader`, { leader });
  }
  state.nextReadId += 1;
  const { readId } = request;
  role.reads.set(readId, state.ticks + state.options.electionTimeoutTicks);
  state.outbox.messages.push({ kind: "read-index", from: state.id, to: leader, term: 0, readId });
  return { readId, newRound: false };
}

/** A follower asks on behalf of its own reader. Says whether a new round must go out. */
export function onReadIndex(state: RaftState, message: ReadIndex): boolean {
  const { role } = state;
  if (role.kind === "leader" && refusalOf(state, role) === undefined) {
    return admit(state, role, message);
  }
  answer(state, message, none);
  return false;
}

function refusalOf(state: RaftState, leader: Leader): RaftError | undefined {
  // Until it commits in its own term, a leader may not know of everything that is committed (§8).
  if (state.log.termAt(state.commitIndex) !== state.term) {
    return new RaftError("leader_not_ready", `nothing is committed in term ${state.term} yet`);
  }
  if (leader.pendingReadCount >= state.options.pendingReadCountMax) {
    return new RaftError("busy", `${leader.pendingReadCount} reads wait for confirmation`);
  }
  return undefined;
}

/** Adds a read to the open round, or to a new one. A node that is alone confirms it at once. */
function admit(state: RaftState, leader: Leader, { from, readId }: ReadRequest): boolean {
  if (isQuorumAlone(state)) {
    answer(state, { from, readId }, state.commitIndex);
    return false;
  }
  leader.pendingReadCount += 1;
  const index = state.commitIndex;
  const newest = leader.readRounds.at(-1);
  if (newest !== undefined && newest.round > leader.offeredRound) {
    newest.index = index;
    newest.requests.push({ from, readId });
    return false;
  }
  leader.readRound += 1;
  leader.readRounds.push({ round: leader.readRound, index, requests: [{ from, readId }] });
  return true;
}

function isQuorumAlone(state: RaftState): boolean {
  return voteResult(state.voters, (id) => id === state.id) === "won";
}

/** A follower confirmed all rounds up to the one that it echoes; a majority of them releases reads. */
export function onRoundConfirmed(
  state: RaftState,
  leader: Leader,
  peer: Peer,
  message: HeartbeatResponse,
): void {
  if (message.readRound <= peer.confirmedRound) return;
  assert(message.readRound <= leader.offeredRound, "only a round that was sent is confirmed");
  peer.confirmedRound = message.readRound;
  releaseReads(state, leader);
}

/** Lets go on the reads of all rounds that a majority has confirmed. */
export function releaseReads(state: RaftState, leader: Leader): void {
  const confirmed = committedIndex(state.voters, (id) =>
    id === state.id ? leader.readRound : (leader.peers.get(id)?.confirmedRound ?? none),
  );
  let released = 0;
  for (const { round, index, requests } of leader.readRounds) {
    if (round > confirmed) break;
    for (const request of requests) answer(state, request, index);
    leader.pendingReadCount -= requests.length;
    released += 1;
  }
  leader.readRounds.splice(0, released);
}

function answer(state: RaftState, request: ReadRequest, index: LogIndex): void {
  const { from: to, readId } = request;
  if (to === state.id) {
    state.outbox.reads.push({ readId, index });
    return;
  }
  const kind = "read-index-response";
  state.outbox.messages.push({ kind, from: state.id, to, term: state.term, readId, index });
}

/** The leader answered a read that this node forwarded. One that was given up is not known any more. */
export function onReadIndexResponse(state: RaftState, message: ReadIndexResponse): void {
  const { readId, index } = message;
  if (state.role.kind !== "follower" || !state.role.reads.delete(readId)) return;
  state.outbox.reads.push({ readId, index });
}

/** One tick of the reads that a follower forwarded: those that got no answer in time fail. */
export function tickReads(state: RaftState): void {
  if (state.role.kind !== "follower") return;
  for (const [readId, deadline] of state.role.reads) {
    if (deadline > state.ticks) break;
    state.role.reads.delete(readId);
    state.outbox.reads.push({ readId, index: none });
  }
}
