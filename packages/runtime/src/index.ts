export type { Clock, Disk, DiskFile, Network, Random, Receiver, Timer } from "./ports.ts";
export type { StateMachine } from "./state-machine.ts";
export type {
  AbortSignalLike,
  Answered,
  Applied,
  CallOptions,
  ReadOptions,
  Replica,
  ReplicaEvent,
  ReplicaStatus,
} from "./replica.ts";
export {
  validateReplicaOptions,
  type CompleteReplicaOptions,
  type ReplicaOptions,
} from "./replica-options.ts";
export { openReplica } from "./open-replica.ts";
