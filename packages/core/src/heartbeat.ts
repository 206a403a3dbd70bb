import { none } from "./ids.ts";
import type { Leader, RaftState } from "./state.ts";

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
  const readRound = leader.readRounds.at(-1)?.round ?? none;
  state.heartbeatElapsedTicks = 0;
  for (const [to, peer] of leader.peers) {
    // No further than the follower is known to match: its tail may belong to another leader.
    const commitIndex = Math.min(state.commitIndex, peer.progress.matchIndex);
    state.outbox.messages.push({ kind: "heartbeat", from: id, to, term, commitIndex, readRound });
  }
}
