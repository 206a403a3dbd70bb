import { RaftError } from "./errors.ts";
import { type NodeId, none } from "./ids.ts";
import { isVoter } from "./quorum.ts";
import { type Leader, leaderOf, type RaftState } from "./state.ts";

/**
 * Handing leadership over (thesis §3.10): the leader takes no more commands, brings the next leader to
 * the end of its log, and asks it to campaign at once. If nobody takes over within an election timeout,
 * it goes on as if nothing had been.
 */

/**
 * Begins to hand leadership over to `to`, or to the most up-to-date voter for `none`, and returns to
 * whom. Throws `not_leader`, `transferring`, or `invalid_argument` for whoever cannot lead.
 */
export function beginTransfer(state: RaftState, to: NodeId): NodeId {
  const { role, id } = state;
  if (role.kind !== "leader") {
    throw new RaftError("not_leader", `node ${id} does not lead term ${state.term}`, {
      leader: leaderOf(state),
    });
  }
  if (role.transfer !== undefined) {
    const leader = role.transfer.to;
    throw new RaftError("transferring", `leadership is being handed over to node ${leader}`, {
      leader,
    });
  }
  const target = to === none ? bestSuccessor(state, role) : to;
  if (target === none) throw new RaftError("invalid_argument", "there is no other voter");
  if (target === id || !isVoter(state.voters, target) || !role.peers.has(target)) {
    throw new RaftError("invalid_argument", `node ${target} is not another voter`);
  }
  role.transfer = { to: target, elapsedTicks: 0 };
  role.transferBegun = true;
  requestCampaign(state, role);
  return target;
}

/**
 * The voter that is furthest, and of those one that was heard from of late; `none` if there is none. Not one
 * that is about to go: it would have to hand over again.
 */
function bestSuccessor(state: RaftState, leader: Leader): NodeId {
  let best: NodeId = none;
  let bestRank = -1;
  for (const [id, { progress, recentlyActive }] of leader.peers) {
    if (!state.voters.incoming.has(id)) continue;
    const rank = 2 * progress.matchIndex + (recentlyActive ? 1 : 0);
    if (rank <= bestRank) continue;
    best = id;
    bestRank = rank;
  }
  return best;
}

/** Asks the next leader to campaign, once it has the whole log. Harmless to repeat. */
export function requestCampaign(state: RaftState, leader: Leader): void {
  const to = leader.transfer?.to ?? none;
  const progress = leader.peers.get(to)?.progress;
  if (progress === undefined || progress.matchIndex < state.log.lastIndex) return;
  state.outbox.messages.push({ kind: "timeout-now", from: state.id, to, term: state.term });
}

/** One tick of a transfer: it is repeated in case a message was lost, and ends after a while. */
export function tickTransfer(state: RaftState): void {
  if (state.role.kind !== "leader" || state.role.transfer === undefined) return;
  const { transfer } = state.role;
  transfer.elapsedTicks += 1;
  if (transfer.elapsedTicks >= state.options.electionTimeoutTicks) endTransfer(state.role);
  else requestCampaign(state, state.role);
}

/** Takes commands again. */
export function endTransfer(leader: Leader): void {
  leader.transfer = undefined;
}
