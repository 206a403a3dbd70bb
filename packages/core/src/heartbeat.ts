import { type LogIndex, type NodeId, none } from "./ids.ts";
import type { Leader, Peer, RaftState } from "./state.ts";

/** One tick of a leader's heartbeats. */
export function tickHeartbeat(state: RaftState): void {
  if (state.role.kind !== "leader") return;
  state.heartbeatElapsedTicks += 1;
  const due = state.heartbeatElapsedTicks >= state.options.heartbeatTicks;
  if (due) sendHeartbeats(state, state.role);
}

/** Tells every follower that the leader lives, what is committed, and which reads to confirm. */
export function sendHeartbeats(state: RaftState, leader: Leader): void {
  const { id, term } = state;
  const readRound = nextRound(leader);
  state.heartbeatElapsedTicks = 0;
  for (const [to, peer] of leader.peers) {
    // No further than the follower is known to match: its tail may belong to another leader.
    const commitIndex = Math.min(state.commitIndex, peer.progress.matchIndex);
    state.outbox.messages.push({ kind: "heartbeat", from: id, to, term, commitIndex, readRound });
    noteTold(leader, to, commitIndex, readRound);
  }
}

/**
 * Tells those who hold the last change of the configuration that it is committed, at once, also those among
 * `watched` who are no members any more. Until they hear of it they go by the configuration before: they may
 * need somebody whom the change excludes, and whoever it excludes campaigns.
 */
export function announceChange(
  state: RaftState,
  leader: Leader,
  watched: ReadonlyMap<NodeId, Peer>,
): void {
  const { id, term } = state;
  const round = nextRound(leader);
  for (const [to, { progress }] of watched) {
    const commitIndex = Math.min(state.commitIndex, progress.matchIndex);
    if (commitIndex < state.confIndex) continue;
    const readRound = leader.peers.has(to) ? round : none;
    state.outbox.messages.push({ kind: "heartbeat", from: id, to, term, commitIndex, readRound });
    noteTold(leader, to, commitIndex, round);
  }
}

/** The newest round of reads; a leader on its way out begins one each time, to learn who was told. */
function nextRound(leader: Leader): number {
  if (leader.retirement === undefined) return leader.readRounds.at(-1)?.round ?? none;
  leader.readRound += 1;
  return leader.readRound;
}

/** Remembers the first round by which a follower was told that this leader is excluded. */
function noteTold(leader: Leader, to: NodeId, commitIndex: LogIndex, readRound: number): void {
  const { retirement } = leader;
  if (retirement === undefined || commitIndex < retirement.index) return;
  if (!retirement.toldRounds.has(to)) retirement.toldRounds.set(to, readRound);
}
