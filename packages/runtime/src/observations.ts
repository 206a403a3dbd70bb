import type { LogIndex, NodeId, Term } from "@quorate/core";
import type { MemberWish } from "./member-wish.ts";

/** What a replica has seen happen, beyond what it is: what `explain` reasons with. */
export interface Observations {
  /** How long this replica has been running, in milliseconds. */
  readonly runningMs: number;
  /** How long a follower waits for its leader at least, in milliseconds. */
  readonly electionTimeoutMs: number;
  /** The other members, by id. */
  readonly peers: readonly PeerContact[];
  /** Whom this replica last heard as its leader, and how long ago; undefined if it has followed nobody. */
  readonly leaderHeard: { readonly leader: NodeId; readonly agoMs: number } | undefined;
  /** The last election that this replica began; undefined if it began none. */
  readonly election: ElectionReport | undefined;
  /** What takes long here. */
  readonly strain: Strain;
  /** Limits beyond which commands are refused as `busy`. */
  readonly limits: ProposalLoad;
  /** The change of members that this leader makes; undefined if it makes none. */
  readonly memberChange: MemberChangeReport | undefined;
}

/** What a replica knows of its connection to another member. */
export interface PeerContact {
  readonly id: NodeId;
  /** Whether what is sent to it has a chance to arrive. */
  readonly connected: boolean;
  /** For how long that has been so, in milliseconds; at most since this replica started. */
  readonly forMs: number;
  /** What went wrong last: why the connection ended, or could not be made. Undefined if nothing is known. */
  readonly lostReason: string | undefined;
  /** How long ago it last sent anything, in milliseconds; undefined if it has not yet. */
  readonly heardAgoMs: number | undefined;
  /**
   * For how long it has been behind the log of this leader without getting any nearer, in milliseconds; 0
   * if it is not, or this replica does not lead.
   */
  readonly stalledMs: number;
}

/** One election, as the node that began it sees it. */
export interface ElectionReport {
  /** `pre-vote` asks whether a campaign would win (thesis §9.6); `vote` is the campaign. */
  readonly kind: "pre-vote" | "vote";
  /** The term that it is, or would be, about. */
  readonly term: Term;
  /** How long ago it began, in milliseconds. */
  readonly agoMs: number;
  /** How many elections this replica has begun since it last followed or was a leader. */
  readonly count: number;
  /** Who was asked and granted, this replica apart. */
  readonly granted: readonly NodeId[];
  readonly refused: readonly VoteRefusal[];
  /** Who was asked and has not answered. */
  readonly silent: readonly NodeId[];
}

/** A vote that was refused. */
export interface VoteRefusal {
  readonly voter: NodeId;
  /**
   * `log-ahead`: the voter has entries that the candidate lacks (§5.4.1). `newer-term`: the voter is in a
   * later term. `vote-given`: the voter follows another, or voted for it, or its log is ahead.
   */
  readonly reason: "log-ahead" | "newer-term" | "vote-given";
}

/** What takes long on a replica. Everything in milliseconds, and 0 if it does not wait at present. */
export interface Strain {
  /** For how long it has known no leader. */
  readonly leaderlessMs: number;
  /** For how long this leader has committed nothing, although there is something to commit. */
  readonly commitStalledMs: number;
  /** For how long nothing was applied, although something is committed and durable here. */
  readonly applyStalledMs: number;
  /** For how long the oldest read has been waiting. */
  readonly readStalledMs: number;
  /** For how long the write to the log that is under way has lasted, as far as ticks were counted. */
  readonly writingMs: number;
  /** Whether that is so long that this replica does not campaign, and hands over if it leads. */
  readonly diskIsStuck: boolean;
  /** For how long the disk has had no room. */
  readonly diskFullMs: number;
  /** How late the event loop was at worst, in the last ten seconds or so. */
  readonly loopLateMs: number;
}

/** How much may be on its way at once; see the options of the same names. */
export interface ProposalLoad {
  readonly proposalCountMax: number;
  readonly unpersistedBytesMax: number;
  readonly uncommittedBytesMax: number;
}

/** A change of members under way, and what it waits for. */
export interface MemberChangeReport {
  readonly kind: MemberWish["kind"];
  readonly forMs: number;
  readonly waiting: MemberChangeWait;
}

/** What a change of members waits for. */
export type MemberChangeWait =
  /** Its turn: why the core takes no change at present, if that is known. */
  | { readonly kind: "turn"; readonly reason: string | undefined }
  /** New members that catch up; `reason` says how far they are. */
  | { readonly kind: "catching-up"; readonly ids: readonly NodeId[]; readonly reason: string }
  /** The entry that makes its present step is to be committed and applied. */
  | { readonly kind: "applied"; readonly index: LogIndex }
  /** A majority is to know that this leader was excluded. */
  | { readonly kind: "retired" };
