import { assert } from "./assert.ts";
import { newEntry } from "./entry.ts";
import { type NodeId, none, type Term, termMax } from "./ids.ts";
import { newPeer, type Peer, type RaftState, type Role, type StepDownReason } from "./state.ts";

/** The only writers of `term`, `vote` and `role`. */

/**
 * Follows `leader`, or nobody yet, in `term`, which may be newer than the current one. `reason` is for
 * the status of a node that led.
 */
export function becomeFollower(
  state: RaftState,
  term: Term,
  leader: NodeId,
  reason: StepDownReason = "newer-term",
): void {
  assert(term >= state.term, "the term never decreases (§5.1)");
  if (term > state.term) {
    state.term = term;
    state.vote = none;
  }
  // A node that merely learns of a newer term keeps its timer running: only a live leader or a vote
  // that was granted resets it, so that a hopeless candidate cannot keep the others from campaigning.
  if (state.role.kind === "leader") {
    state.stepDownReason = reason;
    resetElectionTimer(state);
  }
  changeRole(state, { kind: "follower", leader, reads: new Map() });
}

/** Asks around whether a campaign would win (thesis §9.6). */
export function becomePreCandidate(state: RaftState): void {
  assert(state.role.kind !== "leader", "a leader does not campaign");
  resetElectionTimer(state);
  changeRole(state, { kind: "pre-candidate", votes: new Map([[state.id, true]]) });
}

/** Campaigns in a new term, with its own vote, which counts once it is durable (§5.2). */
export function becomeCandidate(state: RaftState): void {
  assert(state.role.kind !== "leader", "a leader does not campaign");
  assert(state.term < termMax, "there is a term after this one");
  state.term += 1;
  state.vote = state.id;
  resetElectionTimer(state);
  changeRole(state, { kind: "candidate", votes: new Map() });
}

/** Leads the current term, and appends the empty entry that will tell what is committed (§8). */
export function becomeLeader(state: RaftState): void {
  assert(state.role.kind === "candidate", "only a candidate wins an election");
  const { log } = state;
  const peers = new Map<NodeId, Peer>();
  for (const id of state.peers) peers.set(id, newPeer(log.lastIndex + 1, false));
  // Any of the entries that it inherits may change the configuration.
  const pendingConfIndex = log.lastIndex;
  log.append(newEntry({ term: state.term, index: log.lastIndex + 1 }, "no-op"));
  state.electionElapsedTicks = 0;
  state.heartbeatElapsedTicks = 0;
  changeRole(state, {
    kind: "leader",
    peers,
    uncommittedBytes: log.bytesBetween(state.commitIndex, log.lastIndex),
    readRounds: [],
    readRound: 0,
    offeredRound: 0,
    pendingReadCount: 0,
    pendingConfIndex,
    transfer: undefined,
    transferBegun: false,
    retirement: undefined,
  });
}

/** Gives this node's vote of the current term to `candidate`, and the candidate time to win (§5.2). */
export function voteFor(state: RaftState, candidate: NodeId): void {
  assert(state.vote === none || state.vote === candidate, "one vote in a term (§5.2)");
  state.vote = candidate;
  resetElectionTimer(state);
}

/** Starts the wait for a leader again, with a new timeout from [T, 2T), and this node's delay (§5.2). */
export function resetElectionTimer(state: RaftState): void {
  const { electionTimeoutTicks: least, campaignDelayTicks } = state.options;
  state.electionElapsedTicks = 0;
  state.electionTimeoutTicks = least + state.random.below(least) + campaignDelayTicks;
}

/** Changing the role is forgetting what only the old one needed; its own reads fail, none is lost. */
function changeRole(state: RaftState, role: Role): void {
  const old = state.role;
  state.role = role;
  switch (old.kind) {
    case "follower":
      for (const readId of old.reads.keys()) state.outbox.reads.push({ readId, index: none });
      break;
    case "leader":
      for (const { requests } of old.readRounds) {
        for (const { from, readId } of requests) {
          if (from === state.id) state.outbox.reads.push({ readId, index: none });
        }
      }
      break;
    case "pre-candidate":
    case "candidate":
      break;
  }
}
