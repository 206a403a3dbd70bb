import type {
  Entry,
  EntryId,
  LogIndex,
  Message,
  NodeId,
  Ready,
  Snapshot,
  Status,
  Term,
} from "@quorate/core";

/** The number of an invariant, as `docs/internals/invariants.md` lists them. */
export type InvariantNumber =
  | "I1"
  | "I2"
  | "I3"
  | "I4"
  | "I5"
  | "I6"
  | "I7"
  | "I8"
  | "I9"
  | "I10"
  | "I11"
  | "I12"
  | "I13"
  | "I14"
  | "I15"
  | "I16"
  | "I17";

/** Something happened that must never happen. */
export class Violation extends Error {
  override readonly name = "Violation";
  /** Which invariant is broken; "contract" is what a node promises to its host. */
  readonly invariant: InvariantNumber | "contract";

  constructor(invariant: InvariantNumber | "contract", what: string) {
    super(`${invariant}: ${what}`);
    this.invariant = invariant;
  }
}

/** The real disks, as no node can see them. */
export interface Disks {
  /** Whether the disk of `node` is certain to keep the entry that `id` names. */
  holds(node: NodeId, id: EntryId): boolean;
  /** The term that the disk of `node` is certain to keep. */
  termOf(node: NodeId): Term;
  /** How far the disk of `node` is certain to know the log to be committed. */
  commitOf(node: NodeId): LogIndex;
}

/**
 * Watches a run from outside: what nodes send and show, never what they think. The jury calls it
 * after each step, with the log as it then is: the entry of index i at offset i - 1. What is handed
 * over must not be kept unless copied, but for entries and statuses.
 */
export interface Observer {
  /** A node starts, for the first time or after a crash. */
  started?(status: Status, log: readonly Entry[]): void;
  /** What follows happens at this time, in units since the start of the run. */
  advanced?(now: number): void;
  /** The power of a node failed. */
  crashed?(node: NodeId): void;
  /** Time went by on a node; `stepped` was called before. */
  ticked?(status: Status): void;
  /** A node took in a message; `stepped` was called before. */
  received?(before: Status, after: Status, message: Message): void;
  /** A host took a Ready of the node that `status` shows, and will now do what it says. */
  readied?(status: Status, ready: Ready): void;
  /** Writes of a node became durable, what they promised was sent, and the node was told. */
  persisted?(status: Status): void;
  /** A node took a step. */
  stepped?(before: Status, after: Status, log: readonly Entry[]): void;
  /** A step added the entries after index `after` to a log. */
  appended?(status: Status, log: readonly Entry[], after: LogIndex): void;
  /** A step removed entries from the end of a log. */
  truncated?(before: Status, after: Status, removed: readonly Entry[]): void;
  /** A step made a node leader. */
  elected?(status: Status, log: readonly Entry[]): void;
  /** A step moved a node's commit index, from index `after` to that of the status. */
  committed?(status: Status, log: readonly Entry[], after: LogIndex): void;
  /** A state machine took in entries. */
  applied?(node: NodeId, entries: readonly Entry[]): void;
  /** A state machine began anew from a snapshot. */
  restored?(node: NodeId, snapshot: Snapshot): void;
  /** A host took a snapshot of its state machine. */
  snapshotted?(node: NodeId, snapshot: Snapshot): void;
  /** A node let go of a message, after what its Ready demands. */
  sent?(message: Message): void;
  /** A client was told that its command is committed. */
  acknowledged?(entry: Entry): void;
  /** A client asked for a read; `read` is unique in the run. */
  readStarted?(read: number): void;
  /** A read ended with an index, or failed with `none`. */
  readEnded?(read: number, index: LogIndex): void;
  /** The run is over and these nodes have converged. */
  ended?(logs: ReadonlyMap<NodeId, readonly Entry[]>): void;
}

/** An observer that throws a `Violation` when its invariant is broken. */
export interface Judge extends Observer {
  readonly invariant: InvariantNumber;
}
