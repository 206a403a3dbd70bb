export { startReplica, type StartOptions } from "./start-replica.ts";
export { openSession, type SessionOptions } from "./open-session.ts";
export { recoverReplica, type Recovered } from "./recover-replica.ts";
export {
  planRecovery,
  type RecoverOptions,
  type RecoveryPlan,
  type Survivor,
  type SurvivorElsewhere,
} from "./recovery-plan.ts";
export {
  inspectDataDir,
  type InspectedDataDir,
  type LoggedMembers,
  verifyDataDir,
} from "./inspect-data-dir.ts";
export type { LineageStep } from "./lineage.ts";
export { restoreSnapshot, type Restored, type RestoreOptions } from "./restore-snapshot.ts";
export {
  openSnapshotArchive,
  type ArchivedMember,
  type SnapshotArchive,
  type SnapshotInfo,
} from "./snapshot-archive.ts";
export { writeFlightRecord, type FlightRecordResult } from "./flight-files.ts";
export { formatAddress, parseAddress, type Address } from "./address.ts";
export {
  findHolder,
  lockDirectory,
  type DirectoryHolder,
  type DirectoryLock,
} from "./directory-lock.ts";
export type { RefusedConnection } from "./handshake.ts";
export { NodeClock } from "./node-clock.ts";
export { NodeDisk, openNodeDisk } from "./node-disk.ts";
export { NodeRandom } from "./node-random.ts";
export { peerName } from "./peer-certificate.ts";
export type { PeerTlsOptions } from "./peer-tls.ts";
export { withTracing, type Span, type Tracer } from "./tracing.ts";
export { registeredTracer, type RegisteredTracer, type TraceHeaders } from "./registered-tracer.ts";
export { TcpNetwork } from "./tcp-network.ts";
export type { TcpLimits, TcpNetworkOptions } from "./tcp-options.ts";
export {
  TlsCredentials,
  type PemSource,
  type TlsChange,
  type TlsCredentialsOptions,
  type TlsSource,
} from "./tls-credentials.ts";
export { WatchedFiles, type WatchedFilesOptions } from "./watched-files.ts";
export {
  describeEntry,
  none,
  RaftError,
  type ConfChange,
  type ConfState,
  type Entry,
  type ErrorCode,
  type LogIndex,
  type NodeId,
  type Outcome,
  type PeerStatus,
  type RaftErrorOptions,
  type RaftOptions,
  type RoleKind,
  type Status,
  type Term,
} from "@quorate/core";
export {
  FlightReplay,
  decodeSessionCommand,
  decodeSessionResult,
  encodeSessionCommand,
  encodeSessionResult,
  exactlyOnce,
  onceKeyBytesMax,
  openReplica,
  readSessions,
  SequenceWindow,
  SessionTable,
  explain,
  explainGroup,
  explainIndex,
  findingCodes,
  findingKey,
  type Finding,
  type FindingCode,
  type GroupFinding,
  type GroupReport,
  type GroupStatus,
  type Severity,
  type ElectionReport,
  type MemberChangeReport,
  type MemberChangeWait,
  type Observations,
  type PeerContact,
  type ProposalLoad,
  type Strain,
  type VoteRefusal,
  type AbortSignalLike,
  type AppliedBatch,
  type Answered,
  type Applied,
  type AppliedOnce,
  type CallOptions,
  type ChangeOptions,
  type Clock,
  type CommittedBatch,
  type DigestOptions,
  type DigestStatus,
  type CommandOfSession,
  type CommandOnce,
  type DecodedSessionCommand,
  type Disk,
  type DiskFile,
  type DurableSnapshots,
  type FlightStep,
  type FlightVerdict,
  type Introduction,
  type KeptResult,
  type LeadershipEnd,
  type LinkFigures,
  type MemberOrNew,
  type MemberPlan,
  type Mended,
  type Missing,
  type MembersView,
  type MemberView,
  type MemberWish,
  type MemorySnapshots,
  type Network,
  type NewMember,
  type Peer,
  type PersistedBatch,
  type PinnedState,
  type PlannedStep,
  type PlanWarning,
  type ProposalStages,
  type Proposer,
  type Random,
  type ReadOptions,
  type ReadSessions,
  type Receiver,
  type Replica,
  type ReplicaCounters,
  type ReplicaEvent,
  type ReplicaFigures,
  type ReplicaLeadership,
  type ReplicaMembers,
  type ReplicaObserver,
  type ReplicaOptions,
  type ReplicaStatus,
  type Session,
  type SessionAdmission,
  type SessionCommand,
  type SessionName,
  type SessionResult,
  type SessionsView,
  type SessionView,
  type SnapshotOptions,
  type SnapshotTaken,
  type StateMachine,
  type Timer,
} from "@quorate/runtime";
export type {
  Batch,
  FoundBatch,
  InspectedLog,
  InspectOptions,
  LogWatcher,
  SegmentFound,
  SegmentHeader,
  SnapshotFound,
  TornPlace,
} from "@quorate/wal";
export { type Crc32c, useCrc32c } from "@quorate/wire";
