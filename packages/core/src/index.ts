export {
  isSafe,
  none,
  termMax,
  type LogIndex,
  type NodeId,
  type ReadId,
  type Term,
  type Ticks,
} from "./ids.ts";
export { assert, AssertionError, at, unreachable } from "./assert.ts";
export {
  isErrorCode,
  RaftError,
  type ErrorCode,
  type Outcome,
  type RaftErrorOptions,
} from "./errors.ts";
export {
  entryBytes,
  entryOverheadBytes,
  isUpToDate,
  newEntry,
  origin,
  type Entry,
  type EntryId,
  type EntryKind,
} from "./entry.ts";
export {
  ascending,
  confStateFlaw,
  confStateOf,
  emptyConfState,
  isJoint,
  isMember,
  membersOf,
  sameConfState,
  votersOf,
  type ConfState,
} from "./conf-state.ts";
export {
  applyConfChange,
  leaveJoint,
  newConfChange,
  type ConfChange,
  type MemberChange,
  type Transition,
} from "./conf-change.ts";
export {
  confStateAfter,
  decodeConfChange,
  decodeConfState,
  encodeConfChange,
  encodeConfState,
  type DecodedConfChange,
} from "./conf-codec.ts";
export { joiningSnapshot, snapshotAtStart, snapshotFlaw, type Snapshot } from "./snapshot.ts";
export { initialHardState, mustSync, sameHardState, type HardState } from "./hard-state.ts";
export { emptyStorage, type Storage } from "./storage.ts";
export type { RaftOptions } from "./options.ts";
export { RaftNode } from "./raft-node.ts";
export {
  describeConfState,
  describeData,
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeStatus,
} from "./describe.ts";
export { fingerprintMessage, type FingerprintOptions } from "./fingerprint.ts";
export { checkStep } from "./invariants.ts";
export type { NodeImage } from "./image.ts";
export type { LogImage } from "./log.ts";
export type { OutboxImage } from "./outbox.ts";
export type { HandoverImage } from "./handover.ts";
export { type CompleteOptions, completeOptions } from "./complete-options.ts";
export { Inflights } from "./inflights.ts";
export type { Progress } from "./progress.ts";
export type { Leader, Peer, Role, StepDownReason } from "./state.ts";
export { SeededRandom } from "./random.ts";
export {
  committedIndex,
  quorum,
  voteResult,
  type Majority,
  type Voters,
  type VoteResult,
} from "./quorum.ts";
export type {
  AppendEntries,
  AppendEntriesRejection,
  AppendEntriesResponse,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  MessageKind,
  PreVote,
  PreVoteResponse,
  Propose,
  ReadIndex,
  ReadIndexResponse,
  RequestVote,
  RequestVoteResponse,
  TimeoutNow,
} from "./message.ts";
export type { ReadState, Ready } from "./ready.ts";
export type { PeerStatus, RoleKind, Status } from "./status.ts";
