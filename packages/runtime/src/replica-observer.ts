/** A write to the log that became durable. */
export interface PersistedBatch {
  /** How many entries it had, and the bytes of their data. */
  readonly entryCount: number;
  readonly bytes: number;
  /** How long the write and its data sync took, in milliseconds. */
  readonly ms: number;
}

/** Commands that the state machine was given in one call. */
export interface AppliedBatch {
  readonly entryCount: number;
  /** How long the call took, in milliseconds. */
  readonly ms: number;
}

/** Entries that were written at once, and are committed. */
export interface CommittedBatch {
  readonly entryCount: number;
  /**
   * From when they were handed to the disk, and by a leader to the network, until all were committed and the
   * state machine was given them, in milliseconds. On a leader that is a round trip of replication, disks
   * included; a follower learns of it later.
   */
  readonly ms: number;
}

/**
 * How long one command took, stage by stage, in milliseconds. Together they are all the time from the
 * call of `propose`, on the replica that led, until it was answered.
 */
export interface ProposalStages {
  /** Until the core took it: it waited for a leader. */
  readonly queuedMs: number;
  /** Until it was durable here. */
  readonly persistedMs: number;
  /** Until it was committed and the state machine was given it; 0 if others were faster than this disk. */
  readonly committedMs: number;
  /** Until it was applied and answered. */
  readonly appliedMs: number;
}

/**
 * Who watches how a replica works. What is not there is not measured, and costs nothing; nothing is called
 * for a single entry. No method may throw, or call the replica.
 */
export interface ReplicaObserver {
  onPersisted?(batch: PersistedBatch): void;
  onApplied?(batch: AppliedBatch): void;
  /** At most 64 batches are watched at a time. */
  onCommitted?(batch: CommittedBatch): void;
  /**
   * One of the commands proposed on this replica while it led was answered. One is followed at a time: when
   * it is answered, the next that comes.
   */
  onProposal?(stages: ProposalStages): void;
}
