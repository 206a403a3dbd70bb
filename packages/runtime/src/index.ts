export type {
  Clock,
  Disk,
  DiskFile,
  Introduction,
  Network,
  Peer,
  Random,
  Receiver,
  Timer,
} from "./ports.ts";
export { guestCountDefault, PeerBook, type Admission } from "./peer-book.ts";
export type {
  DurableSnapshots,
  MemorySnapshots,
  PinnedState,
  StateMachine,
} from "./state-machine.ts";
export type {
  AbortSignalLike,
  Answered,
  Applied,
  CallOptions,
  ChangeOptions,
  DigestStatus,
  LeadershipEnd,
  ReadOptions,
  Replica,
  ReplicaLeadership,
  ReplicaMembers,
  ReplicaStatus,
  SnapshotTaken,
} from "./replica.ts";
export type {
  AppliedBatch,
  CommittedBatch,
  PersistedBatch,
  ProposalStages,
  ReplicaObserver,
} from "./replica-observer.ts";
export { checkWanted } from "./abort-signal.ts";
export type { Mended, Missing } from "./borrowing.ts";
export type {
  ElectionReport,
  MemberChangeReport,
  MemberChangeWait,
  Observations,
  PeerContact,
  ProposalLoad,
  Strain,
  VoteRefusal,
} from "./observations.ts";
export { explain } from "./explain.ts";
export { explainIndex } from "./explain-index.ts";
export {
  explainGroup,
  type GroupFinding,
  type GroupReport,
  type GroupStatus,
} from "./explain-group.ts";
export {
  type Finding,
  type FindingCode,
  findingCodes,
  findingKey,
  type Severity,
} from "./finding.ts";
export type { ReplicaEvent } from "./replica-event.ts";
export type { LinkFigures, ReplicaCounters, ReplicaFigures } from "./figures.ts";
export type { SnapshotReceiving } from "./snapshot-receiver.ts";
export type { DiskLack } from "./disk-room.ts";
export type { SnapshotSending } from "./snapshot-sender.ts";
export type { MemberOrNew, MemberWish, NewMember } from "./member-wish.ts";
export type { MemberPlan, PlannedStep, PlanWarning } from "./member-plan.ts";
export type { MembersView, MemberView } from "./members-view.ts";
export {
  validateReplicaOptions,
  type CompleteReplicaOptions,
  type ReplicaOptions,
} from "./replica-options.ts";
export type { DigestOptions } from "./digest-options.ts";
export type { CompleteSnapshotOptions, SnapshotOptions } from "./snapshot-options.ts";
export { openReplica } from "./open-replica.ts";
export { FlightReplay, type FlightStep, type FlightVerdict } from "./flight/flight-replay.ts";
export { RecordedNode } from "./flight/recorded-node.ts";
export { exactlyOnce } from "./exactly-once.ts";
export { openSession, type AppliedOnce, type Session, type SessionOptions } from "./session.ts";
export type { Proposer } from "./session-attempts.ts";
export {
  decodeSessionCommand,
  encodeSessionCommand,
  onceKeyBytesMax,
  type CommandOfSession,
  type CommandOnce,
  type DecodedSessionCommand,
  type SessionCommand,
} from "./session-command.ts";
export { decodeSessionResult, encodeSessionResult, type SessionResult } from "./session-result.ts";
export { readSessions, type ReadSessions } from "./session-snapshot.ts";
export {
  SessionTable,
  type SessionAdmission,
  type KeptResult,
  type SessionName,
  type SessionsView,
  type SessionView,
} from "./session-table.ts";
export { SequenceWindow } from "./sequence-window.ts";
export { foldMembership, restoredMembership, type Membership } from "./member-table.ts";
