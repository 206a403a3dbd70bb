import type { LogIndex, NodeId, RoleKind, Status, Term } from "@quorate/core";

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
  readonly maxStalenessMs?: number | undefined;
  /**
   * Waits until this replica has applied the log up to here, whatever else is asked for. With the
   * `index` of a write, or of another read, it sees that write, or at least what that read saw.
   *
   * @default 0
   */
  readonly atLeast?: LogIndex | undefined;
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
export interface ReplicaStatus extends Status {
  readonly clusterId: string;
  /** `running` takes work; `full` refuses proposals until the disk has room; the others are final. */
  readonly state: "running" | "full" | "failed" | "closed";
  /** Why it is `failed`, or undefined. */
  readonly failure: string | undefined;
  /** The peers that this replica has a connection to. */
  readonly connected: readonly NodeId[];
  /** Calls that wait for an answer. */
  readonly pending: { readonly proposals: number; readonly reads: number };
  /** Bytes handed to the disk and not yet durable. */
  readonly unpersistedBytes: number;
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

/** What happens to a replica. */
export type ReplicaEvent =
  /** This replica learned of another leader, or that there is none (`leader` is `none`). */
  | { readonly kind: "leader-changed"; readonly term: Term; readonly leader: NodeId }
  /** This replica changed its role. `reason` says why it leads no more, if it did. */
  | {
      readonly kind: "role-changed";
      readonly term: Term;
      readonly role: RoleKind;
      readonly reason?: LeadershipEnd | undefined;
    }
  | { readonly kind: "peer-connected"; readonly peer: NodeId }
  | { readonly kind: "peer-disconnected"; readonly peer: NodeId; readonly reason: string }
  /** A peer sent what cannot be taken; it was dropped. At most one event per peer and second. */
  | { readonly kind: "message-refused"; readonly peer: NodeId; readonly error: Error }
  /** The disk is full, or has room again. */
  | { readonly kind: "disk-full" }
  | { readonly kind: "disk-recovered" }
  /** The replica stopped by itself. Final. */
  | { readonly kind: "failed"; readonly error: Error };

/**
 * One member of a group that replicates a state machine. Every call settles: with a result, or with a
 * `RaftError` whose `outcome` says whether anything happened.
 */
export interface Replica<Query, Answer> {
  readonly id: NodeId;

  /**
   * Replicates `command` and resolves once it is committed and applied by the leader, with the state
   * machine's result. Works on every replica: a follower forwards to the leader, and calls that were
   * refused for want of a leader are tried again until the deadline. The bytes are copied.
   *
   * Rejects with `outcome` "not-applied" (nothing happened: `too_large`, `busy`, `disk_full`,
   * `unavailable`, `superseded`, `closed`) or "unknown" (`leadership_lost`, `deadline_exceeded`,
   * `aborted`, `stopped`, `storage_failed`, `state_machine_failed`).
   */
  propose(command: Uint8Array, options?: CallOptions): Promise<Applied>;

  /**
   * Asks this replica's state machine. By default linearizable, on every replica (thesis §6.4).
   * A read has no effect, so it may be repeated whatever the error says.
   */
  read(query: Query, options?: ReadOptions): Promise<Answered<Answer>>;

  /** A look at the replica, now. */
  status(): ReplicaStatus;

  /** Calls `listener` on every event until the returned function is called. A listener must not throw. */
  subscribe(listener: (event: ReplicaEvent) => void): () => void;

  /**
   * Stops: no new work, pending calls settle (`stopped`), what was handed to the disk is finished and
   * the log closed. Safe to call again. Resolves when nothing of the replica is left running.
   */
  close(): Promise<void>;
}
