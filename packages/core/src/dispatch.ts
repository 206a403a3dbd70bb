import { unreachable } from "./assert.ts";
import {
  isLoyal,
  learnCommitted,
  onPreVote,
  onPreVoteResponse,
  onRequestVote,
  onRequestVoteResponse,
  onTimeoutNow,
  owesLease,
  refuseStaleVote,
} from "./election.ts";
import { sendHeartbeats } from "./heartbeat.ts";
import { type NodeId, none } from "./ids.ts";
import { requestCampaign } from "./leadership-transfer.ts";
import { retireIfTold } from "./membership.ts";
import type { Message } from "./message.ts";
import { onReadIndex, onReadIndexResponse, onRoundConfirmed } from "./reads.ts";
import {
  appendCommands,
  onAlive,
  onAppendEntries,
  onAppendEntriesRejection,
  onAppendEntriesResponse,
  onHeartbeat,
} from "./replication.ts";
import { becomeFollower, resetElectionTimer } from "./roles.ts";
import { onInstallSnapshot } from "./snapshot-transfer.ts";
import type { Leader, Peer, RaftState } from "./state.ts";

/** Handles one message that was found valid: first the term, whatever the message says (§5.1). */
export function dispatch(state: RaftState, message: Message): void {
  switch (message.kind) {
    case "propose":
      appendCommands(state, message.commands);
      return;
    case "read-index":
      if (onReadIndex(state, message) && state.role.kind === "leader") {
        sendHeartbeats(state, state.role);
      }
      return;
    default:
      break;
  }
  if (message.term >= state.term && isUnwanted(state, message)) return;
  if (message.term > state.term) {
    if (adoptsTerm(message)) becomeFollower(state, message.term, claimedLeader(message));
  } else if (message.term < state.term) {
    onStale(state, message);
    return;
  }
  dispatchInTerm(state, message);
}

/** What is said in a term; the others stand outside terms. */
type InTerm = Exclude<Message, { readonly kind: "propose" | "read-index" }>;

type VoteRequest = Extract<Message, { readonly kind: "pre-vote" | "request-vote" }>;

function isVoteRequest(message: InTerm): message is VoteRequest {
  return message.kind === "pre-vote" || message.kind === "request-vote";
}

/** Whether nobody else is wanted as leader, or may become it yet. */
function isUnwanted(state: RaftState, message: InTerm): boolean {
  if (!isVoteRequest(message) || isTransfer(message)) return false;
  return owesLease(state) || (message.term > state.term && isLoyal(state));
}

/** Whether the leader itself wants the election: then nobody owes it loyalty (thesis §3.10). */
function isTransfer(message: VoteRequest): boolean {
  return message.kind === "request-vote" && message.transfer === true;
}

/** Asking about a term, or granting what was asked, is not being in it (thesis §9.6). */
function adoptsTerm(message: InTerm): boolean {
  return !(
    message.kind === "pre-vote" ||
    (message.kind === "pre-vote-response" && message.granted)
  );
}

/** The leader of the message's term, if the message comes from it. */
function claimedLeader(message: InTerm): NodeId {
  switch (message.kind) {
    case "append-entries":
    case "install-snapshot":
    case "heartbeat":
    case "timeout-now":
      return message.from;
    default:
      return none;
  }
}

/** Whoever lives in an older term is told of this one, if it asked for anything (§5.1), or learned from. */
function onStale(state: RaftState, message: InTerm): void {
  switch (message.kind) {
    case "pre-vote":
    case "request-vote":
      refuseStaleVote(state, message);
      break;
    case "append-entries":
    case "install-snapshot":
    case "heartbeat": {
      const { id, term } = state;
      const to = message.from;
      state.outbox.messages.push({
        kind: "heartbeat-response",
        from: id,
        to,
        term,
        readRound: none,
      });
      break;
    }
    case "pre-vote-response":
    case "request-vote-response":
      // The vote counts no more. But what is committed stays so, and the other may be in no hurry to hear
      // of this term: a node that was removed, say, never campaigns.
      learnCommitted(state, message.committed);
      break;
    default:
      break;
  }
}

/** Handles a message of the current term, or a pre-vote, which asks about a later one. */
function dispatchInTerm(state: RaftState, message: InTerm): void {
  switch (message.kind) {
    case "pre-vote":
      onPreVote(state, message);
      break;
    case "pre-vote-response":
      onPreVoteResponse(state, message);
      break;
    case "request-vote":
      onRequestVote(state, message);
      break;
    case "request-vote-response":
      onRequestVoteResponse(state, message);
      break;
    case "append-entries":
      hearLeader(state, message.from);
      onAppendEntries(state, message);
      break;
    case "heartbeat":
      hearLeader(state, message.from);
      onHeartbeat(state, message);
      break;
    case "install-snapshot":
      hearLeader(state, message.from);
      onInstallSnapshot(state, message);
      break;
    case "timeout-now":
      hearLeader(state, message.from);
      onTimeoutNow(state);
      break;
    case "append-entries-response":
      withPeer(state, message, (leader, peer) => {
        onAppendEntriesResponse(state, leader, peer, message);
        if (leader.transfer?.to === message.from) requestCampaign(state, leader);
      });
      break;
    case "append-entries-rejection":
      withPeer(state, message, (_, peer) => onAppendEntriesRejection(state, peer, message));
      break;
    case "heartbeat-response":
      withPeer(state, message, (leader, peer) => {
        onAlive(state, peer);
        onRoundConfirmed(state, leader, peer, message);
        retireIfTold(state, leader);
      });
      break;
    case "read-index-response":
      onReadIndexResponse(state, message);
      break;
    default:
      unreachable(message);
  }
}

/** There is a leader in this term: follow it, and wait anew (§5.2). */
function hearLeader(state: RaftState, leader: NodeId): void {
  const follows = state.role.kind === "follower" && state.role.leader === leader;
  if (!follows) becomeFollower(state, state.term, leader);
  state.leaderHeardAt = state.ticks;
  resetElectionTimer(state);
}

/** Lets a leader handle an answer; anyone else has no use for it. */
function withPeer(
  state: RaftState,
  message: Message,
  handle: (leader: Leader, peer: Peer) => void,
): void {
  if (state.role.kind !== "leader") return;
  const peer = state.role.peers.get(message.from);
  if (peer === undefined) return;
  peer.recentlyActive = true;
  handle(state.role, peer);
}
