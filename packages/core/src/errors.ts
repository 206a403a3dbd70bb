import { type NodeId, none } from "./ids.ts";

/** What a failed call left behind: nothing, or an entry that may yet commit. */
export type Outcome = "not-applied" | "unknown";

/** Every way a call can fail. The codes are stable: they go on the wire. */
export type ErrorCode =
  /** This node does not lead. `leader` may know who does. */
  | "not_leader"
  /** This node leads, so there is no leader that it could forget. */
  | "is_leader"
  /** The leader may count on this node for its lease reads, so this node may not forget it. */
  | "lease_promised"
  /** The leader has not committed an entry of its own term yet (§8). Retry shortly. */
  | "leader_not_ready"
  /** A limit on queued or uncommitted work is reached. Back off and retry. */
  | "busy"
  /** The command is larger than the limit. */
  | "too_large"
  /** An argument has the wrong type or range. */
  | "invalid_argument"
  /** An option has the wrong type or range, or contradicts another. */
  | "invalid_options"
  /**
   * A change of the configuration cannot follow on the present one: it names a node that it does not
   * concern, gives a removed id again, leaves nobody to vote, or changes nothing.
   */
  | "invalid_change"
  /** Another change of the configuration is not applied yet. Wait for it. */
  | "change_pending"
  /** The configuration is not the one that the change was meant for. Look again. */
  | "configuration_changed"
  /** A new member could not be brought near the end of the log in time. It stays a learner. */
  | "catch_up_failed"
  /** Leadership is being handed over: the next leader takes the command. Retry shortly. */
  | "transferring"
  /** Nobody took leadership over in time. The leader leads on. */
  | "transfer_failed"
  /** This node was removed from the group, for good. */
  | "removed"
  /** The snapshot cannot be taken or restored; the message says why. */
  | "snapshot_failed"
  /** A message is malformed, or contradicts what its sender must have known. It changed nothing. */
  | "invalid_message"
  /** A message has a kind that this version does not know. It changed nothing. */
  | "unknown_message"
  /**
   * The sender may not send this: it is unknown where only members are heard, or is this very node, or
   * speaks for another. It changed nothing.
   */
  | "stranger"
  /** The other side has not shown who it is, by a certificate or a token. Nothing was done. */
  | "unauthenticated"
  /** A message is addressed to another node. It changed nothing. */
  | "wrong_recipient"
  /** The leader or the state machine counts on entries that this node no longer has: its disk was lost. */
  | "log_lost"
  /** A `Ready` was accepted, persisted or applied twice, out of order, or after a newer one. */
  | "stale_ready"
  /** Bytes cannot be decoded: cut short, malformed, or failing their checksum. */
  | "malformed"
  /** Bytes are of a version that this one does not speak. */
  | "unsupported_version"
  /** The data directory is in use by another process. */
  | "locked"
  /** The stored log belongs to another node or cluster. */
  | "wrong_identity"
  /** Bytes that once were durable no longer match their checksum. */
  | "corrupt"
  /** The disk has no room. Proposals are refused until it has. */
  | "disk_full"
  /** A write or a sync failed. The replica has stopped; what was pending may or may not be durable. */
  | "storage_failed"
  /** The state machine threw. The replica has stopped: it can no longer follow the log. */
  | "state_machine_failed"
  /** The state of this replica is not what a majority has made of the same log. The replica has stopped. */
  | "diverged"
  /**
   * The session of the command is not known, or not any more, so the command was not applied now; nobody
   * can tell whether an earlier attempt was.
   */
  | "session_expired"
  /** Another leader's entry was committed in the place of this one. */
  | "superseded"
  /** Leadership was lost after the append: the entry may still commit. */
  | "leadership_lost"
  /** The deadline passed before the command was handed to a leader. */
  | "unavailable"
  /** The deadline passed after the command was handed over: the entry may still commit. */
  | "deadline_exceeded"
  /** The caller's signal was aborted after the command was handed over, or while a replica was starting. */
  | "aborted"
  /** The replica is closed: it takes no new work. */
  | "closed"
  /** The replica was closed while the call was pending: the entry may still commit. */
  | "stopped";

/**
 * What the caller of a call that failed may conclude. `not-applied`: nothing happened and nothing
 * will, so the call is safe to repeat. `unknown`: the command may already be committed, or may be
 * later; repeat it only if it is idempotent.
 */
const outcomes: Record<ErrorCode, Outcome> = {
  not_leader: "not-applied",
  is_leader: "not-applied",
  lease_promised: "not-applied",
  leader_not_ready: "not-applied",
  busy: "not-applied",
  too_large: "not-applied",
  invalid_argument: "not-applied",
  invalid_options: "not-applied",
  invalid_change: "not-applied",
  change_pending: "not-applied",
  configuration_changed: "not-applied",
  catch_up_failed: "not-applied",
  transferring: "not-applied",
  transfer_failed: "not-applied",
  removed: "not-applied",
  snapshot_failed: "not-applied",
  invalid_message: "not-applied",
  unknown_message: "not-applied",
  stranger: "not-applied",
  unauthenticated: "not-applied",
  wrong_recipient: "not-applied",
  log_lost: "not-applied",
  stale_ready: "not-applied",
  malformed: "not-applied",
  unsupported_version: "not-applied",
  locked: "not-applied",
  wrong_identity: "not-applied",
  corrupt: "not-applied",
  disk_full: "not-applied",
  storage_failed: "unknown",
  state_machine_failed: "unknown",
  diverged: "unknown",
  session_expired: "unknown",
  superseded: "not-applied",
  leadership_lost: "unknown",
  unavailable: "not-applied",
  deadline_exceeded: "unknown",
  aborted: "unknown",
  closed: "not-applied",
  stopped: "unknown",
};

/** Whether `code`, say from the wire, is one that this version knows. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(outcomes, code);
}

/** What may accompany an error. */
export interface RaftErrorOptions {
  /** The node that leads, as far as the thrower knows. */
  readonly leader?: NodeId;
  /** What led to this error. */
  readonly cause?: unknown;
}

/** An expected failure. `message` is for people; programs read `code` and `outcome`. */
export class RaftError extends Error {
  override readonly name = "RaftError";
  readonly code: ErrorCode;
  /** The node that leads, as far as the thrower knew; `none` if it did not. */
  readonly leader: NodeId;

  constructor(code: ErrorCode, message: string, options: RaftErrorOptions = {}) {
    super(`${code}: ${message}`, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.leader = options.leader ?? none;
  }

  /** What the call left behind. Repeat a command that is not idempotent only after "not-applied". */
  get outcome(): Outcome {
    return outcomes[this.code];
  }
}
