import type { ConfState } from "./conf-state.ts";
import type { EntryId } from "./entry.ts";
import { type LogIndex, type NodeId, none, type Term, type Ticks } from "./ids.ts";
import { isPaused } from "./progress.ts";
import { allVoters, isVoter } from "./quorum.ts";
import { leaderOf, type Peer, type RaftState, type StepDownReason } from "./state.ts";

/** What a node does in the current term (Figure 4). */
export type RoleKind = "follower" | "pre-candidate" | "candidate" | "leader";

/** What a leader knows of one other member. */
export interface PeerStatus {
  readonly id: NodeId;
  /** Whether it votes; if not, it learns. */
  readonly isVoter: boolean;
  readonly kind: "probe" | "replicate" | "snapshot";
  readonly matchIndex: LogIndex;
  readonly nextIndex: LogIndex;
  /** Appends sent and not acknowledged: how many, and how many bytes of entries. */
  readonly inflightCount: number;
  readonly inflightBytes: number;
  /** Whether nothing more is sent before the peer answers. */
  readonly paused: boolean;
  /** Whether the peer was heard from since quorum was last checked. */
  readonly recentlyActive: boolean;
}

/**
 * A look at a node: a copy, which later changes do not touch.
 *
 * Invariant: appliedIndex ≤ persistedIndex ≤ last.index and appliedIndex ≤ commitIndex ≤ last.index.
 */
export interface Status {
  readonly id: NodeId;
  readonly role: RoleKind;
  readonly term: Term;
  /** The candidate that got this node's vote in `term`, or `none`. */
  readonly vote: NodeId;
  /** The leader of `term` as far as this node knows, or `none`. */
  readonly leader: NodeId;
  /** Everyone who votes, in either majority. */
  readonly voters: readonly NodeId[];
  /** The configuration as of `appliedIndex`, and the entry or snapshot that brought it, or `none`. */
  readonly confState: ConfState;
  readonly confIndex: LogIndex;
  /** Where the newest snapshot ends, or `none`. */
  readonly snapshotIndex: LogIndex;
  readonly firstIndex: LogIndex;
  /** The last entry of the log, durable or not. */
  readonly last: EntryId;
  /** Everything up to here is durable on this node. */
  readonly persistedIndex: LogIndex;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  /** Ticks since the election timer was last reset, and the value at which it fires. */
  readonly electionElapsedTicks: Ticks;
  readonly electionTimeoutTicks: Ticks;
  /** For how many more ticks this node grants no vote, because of lease reads (thesis §6.4.1). */
  readonly leasePromiseTicks: Ticks;
  /** Whether a change of the configuration is committed and not applied here: then it may not campaign. */
  readonly hasUnappliedChange: boolean;
  /** Bytes of entries that this leader has not committed; 0 if it does not lead. */
  readonly uncommittedBytes: number;
  /** Reads that wait for confirmation. */
  readonly pendingReadCount: number;
  /** To whom this leader hands leadership over, or `none`. */
  readonly transferTarget: NodeId;
  /** Whether this leader ever began to, in this term: then it cannot count on a lease. */
  readonly transferBegun: boolean;
  /** Why this node last stopped being leader; undefined if it never did. */
  readonly stepDownReason: StepDownReason | undefined;
  /** The other members, by id; empty unless this node leads. */
  readonly progress: readonly PeerStatus[];
}

/** A look at `state`. */
export function statusOf(state: RaftState): Status {
  const { log, role } = state;
  const isLeader = role.kind === "leader";
  return {
    id: state.id,
    role: role.kind,
    term: state.term,
    vote: state.vote,
    leader: leaderOf(state),
    voters: allVoters(state.voters),
    confState: state.confState,
    confIndex: state.confIndex,
    snapshotIndex: state.snapshot?.index ?? none,
    firstIndex: log.firstIndex,
    last: { term: log.last.term, index: log.last.index },
    persistedIndex: log.persistedIndex,
    commitIndex: state.commitIndex,
    appliedIndex: state.appliedIndex,
    electionElapsedTicks: state.electionElapsedTicks,
    electionTimeoutTicks: state.electionTimeoutTicks,
    leasePromiseTicks: leasePromiseTicksOf(state),
    hasUnappliedChange: log.hasKind("conf-change", state.appliedIndex, state.commitIndex),
    uncommittedBytes: isLeader ? role.uncommittedBytes : 0,
    pendingReadCount: pendingReadCountOf(state),
    transferTarget: isLeader ? (role.transfer?.to ?? none) : none,
    transferBegun: isLeader && role.transferBegun,
    stepDownReason: state.stepDownReason,
    progress: isLeader ? Array.from(role.peers, ([id, peer]) => peerStatusOf(state, id, peer)) : [],
  };
}

/** As `owesLease` has it. A leader keeps its own promise by leading. */
function leasePromiseTicksOf({ options, role, ticks, leaderHeardAt }: RaftState): Ticks {
  if (!options.leaseReads || role.kind === "leader") return 0;
  return Math.max(0, options.electionTimeoutTicks - (ticks - leaderHeardAt));
}

function pendingReadCountOf({ role }: RaftState): number {
  if (role.kind === "leader") return role.pendingReadCount;
  return role.kind === "follower" ? role.reads.size : 0;
}

function peerStatusOf(
  state: RaftState,
  id: NodeId,
  { progress, recentlyActive }: Peer,
): PeerStatus {
  const { kind, matchIndex, nextIndex } = progress;
  const inflights = kind === "replicate" ? progress.inflights : undefined;
  return {
    id,
    isVoter: isVoter(state.voters, id),
    kind,
    matchIndex,
    nextIndex,
    inflightCount: inflights?.count ?? 0,
    inflightBytes: inflights?.bytes ?? 0,
    paused: isPaused(progress),
    recentlyActive,
  };
}
