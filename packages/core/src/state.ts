import type { CompleteOptions } from "./complete-options.ts";
import { type ConfState, membersOf, votersOf } from "./conf-state.ts";
import type { Entry } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import { type LogIndex, type NodeId, none, type ReadId, type Term, type Ticks } from "./ids.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import { newProgress, type Progress } from "./progress.ts";
import type { Voters } from "./quorum.ts";
import type { SeededRandom } from "./random.ts";
import type { Snapshot } from "./snapshot.ts";

/** What this node does in the current term, with only the state that role needs (Figure 4). */
export type Role = Follower | PreCandidate | Candidate | Leader;

/** Follows the leader of its term, or waits to hear of one. */
export interface Follower {
  readonly kind: "follower";
  /** The leader of the term, or `none` if it is not known. */
  readonly leader: NodeId;
  /** Reads forwarded to the leader, and the tick at which each is given up. Oldest first. */
  readonly reads: Map<ReadId, Ticks>;
}

/** Asks whether it could win (thesis §9.6). Its term and vote are untouched. */
export interface PreCandidate {
  readonly kind: "pre-candidate";
  /** The first answer of each voter. */
  readonly votes: Map<NodeId, boolean>;
}

/** Campaigns in its term. Its own vote is among `votes` only once it is durable. */
export interface Candidate {
  readonly kind: "candidate";
  readonly votes: Map<NodeId, boolean>;
}

/** Replicates its log to the other members, and answers reads. */
export interface Leader {
  readonly kind: "leader";
  /** The other members, learners too. This node's own progress is its log's `persistedIndex`. */
  readonly peers: Map<NodeId, Peer>;
  /** Bytes of the entries after the commit index. */
  uncommittedBytes: number;
  /** Reads that wait for a majority to confirm that no other leader was elected. Oldest first. */
  readonly readRounds: ReadRound[];
  /** The newest round; the first of a term is 1. */
  readRound: number;
  /** The newest round whose heartbeats a Ready offered: reads may join a newer one, and none confirms it. */
  offeredRound: number;
  /** The reads in all rounds. */
  pendingReadCount: number;
  /**
   * No change of the configuration is proposed before everything up to here is applied: where the last
   * one stands, or might.
   */
  pendingConfIndex: LogIndex;
  /** A leadership transfer under way (thesis §3.10). */
  transfer: Transfer | undefined;
  /** Whether a transfer was ever begun in this term: a request to campaign may still be on its way. */
  transferBegun: boolean;
  /** Set once the configuration excludes this leader: it stays until the others know. */
  retirement: Retirement | undefined;
}

/** Leadership is being handed over. */
export interface Transfer {
  readonly to: NodeId;
  elapsedTicks: Ticks;
}

/** A leader that is no voter any more, on its way out (§6). */
export interface Retirement {
  /** The entry that excluded it. */
  readonly index: LogIndex;
  /** The first heartbeat round by which each peer was told that it is committed. */
  readonly toldRounds: Map<NodeId, number>;
}

/** Why a node stopped being leader. */
export type StepDownReason =
  /** Another node is in a newer term. */
  | "newer-term"
  /** It had not heard from a majority for an election timeout (thesis §6.2). */
  | "no-quorum"
  /** The configuration excluded it, and the others know. */
  | "removed"
  /** Its driver said so. */
  | "asked";

/** One follower, as its leader sees it. */
export interface Peer {
  progress: Progress;
  /** Whether it was heard from since quorum was last checked (thesis §6.2). */
  recentlyActive: boolean;
  /** The newest round of reads that it confirmed. */
  confirmedRound: number;
}

/** Reads that share one confirmation (thesis §6.4). */
export interface ReadRound {
  readonly round: number;
  /** The commit index when the last of them joined. */
  index: LogIndex;
  readonly requests: ReadRequest[];
}

/** Who asked for a read, and what that node calls it. */
export interface ReadRequest {
  readonly from: NodeId;
  readonly readId: ReadId;
}

/**
 * The whole state of a node. Only `step`, `tick`, `propose` and the notices of `RaftNode` lead to a
 * change; only `roles.ts` writes `term`, `vote` and `role`.
 *
 *     appliedIndex ≤ applyingIndex ≤ min(commitIndex, log.persistedIndex), or where the node started
 *     commitIndex ≤ log.lastIndex
 */
export interface RaftState {
  readonly id: NodeId;
  readonly options: CompleteOptions;
  /** The configuration as of `appliedIndex`; only `configure` writes it. */
  confState: ConfState;
  /** The entry that brought it, or the snapshot; `none` if the group began with it. */
  confIndex: LogIndex;
  /** The majorities of `confState`. */
  voters: Voters;
  /** The members but for this node, by id. */
  peers: readonly NodeId[];
  /** The newest durable snapshot: what a follower gets that is behind the log. */
  snapshot: Snapshot | undefined;
  /** A snapshot to install that no accepted Ready has handed out yet. */
  restoring: Snapshot | undefined;
  /** The changes of the configuration among the entries handed out for applying. Oldest first. */
  applyingChanges: readonly Entry[];
  readonly log: Log;
  readonly outbox: Outbox;
  readonly random: SeededRandom;

  term: Term;
  vote: NodeId;
  role: Role;

  commitIndex: LogIndex;
  /** The last entry handed out for applying. */
  applyingIndex: LogIndex;
  /** The last entry that the state machine has. */
  appliedIndex: LogIndex;
  /** The bytes of the entries between the two. */
  applyingBytes: number;

  /** The hard state of the last accepted Ready, and that of the last durable one. */
  handedHardState: HardState;
  persistedHardState: HardState;

  /** Why this node last stopped being leader; undefined if it never did. */
  stepDownReason: StepDownReason | undefined;

  /** Ticks since this node started. */
  ticks: Ticks;
  /** When a leader was last heard from, in those; the start counts as one, since the node forgot. */
  leaderHeardAt: Ticks;
  /** Ticks since the timer was reset; for a leader, since it last checked its quorum. */
  electionElapsedTicks: Ticks;
  /** When the timer fires, for all but a leader. Drawn anew for each wait. */
  electionTimeoutTicks: Ticks;
  /** Ticks since the last heartbeats of a leader. */
  heartbeatElapsedTicks: Ticks;

  /** What the next read of this node is called. */
  nextReadId: ReadId;
}

/** The leader of the current term as far as the node knows, or `none`. */
export function leaderOf(state: RaftState): NodeId {
  switch (state.role.kind) {
    case "leader":
      return state.id;
    case "follower":
      return state.role.leader;
    default:
      return none;
  }
}

/** A follower as a leader begins to see it. One that joins counts as heard from: it had no chance yet. */
export function newPeer(nextIndex: LogIndex, recentlyActive: boolean): Peer {
  return { progress: newProgress(nextIndex), recentlyActive, confirmedRound: 0 };
}

/** Makes `confState`, which entry or snapshot `index` brought, the configuration from now on. */
export function configure(state: RaftState, confState: ConfState, index: LogIndex): void {
  state.confState = confState;
  state.confIndex = index;
  state.voters = votersOf(confState);
  state.peers = membersOf(confState).filter((id) => id !== state.id);
  if (state.role.kind !== "leader") return;
  const { peers } = state.role;
  const known = new Map(peers);
  // By id, as at the start of a term, so that what is sent does not depend on who joined when.
  peers.clear();
  for (const id of state.peers) {
    peers.set(id, known.get(id) ?? newPeer(state.log.lastIndex + 1, true));
  }
}

/** The hard state as it should be on the disk. */
export function hardStateOf(state: RaftState): HardState {
  return { term: state.term, vote: state.vote, commitIndex: state.commitIndex };
}
