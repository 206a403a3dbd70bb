import type { Entry, EntryId } from "./entry.ts";
import type { LogIndex, NodeId, ReadId, Term } from "./ids.ts";
import type { Snapshot } from "./snapshot.ts";

/** What every message carries. */
interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term (§5.1); for a pre-vote, the term that the sender would campaign in. */
  readonly term: Term;
}

/** Asks whether a campaign in `term` would win, before disturbing anyone with it (thesis §9.6). */
export interface PreVote extends Envelope {
  readonly kind: "pre-vote";
  /** The last entry of the sender's log. */
  readonly last: EntryId;
}

/** Answers a pre-vote: with the term asked about if granted, with the answerer's own if not. */
export interface PreVoteResponse extends Envelope {
  readonly kind: "pre-vote-response";
  readonly granted: boolean;
  /** See `RequestVoteResponse.committed`. */
  readonly committed?: EntryId;
}

/** A candidate asks for a vote in `term` (§5.2). It leaves only after the candidate's disk holds its term. */
export interface RequestVote extends Envelope {
  readonly kind: "request-vote";
  /** The last entry of the candidate's log (§5.4.1). */
  readonly last: EntryId;
  /** Whether the leader itself asked for the campaign (thesis §3.10): then nobody owes it loyalty. */
  readonly transfer?: boolean;
}

/** Grants or refuses a vote. A grant leaves only after the voter's disk holds it. */
export interface RequestVoteResponse extends Envelope {
  readonly kind: "request-vote-response";
  readonly granted: boolean;
  /**
   * The last entry that the sender knows to be committed, if the candidate may have it. A candidate that
   * does not know that the sender was removed, or others without whom it cannot win, may learn it from this.
   */
  readonly committed?: EntryId;
}

/** The leader replicates `entries`, which follow `prev` in its log (§5.3). */
export interface AppendEntries extends Envelope {
  readonly kind: "append-entries";
  readonly prev: EntryId;
  /** May be empty: then it only probes for `prev`. */
  readonly entries: readonly Entry[];
  /** How far the leader knows the log to be committed; may lie beyond `entries`. */
  readonly commitIndex: LogIndex;
}

/** The follower holds the leader's log up to `matchIndex`. It leaves only after that is durable. */
export interface AppendEntriesResponse extends Envelope {
  readonly kind: "append-entries-response";
  /** At most the end of the append that it answers, or the follower's commit index: never its own tail. */
  readonly matchIndex: LogIndex;
}

/** The follower does not hold `prev`. Promises nothing, so it may leave at once. */
export interface AppendEntriesRejection extends Envelope {
  readonly kind: "append-entries-rejection";
  /** `prev.index` of the append that is rejected. */
  readonly prevIndex: LogIndex;
  /** The follower's last entry that may match: at or before `prev`, of at most `prev`'s term (§5.3). */
  readonly hint: EntryId;
}

/**
 * The leader's log does not reach back to what the follower needs, so a snapshot takes its place (§7).
 * The message says which one; the state itself is the driver's to carry. **Give the message to `step`
 * only once the state is durable here**, whole and verified, so that it survives whatever follows.
 */
export interface InstallSnapshot extends Envelope {
  readonly kind: "install-snapshot";
  readonly snapshot: Snapshot;
}

/** The leader asks a voter that has its whole log to campaign at once (thesis §3.10). */
export interface TimeoutNow extends Envelope {
  readonly kind: "timeout-now";
}

/** The leader lives (§5.2). Carries no entries, so it never waits for a window. */
export interface Heartbeat extends Envelope {
  readonly kind: "heartbeat";
  /** At most what this follower has acknowledged. */
  readonly commitIndex: LogIndex;
  /** The newest round of reads to confirm (thesis §6.4), or `none`. A sequence of the leader's own. */
  readonly readRound: number;
}

/** Answers a heartbeat and, by echoing its round, confirms that the leader was not deposed. */
export interface HeartbeatResponse extends Envelope {
  readonly kind: "heartbeat-response";
  readonly readRound: number;
}

/** A follower forwards commands to the leader. `term` is 0: it says nothing about terms. */
export interface Propose extends Envelope {
  readonly kind: "propose";
  readonly commands: readonly Uint8Array[];
}

/** A follower asks the leader for a read index (thesis §6.4). `term` is 0. */
export interface ReadIndex extends Envelope {
  readonly kind: "read-index";
  readonly readId: ReadId;
}

/** The leader answers a forwarded read: once applied to `index`, a state may be read. */
export interface ReadIndexResponse extends Envelope {
  readonly kind: "read-index-response";
  readonly readId: ReadId;
  /** The read index, or `none`: refused, since the leader has not committed in its term yet. */
  readonly index: LogIndex;
}

/** Everything that nodes say to one another. */
export type Message =
  | PreVote
  | PreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | AppendEntriesRejection
  | InstallSnapshot
  | TimeoutNow
  | Heartbeat
  | HeartbeatResponse
  | Propose
  | ReadIndex
  | ReadIndexResponse;

/** The name of a kind of message. */
export type MessageKind = Message["kind"];
