import type { ReplicaStatus } from "quorate";

/** What `GET /v1/status` answers: the replica's status, and the process that hosts it. */
export interface NodeStatus extends ReplicaStatus {
  /** The version of the server. */
  readonly version: string;
  /** The process id of the server, on its machine. */
  readonly pid: number;
}
