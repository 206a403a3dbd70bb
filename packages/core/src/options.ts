import type { LogIndex, Ticks } from "./ids.ts";
import type { Storage } from "./storage.ts";

/** How a `RaftNode` behaves. Every option has a default that suits a cluster in one data centre. */
export interface RaftOptions {
  /**
   * How long a follower waits for its leader before it campaigns, in ticks.
   *
   * Drawn anew for each wait from `[electionTimeoutTicks, 2 * electionTimeoutTicks)`, so that two
   * followers seldom time out together (§5.2). Must exceed `heartbeatTicks`; ten times it is a good
   * start. Larger values mean fewer needless elections and a longer outage when a leader dies.
   *
   * @default 10
   */
  readonly electionTimeoutTicks?: Ticks;

  /**
   * How often a leader sends heartbeats, in ticks (§5.2). At least 1.
   *
   * @default 1
   */
  readonly heartbeatTicks?: Ticks;

  /**
   * Whether a node asks if it could win before it campaigns (thesis §9.6), so that one that comes
   * back from a partition deposes nobody.
   *
   * @default true
   */
  readonly preVote?: boolean;

  /**
   * Whether a leader that has not heard from a majority for `electionTimeoutTicks` steps down, and
   * whether nodes that hear from a leader refuse to vote against it (thesis §6.2, §4.2.3).
   *
   * @default true
   */
  readonly checkQuorum?: boolean;

  /**
   * Whether leaders may answer reads without asking the others, for as long as these keep a promise
   * (thesis §6.4.1): a node that has heard from a leader, or has just started, grants no vote for
   * `electionTimeoutTicks`, unless the leader asked for the election itself. The same on every node.
   * The core only keeps the promise; the lease is for the driver, which has a clock.
   *
   * @default false
   */
  readonly leaseReads?: boolean;

  /**
   * How much longer than others this node waits before it campaigns, in ticks: so those with a smaller
   * delay lead if they can, and it still does if they cannot.
   *
   * @default 0
   */
  readonly campaignDelayTicks?: Ticks;

  /**
   * Whether `propose` on a follower forwards the command to the leader it knows. The command then has
   * no index and no answer: it may be lost without a word. If not, `propose` throws `not_leader`.
   *
   * @default false
   */
  readonly forwardProposals?: boolean;

  /**
   * The largest command that `propose` takes, in bytes; a larger one is `too_large`. At least 1.
   *
   * @default 4 MiB
   */
  readonly commandBytesMax?: number;

  /**
   * How many bytes of entries one AppendEntries carries at most. A single larger entry travels alone.
   * A follower writes one while the next is on its way, so that smaller ones arrive sooner and larger ones
   * cost less. At least 1.
   *
   * @default 256 KiB
   */
  readonly messageBytesMax?: number;

  /**
   * How many bytes of entries may be handed out for applying and not yet be `applied`, which also
   * bounds `Ready.committed`; an entry that crosses the limit is still handed out. At least 1.
   *
   * @default 4 MiB
   */
  readonly applyBytesMax?: number;

  /**
   * How many bytes of uncommitted entries a leader keeps; beyond it `propose` throws `busy`. A single
   * larger command is accepted when nothing else is uncommitted. At least 1.
   *
   * @default 64 MiB
   */
  readonly uncommittedBytesMax?: number;

  /**
   * How many AppendEntries with entries a leader has on the way to one follower at most. At least 1.
   *
   * @default 256
   */
  readonly inflightCountMax?: number;

  /**
   * How many bytes of entries a leader has on the way to one follower at most; a message that crosses
   * the limit is still sent. At least 1.
   *
   * @default 16 MiB
   */
  readonly inflightBytesMax?: number;

  /**
   * How many reads may wait for confirmation at once; beyond it `readIndex` throws `busy`. At least 1.
   *
   * @default 65536
   */
  readonly pendingReadCountMax?: number;

  /**
   * What the node's random numbers grow from: a safe integer of at least 0. The same seed and the same
   * inputs give the same run. **In production give a fresh random one at every start**: it spreads
   * election timeouts, and forwarded reads draw their identity from it, so that an answer meant for
   * an earlier run of this node is not taken for one of this run.
   *
   * @default the node's id
   */
  readonly seed?: number;

  /**
   * What was durable when the node last stopped.
   *
   * @default `emptyStorage`: the node never ran
   */
  readonly storage?: Storage;

  /**
   * How far the state machine already is, for one that is durable on its own. At least the index of the
   * stored snapshot, at most the last of the stored log.
   *
   * @default that of the stored snapshot, or 0: everything committed after it is applied again
   */
  readonly appliedIndex?: LogIndex;
}
