export { startReplica, type StartOptions } from "./start-replica.ts";
export { formatAddress, parseAddress, type Address } from "./address.ts";
export { lockDirectory, type DirectoryLock } from "./directory-lock.ts";
export type { RefusedConnection } from "./handshake.ts";
export { NodeClock } from "./node-clock.ts";
export { NodeDisk, openNodeDisk } from "./node-disk.ts";
export { NodeRandom } from "./node-random.ts";
export { TcpNetwork } from "./tcp-network.ts";
export type { TcpLimits, TcpNetworkOptions } from "./tcp-options.ts";
export {
  none,
  RaftError,
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
  openReplica,
  type AbortSignalLike,
  type Answered,
  type Applied,
  type CallOptions,
  type Clock,
  type Disk,
  type DiskFile,
  type Introduction,
  type Network,
  type Peer,
  type Random,
  type ReadOptions,
  type Receiver,
  type Replica,
  type ReplicaEvent,
  type ReplicaOptions,
  type ReplicaStatus,
  type StateMachine,
  type Timer,
} from "@quorate/runtime";
