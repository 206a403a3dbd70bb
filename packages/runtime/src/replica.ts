import type { LogIndex, NodeId, Status, Term } from "@quorate/core";
import type { DiskLack } from "./disk-room.ts";
import type { ReplicaFigures } from "./figures.ts";
import type { MemberPlan } from "./member-plan.ts";
import type { MemberOrNew, MemberWish, NewMember } from "./member-wish.ts";
import type { MembersView } from "./members-view.ts";
import type { Observations } from "./observations.ts";
import type { ReplicaEvent } from "./replica-event.ts";
import type { SnapshotReceiving } from "./snapshot-receiver.ts";
import type { SnapshotSending } from "./snapshot-sender.ts";

/** What a caller may say about any call. */
export interface CallOptions {
  /** Gives up on the call when aborted; what was handed over may still take effect. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * How long the call may take, in milliseconds. More than 0, at most 2^31 - 1.
   *
   * @default `ReplicaOptions.callTimeoutMs`
   */
  readonly timeoutMs?: number | undefined;
}

/** What a caller may say about a read. */
export interface ReadOptions extends CallOptions {
  /**
   * `linearizable`: sees every write acknowledged before the read began, at the price of one round trip
   * from the leader to a majority. `lease`: the same promise, kept without asking anyone as long as the
   * leader knows by its clock that no other can have been elected; on any other replica, and whenever
   * the leader cannot be sure, it is a linearizable read. It trusts clocks as far as `clockDriftMax`
   * says, and needs the option `leaseReads` of `raft` on every node. `local`: whatever this replica has
   * applied, which may be arbitrarily old.
   *
   * @default "linearizable"
   */
  readonly consistency?: "linearizable" | "lease" | "local" | undefined;
  /**
   * How old a `local` read may be, in milliseconds, at least 0: it sees every write that was
   * acknowledged longer than this before the read began. What this replica learned from the leader of
   * late often shows that; if not, the leader is asked. As much as half a tick is always taken for
   * uncertain, so a smaller value asks every time.
   *
   * @default no bound
   */
  readonly stalenessMsMax?: number | undefined;
  /**
   * Waits until this replica has applied the log up to here, whatever else is asked for. With the
   * `index` of a write, or of another read, it sees that write, or at least what that read saw.
   *
   * @default 0
   */
  readonly atLeast?: LogIndex | undefined;
}

/** What a caller may say about a change of members. */
export interface ChangeOptions extends CallOptions {
  /**
   * Makes the change only if the configuration is still what it was as of this entry of the log, as told
   * in a `MembersView`; otherwise it is refused as `configuration_changed`. What the group learned of
   * addresses or priorities since counts as a change, too.
   *
   * @default whatever the configuration is
   */
  readonly ifIndex?: LogIndex | undefined;
  /**
   * How long the change may take, catching up included, in milliseconds. More than 0, at most 2^31 - 1.
   *
   * @default `ReplicaOptions.memberTimeoutMs`
   */
  readonly timeoutMs?: number | undefined;
}

/** A command that was applied. */
export interface Applied {
  /** Where the command stands in the log: any read with `atLeast` this sees it. */
  readonly index: LogIndex;
  /** What the state machine returned for it. */
  readonly result: Uint8Array;
}

/** An answered read. */
export interface Answered<Answer> {
  /** How far the answering replica had applied the log: a read with `atLeast` this sees no less. */
  readonly index: LogIndex;
  readonly answer: Answer;
}

/** The part of the standard `AbortSignal` that a replica uses. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What a replica tells about itself, beyond the status of its core. */
export interface ReplicaStatus extends Status, ReplicaFigures, Observations {
  readonly clusterId: string;
  /** `running` takes work; `full` refuses proposals until the disk has room; the others are final. */
  readonly state: "running" | "full" | "removed" | "failed" | "closed";
  /** Why it is `failed`, or undefined. */
  readonly failure: string | undefined;
  /**
   * Why this replica last stopped being leader, as `role-changed` told; undefined if it never did. The
   * core's `stepDownReason` says only what ended it, and a hand-over ends with a newer term.
   */
  readonly leadershipEnd: LeadershipEnd | undefined;
  /** The peers that this replica has a connection to. */
  readonly connected: readonly NodeId[];
  /** Calls that wait for an answer; `calls` are changes of members and of who leads. */
  readonly pending: {
    readonly proposals: number;
    readonly reads: number;
    readonly calls: number;
  };
  /** Snapshots on their way to followers, and the one on its way here. */
  readonly snapshots: {
    readonly sending: readonly SnapshotSending[];
    readonly receiving: SnapshotReceiving | undefined;
  };
  /** Bytes handed to the disk and not yet durable. */
  readonly unpersistedBytes: number;
  /** Who has the same state as this replica; undefined as long as there is no digest of its state. */
  readonly digest: DigestStatus | undefined;
  /** What the disk has no room for; undefined unless `state` is "full". */
  readonly diskLacks: DiskLack | undefined;
}

/** The newest digest of the state of a replica, and how it compares with those of the other members. */
export interface DigestStatus {
  /** The state is that after this entry. */
  readonly index: LogIndex;
  readonly term: Term;
  /** Hexadecimal. */
  readonly digest: string;
  /** The members whose state was the same, at the newest index where both have a digest. */
  readonly agree: readonly NodeId[];
  /** The members whose state was another there. */
  readonly differ: readonly NodeId[];
  /** The members of whom there is no digest to compare with: they are behind, not connected, or make none. */
  readonly unknown: readonly NodeId[];
}

/** Why a replica stopped being leader. */
export type LeadershipEnd =
  /** Another node is in a newer term. */
  | "newer-term"
  /** It had not heard from a majority for an election timeout. */
  | "no-quorum"
  /** The configuration excluded it. */
  | "removed"
  /** The driver of its core said so. */
  | "asked"
  /** A write to its disk took too long. */
  | "disk-stuck"
  /** Its event loop was late again and again, by more than followers wait. */
  | "event-loop-lag"
  /** Its disk was full, and another took over. */
  | "disk-full"
  /** It is being closed. */
  | "shutting-down"
  /** Its leadership was handed over: by `transferLeadership`, or to a member of higher priority. */
  | "transferred";

/**
 * The members of a group, and how they change while it works (§6, thesis §4). Everything works on every
 * replica; changes are made by the leader, one at a time, and those that find no leader wait for one.
 *
 * A change resolves with the members after its last step, once that is applied on the leader; other
 * replicas may learn of it a little later. It is described by what is wanted, and what is so already is
 * no error: when it is not known what became of a change, ask for the same again.
 *
 * A change rejects with `outcome` "not-applied" if nothing of it will happen any more: `invalid_change`
 * (the message says what to do), `invalid_argument`, `change_pending` (another is being made),
 * `configuration_changed`, `catch_up_failed` (a new member could not follow: it stays a learner, and
 * asking again goes on from there), `disk_full`, `busy`, `unavailable`, `closed`. With "unknown", steps may
 * have been taken, or may yet be: `leadership_lost`, `deadline_exceeded`, `aborted`, `stopped`.
 */
export interface ReplicaMembers {
  /** The members, as of what this replica has applied. A leader that was deposed may not know it yet. */
  list(): MembersView;

  /**
   * What would be done for `wish`, as of what this replica has applied: the steps, each with how many
   * failures of voters it tolerates, and warnings. Changes nothing. Throws `invalid_change` or
   * `invalid_argument`, as the change would.
   */
  plan(wish: MemberWish): MemberPlan;

  /**
   * Adds a node, by default as a voter. It learns first, and votes when it has all but the newest
   * entries, so that it never holds the others up. Start it as a joining node, before or after.
   *
   * An id is given once: that of a removed node is refused as `invalid_change`, and so is one whose
   * member is at another address, or an address that another member has.
   */
  add(
    member: NewMember & { readonly as?: "voter" | "learner" | undefined },
    options?: ChangeOptions,
  ): Promise<MembersView>;

  /** Removes a member, for good: its id is never given again. A leader that is removed hands over. */
  remove(id: NodeId, options?: ChangeOptions): Promise<MembersView>;

  /** Makes a voter of a learner, once that has caught up. */
  promote(id: NodeId, options?: ChangeOptions): Promise<MembersView>;

  /** Makes a learner of a voter. A leader that is demoted hands over. */
  demote(id: NodeId, options?: ChangeOptions): Promise<MembersView>;

  /**
   * Puts a new node into the place of member `id`: with a lost disk, or on another machine. The new one
   * learns first; then it comes and the old one goes in one change, so that there is neither a voter
   * too many nor one too few. It may have the address of the old one, and gets its priority unless it
   * has its own.
   */
  replace(id: NodeId, by: NewMember, options?: ChangeOptions): Promise<MembersView>;

  /**
   * Makes these the voters and learners, and removes all others, in one change after the new ones have
   * learned. Members are given by their ids, new ones with an address.
   */
  set(
    members: {
      readonly voters: readonly MemberOrNew[];
      /** @default none */
      readonly learners?: readonly MemberOrNew[] | undefined;
    },
    options?: ChangeOptions,
  ): Promise<MembersView>;

  /**
   * Gives a member another address or priority; what is left out stays. An address is seldom needed:
   * when a member connects and says that it has moved, the leader records it.
   */
  update(
    member: {
      readonly id: NodeId;
      readonly address?: string | undefined;
      readonly priority?: number | undefined;
    },
    options?: ChangeOptions,
  ): Promise<MembersView>;

  /** Makes any of these changes, for programs that are given a wish. */
  change(wish: MemberWish, options?: ChangeOptions): Promise<MembersView>;
}

/** Leadership of a group, as each of its members offers it. */
export interface ReplicaLeadership {
  /**
   * Hands leadership over (thesis §3.10) to the voter `to`, or to the one that is furthest, and resolves
   * with the id of the new leader once that is known. Works on every replica, which asks the leader.
   * Until another leads, which takes a round trip, commands wait; if none does within an election
   * timeout, the old leader goes on. Resolves at once if `to` leads already.
   *
   * Rejects with `transfer_failed` if nobody took over, `invalid_argument` for whoever cannot lead, and
   * as other calls do for want of a leader, time or a connection.
   */
  transferLeadership(to?: NodeId, options?: CallOptions): Promise<NodeId>;

  /**
   * Makes this replica forget whom it follows, until it hears from a leader again, and returns who that
   * was, or `none` if it knew of no leader: for someone who knows that the leader is gone. Meanwhile it
   * votes for whoever asks, where it would wait for an election timeout, and calls wait for the next leader:
   * handed to one that is gone, their fate would be unknown. It does not campaign.
   *
   * Throws `is_leader` if it leads, `lease_promised` with `leaseReads`, where the leader may count on it,
   * and `closed` or `removed`; then nothing happened.
   */
  forgetLeader(): NodeId;
}

/** A snapshot that is durable. */
export interface SnapshotTaken {
  /** The last entry that it stands for. */
  readonly index: LogIndex;
  readonly term: Term;
  /** The length of the state, as stored here; 0 if the state machine keeps it by itself. */
  readonly bytes: number;
}

/**
 * One member of a group that replicates a state machine. Every call settles: with a result, or with a
 * `RaftError` whose `outcome` says whether anything happened.
 */
export interface Replica<Query, Answer> extends ReplicaLeadership {
  readonly id: NodeId;

  /** Who takes part in the group, and how to change that. */
  readonly members: ReplicaMembers;

  /**
   * Replicates `command` and resolves once it is committed and applied by the leader, with the state
   * machine's result. Works on every replica: a follower forwards to the leader, and calls that were
   * refused for want of a leader are tried again until the deadline. The bytes are copied.
   *
   * Rejects with `outcome` "not-applied" (nothing happened: `too_large`, `busy`, `disk_full`,
   * `unavailable`, `superseded`, `closed`) or "unknown" (`leadership_lost`, `deadline_exceeded`,
   * `aborted`, `stopped`, `storage_failed`, `state_machine_failed`, `diverged`).
   */
  propose(command: Uint8Array, options?: CallOptions): Promise<Applied>;

  /**
   * Asks this replica's state machine. By default linearizable, on every replica (thesis §6.4).
   * A read has no effect, so it may be repeated whatever the error says.
   */
  read(query: Query, options?: ReadOptions): Promise<Answered<Answer>>;

  /**
   * Takes a snapshot of everything applied here until now, whatever the options say of when one is due,
   * and resolves once it is durable; then the log forgets its past. Of a state machine that is durable by
   * itself it stands for the commands until now, once these are durable there.
   *
   * Rejects with `snapshot_failed` (the state machine takes none, or failed to; or it is durable by itself,
   * and members changed since the last command), `disk_full`, `unavailable` or `closed`. It is only about
   * this replica's own disk.
   */
  snapshot(options?: CallOptions): Promise<SnapshotTaken>;

  /** A look at the replica, now. */
  status(): ReplicaStatus;

  /**
   * What the core of this replica was told of late, as a file that `FlightReplay` and `quorate replay` play
   * again; undefined if `flightRecorderBytes` is 0. Of commands it tells how long they are, and no more.
   * Works on a replica that failed, too. Takes some milliseconds for every MiB, in which nothing else
   * happens.
   */
  flightRecord(): Uint8Array | undefined;

  /** Calls `listener` on every event until the returned function is called. A listener must not throw. */
  subscribe(listener: (event: ReplicaEvent) => void): () => void;

  /**
   * Stops: a leader hands over first if it can, and answers what it has taken (see `handOverTimeoutMs`);
   * then no new work, calls that are still pending settle (`closed`, `stopped`), what was handed to the disk
   * is finished and the log closed. Safe to call again. Resolves when nothing of the replica is left running.
   */
  close(): Promise<void>;
}
