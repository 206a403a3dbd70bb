import { type EntryId, idOf, isUpToDate } from "./entry.ts";
import { RaftError } from "./errors.ts";
import { type NodeId, none, termMax } from "./ids.ts";
import type { PreVote, PreVoteResponse, RequestVote, RequestVoteResponse } from "./message.ts";
import { allVoters, isVoter, voteResult } from "./quorum.ts";
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
  resetElectionTimer,
  voteFor,
} from "./roles.ts";
import { leaderOf, type RaftState } from "./state.ts";
import type { RoleKind } from "./status.ts";

/** One tick of a node that does not lead: no word from a leader for long enough starts a campaign. */
export function tickElection(state: RaftState): void {
  state.electionElapsedTicks += 1;
  if (state.electionElapsedTicks < state.electionTimeoutTicks) return;
  // Who may not campaign gives its leader up all the same, or it would be loyal to one that is gone,
  // and others may need its vote: it may be a voter by a change that it has not heard of.
  if (!mayCampaign(state)) becomeFollower(state, state.term, none);
  campaign(state);
}

/** One tick of a leader's quorum check: without a majority it serves nobody (thesis §6.2). */
export function tickCheckQuorum(state: RaftState): void {
  if (state.role.kind !== "leader") return;
  state.electionElapsedTicks += 1;
  if (state.electionElapsedTicks < state.options.electionTimeoutTicks) return;
  state.electionElapsedTicks = 0;
  if (!state.options.checkQuorum) return;

  const { peers } = state.role;
  const heard = voteResult(state.voters, (id) => id === state.id || peers.get(id)?.recentlyActive);
  if (heard !== "won") {
    becomeFollower(state, state.term, none, "no-quorum");
    return;
  }
  for (const peer of peers.values()) peer.recentlyActive = false;
}

/** Tries to become leader: first asking, with pre-vote, and then for real. */
export function campaign(state: RaftState): void {
  if (!mayCampaign(state)) {
    resetElectionTimer(state);
    return;
  }
  if (!state.options.preVote) {
    campaignForReal(state, false);
    return;
  }
  becomePreCandidate(state);
  const last = idOf(state.log.last);
  for (const to of otherVoters(state)) {
    state.outbox.messages.push({
      kind: "pre-vote",
      from: state.id,
      to,
      term: state.term + 1,
      last,
    });
  }
  tallyPreVotes(state);
}

/**
 * Only voters campaign, and none that knows of a committed change of the configuration which it has not
 * applied: it would count votes by a configuration that may be two steps behind.
 */
function mayCampaign({ id, voters, term, log, appliedIndex, commitIndex }: RaftState): boolean {
  if (!isVoter(voters, id) || term >= termMax) return false;
  return !log.hasKind("conf-change", appliedIndex, commitIndex);
}

/** The leader asks this node to take over: it campaigns at once, whoever is loyal (thesis §3.10). */
export function onTimeoutNow(state: RaftState): void {
  if (mayCampaign(state)) campaignForReal(state, true);
}

function campaignForReal(state: RaftState, transfer: boolean): void {
  becomeCandidate(state);
  const last = idOf(state.log.last);
  for (const to of otherVoters(state)) {
    // The request vouches for this log and this term, so it waits for the disk: a candidate that
    // forgot either in a crash could win with answers that were given to a longer log.
    state.outbox.messagesAfterPersist.push({
      kind: "request-vote",
      from: state.id,
      to,
      term: state.term,
      last,
      ...(transfer ? { transfer } : {}),
    });
  }
}

/** Whose votes count beside this node's. */
function otherVoters({ id, voters }: RaftState): NodeId[] {
  return allVoters(voters).filter((voter) => voter !== id);
}

/**
 * Whether to drop a (pre-)vote request of a newer term unread: while a leader is heard from, nobody
 * else is wanted (thesis §4.2.3). Needs check-quorum, since otherwise a leader that lost its
 * majority, but not this node, could block every election.
 */
export function isLoyal(state: RaftState): boolean {
  return (
    state.options.checkQuorum &&
    leaderOf(state) !== none &&
    state.electionElapsedTicks < state.options.electionTimeoutTicks
  );
}

/**
 * Whether this node owes a leader that it grants no vote yet, for its reads (thesis §6.4.1): it may have
 * confirmed a lease, also before it was restarted, and in an older term than it is in now.
 */
export function owesLease({ options, ticks, leaderHeardAt }: RaftState): boolean {
  return options.leaseReads && ticks - leaderHeardAt < options.electionTimeoutTicks;
}

/**
 * Gives the leader up before the election timer does, and returns who it was, or `none`. Throws `is_leader`
 * or `lease_promised`.
 */
export function forgetLeader(state: RaftState): NodeId {
  const { id, role, term, options } = state;
  if (role.kind === "leader") {
    throw new RaftError("is_leader", `node ${id} leads term ${term}`, { leader: id });
  }
  const leader = leaderOf(state);
  if (leader === none) return none;
  if (options.leaseReads) {
    const reason = `node ${leader} may count on node ${id} for its lease reads`;
    throw new RaftError("lease_promised", reason, { leader });
  }
  becomeFollower(state, term, none);
  return leader;
}

/**
 * Answers whether this node would vote for the sender. Nothing changes by that; but of two who ask at the
 * same time one gives way, or they would split the votes: none has begun a term yet, so the first is as
 * good as the other.
 */
export function onPreVote(state: RaftState, message: PreVote): void {
  const free = message.term > state.term || mayVoteFor(state, message.from);
  const granted = free && isUpToDate(message.last, state.log.last);
  state.outbox.messages.push({
    kind: "pre-vote-response",
    from: state.id,
    to: message.from,
    term: granted ? message.term : state.term,
    granted,
    ...committedFor(state, message.last),
  });
  const givesWay = message.from < state.id || !isUpToDate(state.log.last, message.last);
  if (granted && state.role.kind === "pre-candidate" && givesWay) {
    becomeFollower(state, state.term, none);
  }
}

/** Votes, at most once in a term, and only for a log that is at least as up-to-date (§5.2, §5.4.1). */
export function onRequestVote(state: RaftState, message: RequestVote): void {
  const granted = mayVoteFor(state, message.from) && isUpToDate(message.last, state.log.last);
  const response: RequestVoteResponse = {
    kind: "request-vote-response",
    from: state.id,
    to: message.from,
    term: state.term,
    granted,
    ...committedFor(state, message.last),
  };
  if (!granted) {
    state.outbox.messages.push(response);
    return;
  }
  voteFor(state, message.from);
  state.outbox.messagesAfterPersist.push(response);
}

/**
 * What to tell one whose log ends with `last`, whether it gets the vote or not: the last entry known to be
 * committed, if the other may have it too. By that very entry this node may have been removed, and be in
 * the way with a tail that nobody will ever commit; or others were, without whose votes the candidate
 * cannot win as long as it does not know.
 */
function committedFor({ log, commitIndex }: RaftState, last: EntryId): { committed?: EntryId } {
  if (commitIndex === none || commitIndex > last.index) return {};
  const term = log.termAt(commitIndex);
  return term === undefined ? {} : { committed: { term, index: commitIndex } };
}

/** What is committed is committed, whoever says so; this node knows it by its term (§5.3). */
export function learnCommitted(state: RaftState, committed: EntryId | undefined): void {
  const { log, role } = state;
  if (committed === undefined || committed.index <= state.commitIndex) return;
  if (role.kind === "leader" || !log.holds(committed)) return;
  state.commitIndex = committed.index;
  const campaigns = role.kind === "pre-candidate" || role.kind === "candidate";
  if (campaigns && !mayCampaign(state)) becomeFollower(state, state.term, none);
}

/** Learns from a vote, unless it was the last that was needed: to learn may end a campaign. */
function learnUnlessWon(state: RaftState, asking: RoleKind, committed: EntryId | undefined): void {
  if (state.role.kind === asking) learnCommitted(state, committed);
}

function mayVoteFor(state: RaftState, candidate: number): boolean {
  return state.vote === candidate || (state.vote === none && leaderOf(state) === none);
}

/** Refuses a request of an older term, so that its sender learns of this one (§5.1). */
export function refuseStaleVote(state: RaftState, message: PreVote | RequestVote): void {
  const kind = message.kind === "pre-vote" ? "pre-vote-response" : "request-vote-response";
  const { id, term } = state;
  state.outbox.messages.push({ kind, from: id, to: message.from, term, granted: false });
}

/** Counts an answer to a pre-vote. A grant names the term that was asked about. */
export function onPreVoteResponse(state: RaftState, message: PreVoteResponse): void {
  if (!message.granted) learnCommitted(state, message.committed);
  if (state.role.kind !== "pre-candidate") return;
  if (message.granted && message.term !== state.term + 1) return;
  recordVote(state.role.votes, message);
  tallyPreVotes(state);
  learnUnlessWon(state, "pre-candidate", message.committed);
}

/** Counts a vote of the current term; only a voter's first answer counts. */
export function onRequestVoteResponse(state: RaftState, message: RequestVoteResponse): void {
  if (!message.granted) learnCommitted(state, message.committed);
  if (state.role.kind !== "candidate") return;
  recordVote(state.role.votes, message);
  tallyVotes(state);
  learnUnlessWon(state, "candidate", message.committed);
}

/** Counts the candidate's own vote, once the disk holds it. */
export function countOwnVote(state: RaftState): void {
  if (state.role.kind !== "candidate") return;
  const { term, vote } = state.persistedHardState;
  if (term !== state.term || vote !== state.id) return;
  state.role.votes.set(state.id, true);
  tallyVotes(state);
}

function recordVote(
  votes: Map<number, boolean>,
  answer: { readonly from: number; readonly granted: boolean },
): void {
  if (!votes.has(answer.from)) votes.set(answer.from, answer.granted);
}

function tallyPreVotes(state: RaftState): void {
  if (state.role.kind !== "pre-candidate") return;
  const { votes } = state.role;
  const result = voteResult(state.voters, (id) => votes.get(id));
  if (result === "won") campaignForReal(state, false);
  else if (result === "lost") becomeFollower(state, state.term, none);
}

function tallyVotes(state: RaftState): void {
  if (state.role.kind !== "candidate") return;
  const { votes } = state.role;
  const result = voteResult(state.voters, (id) => votes.get(id));
  if (result === "won") becomeLeader(state);
  else if (result === "lost") becomeFollower(state, state.term, none);
}
