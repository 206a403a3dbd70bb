/**
 * The vocabulary of etcd/raft's trace specification: what its own implementation writes, and what its
 * TLA+ specification reads. Ids are text there, numbers stay numbers.
 */
export type TlaEventName =
  | "InitState"
  | "BecomeFollower"
  | "BecomeCandidate"
  | "BecomeLeader"
  | "Commit"
  | "Replicate"
  | "ApplyConfChange"
  | "Ready"
  | "SendAppendEntriesRequest"
  | "ReceiveAppendEntriesRequest"
  | "SendAppendEntriesResponse"
  | "ReceiveAppendEntriesResponse"
  | "SendRequestVoteRequest"
  | "ReceiveRequestVoteRequest"
  | "SendRequestVoteResponse"
  | "ReceiveRequestVoteResponse";

/** The roles that the specification knows. */
export type TlaRole = "StateFollower" | "StateCandidate" | "StateLeader";

/** The kinds of message that the specification knows. */
export type TlaMessageType =
  | "MsgApp"
  | "MsgAppResp"
  | "MsgHeartbeat"
  | "MsgHeartbeatResp"
  | "MsgVote"
  | "MsgVoteResp";

/** One message. Fields that its type does not have are 0, "0" or false. */
export interface TlaMessage {
  readonly type: TlaMessageType;
  readonly term: number;
  readonly from: string;
  readonly to: string;
  /** How many entries an append carries. */
  readonly entries: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly vote: string;
  readonly reject: boolean;
  readonly rejectHint: number;
}

/** One event of node `nid`, with the state of the node: before what it receives, after all else. */
export interface TlaEvent {
  readonly name: TlaEventName;
  readonly nid: string;
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number };
  readonly role: TlaRole;
  /** The last index of the log. */
  readonly log: number;
  /** The incoming and the outgoing voters. */
  readonly conf: readonly [readonly string[], readonly string[]];
  /** In a trace, this is `msg`. */
  readonly message?: TlaMessage;
  readonly prop?: { readonly cc: { readonly newconf: readonly string[] } };
}
