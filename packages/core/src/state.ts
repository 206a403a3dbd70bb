import type { CompleteOptions } from "./complete-options.ts";
import type { HardState } from "./hard-state.ts";
import { type LogIndex, type NodeId, none, type ReadId, type Term, type Ticks } from "./ids.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Progress } from "./progress.ts";
import type { Voters } from "./quorum.ts";
import type { SeededRandom } from "./random.ts";

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

/** Replicates its log to the other voters, and answers reads. */
export interface Leader {
  readonly kind: "leader";
  /** The other voters. This node's own progress is its log's `persistedIndex`. */
  readonly peers: Map<NodeId, Peer>;
  /** Bytes of the entries after the commit index. */
  uncommittedBytes: number;
  /** Reads that wait for a majority to confirm that no other leader was elected. Oldest first. */
  readonly readRounds: ReadRound[];
  /** The newest round; the first of a term is 1. */
  readRound: number;
  /** Whether the newest round's heartbeats are still in the outbox, so that reads may join it. */
  readRoundOpen: boolean;
  /** The reads in all rounds. */
  pendingReadCount: number;
}

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
  readonly voters: Voters;
  /** The voters but for this node, by id. */
  readonly peers: readonly NodeId[];
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

  /** Ticks since this node started. */
  ticks: Ticks;
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

/** The hard state as it should be on the disk. */
export function hardStateOf(state: RaftState): HardState {
  return { term: state.term, vote: state.vote, commitIndex: state.commitIndex };
}
