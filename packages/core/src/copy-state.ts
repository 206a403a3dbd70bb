import type { NodeId } from "./ids.ts";
import type { Progress } from "./progress.ts";
import type { Leader, Peer, RaftState, Role } from "./state.ts";

/**
 * An equal state that goes its own way from here. What never changes is shared: entries, messages,
 * options, voters. What changes in place is copied: a few short arrays and maps, and the log's list
 * of entries.
 */
export function copyState(state: RaftState): RaftState {
  return {
    ...state,
    log: state.log.copy(),
    outbox: state.outbox.copy(),
    random: state.random.copy(),
    role: copyRole(state.role),
  };
}

/** An equal role that goes its own way from here. */
export function copyRole(role: Role): Role {
  switch (role.kind) {
    case "follower":
      return { ...role, reads: new Map(role.reads) };
    case "pre-candidate":
    case "candidate":
      return { ...role, votes: new Map(role.votes) };
    case "leader":
      return copyLeader(role);
  }
}

function copyLeader(leader: Leader): Leader {
  const peers = new Map<NodeId, Peer>();
  for (const [id, peer] of leader.peers) {
    peers.set(id, { ...peer, progress: copyProgress(peer.progress) });
  }
  const readRounds = leader.readRounds.map((round) => {
    return { ...round, requests: round.requests.slice() };
  });
  const transfer = leader.transfer && { ...leader.transfer };
  const retirement = leader.retirement && {
    index: leader.retirement.index,
    toldRounds: new Map(leader.retirement.toldRounds),
  };
  return { ...leader, peers, readRounds, transfer, retirement };
}

function copyProgress(progress: Progress): Progress {
  if (progress.kind !== "replicate") return progress;
  return { ...progress, inflights: progress.inflights.copy() };
}
