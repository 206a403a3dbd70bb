import { assert } from "./assert.ts";
import { applyConfChange, type ConfChange, leaveJoint } from "./conf-change.ts";
import { confStateAfter, encodeConfChange } from "./conf-codec.ts";
import { isJoint } from "./conf-state.ts";
import { type Entry, newEntry } from "./entry.ts";
import { RaftError } from "./errors.ts";
import { type LogIndex, none } from "./ids.ts";
import { isVoter, voteResult } from "./quorum.ts";
import { becomeFollower } from "./roles.ts";
import { configure, type Leader, leaderOf, type Peer, type RaftState } from "./state.ts";

/**
 * Changes of the configuration (§6, thesis §4). A change takes effect when its entry is applied, one at a
 * time. So a log never holds two changes beyond its commit index: whoever has the second knows that the
 * first is committed, and does not campaign before it has applied it. Hence the configurations of any
 * two nodes that could win elections of one term are neighbours, or equal, and their majorities overlap.
 */

/**
 * How long the context of a change may be, in bytes: room for what is known of thousands of members, and
 * less than a message may carry.
 */
const contextBytesMax = 2 ** 20;

/**
 * Appends `change` to the leader's log and returns its index. Throws `not_leader`, `transferring`,
 * `leader_not_ready`, `change_pending`, `invalid_change` or `too_large`, and then nothing happened.
 */
export function proposeConfChange(state: RaftState, change: ConfChange): LogIndex {
  const { role } = state;
  if (role.kind !== "leader") {
    throw new RaftError("not_leader", `node ${state.id} does not lead term ${state.term}`, {
      leader: leaderOf(state),
    });
  }
  if (role.transfer !== undefined || role.retirement !== undefined) {
    const leader = role.transfer?.to ?? none;
    throw new RaftError("transferring", `node ${state.id} is handing over`, { leader });
  }
  if (!hasCommittedInTerm(state)) {
    throw new RaftError("leader_not_ready", `nothing is committed in term ${state.term} yet`);
  }
  if (role.pendingConfIndex > state.appliedIndex) {
    throw new RaftError(
      "change_pending",
      `entry ${role.pendingConfIndex} may change the configuration and is not applied yet`,
    );
  }
  const { length } = change.context;
  if (length > contextBytesMax) {
    throw new RaftError("too_large", `a context of ${length} bytes exceeds ${contextBytesMax}`);
  }
  return append(state, role, change);
}

/** Until it commits in its own term, a leader may not know the newest committed change (§8). */
function hasCommittedInTerm(state: RaftState): boolean {
  return state.log.termAt(state.commitIndex) === state.term;
}

function append(state: RaftState, leader: Leader, change: ConfChange): LogIndex {
  const result = applyConfChange(state.confState, change);
  const { log, term } = state;
  const data = encodeConfChange(change, result);
  const entry = newEntry({ term, index: log.lastIndex + 1 }, "conf-change", data);
  log.append(entry);
  leader.uncommittedBytes += log.bytesBetween(entry.index - 1, entry.index);
  leader.pendingConfIndex = entry.index;
  return entry.index;
}

/** Takes up the configuration of `entry`, which is applied now. */
export function applyChange(state: RaftState, entry: Entry): void {
  assert(entry.kind === "conf-change", "only a change changes the configuration");
  configure(state, confStateAfter(state.confState, entry.data), entry.index);
  const { role } = state;
  const votes = isVoter(state.voters, state.id);
  switch (role.kind) {
    case "leader": {
      if (votes) break;
      // It is still needed: the others must learn that this entry is committed, or they could be stuck.
      role.retirement = { index: entry.index, toldRounds: new Map() };
      break;
    }
    case "pre-candidate":
    case "candidate":
      if (!votes) becomeFollower(state, state.term, none);
      break;
    case "follower":
      break;
  }
  if (role.kind !== "leader" || role.transfer === undefined) return;
  if (!isVoter(state.voters, role.transfer.to)) role.transfer = undefined;
}

/**
 * Leaves a joint configuration that is to be left by its leader, whoever that is by now. Not before the
 * leader has committed in its term and has applied whatever change it inherited.
 */
export function leaveJointIfDue(state: RaftState): void {
  const { role, confState } = state;
  if (role.kind !== "leader" || !isJoint(confState) || !confState.autoLeave) return;
  if (role.pendingConfIndex > state.appliedIndex || !hasCommittedInTerm(state)) return;
  append(state, role, leaveJoint);
}

/** `peer` answered a heartbeat: a leader that was excluded goes once a majority knows that it was. */
export function retireIfTold(state: RaftState, leader: Leader): void {
  const { retirement, peers } = leader;
  if (retirement === undefined) return;
  const told = voteResult(state.voters, (id) => {
    const peer = peers.get(id);
    return peer !== undefined && knowsOfRetirement(retirement.toldRounds.get(id), peer)
      ? true
      : undefined;
  });
  if (told !== "won") return;
  const successor = [...peers].find(([id, { progress }]) => {
    return isVoter(state.voters, id) && progress.matchIndex === state.log.lastIndex;
  });
  const { id: from, term } = state;
  becomeFollower(state, term, none, "removed");
  // Whoever has the whole log need not wait for its timer (thesis §3.10).
  if (successor === undefined) return;
  state.outbox.messages.push({ kind: "timeout-now", from, to: successor[0], term });
}

function knowsOfRetirement(toldRound: number | undefined, peer: Peer): boolean {
  return toldRound !== undefined && peer.confirmedRound >= toldRound;
}
