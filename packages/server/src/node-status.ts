import type { Finding, ReplicaStatus } from "quorate";

/** What `GET /v1/status` answers: the replica's status, and the process that hosts it. */
export interface NodeStatus extends ReplicaStatus {
  /** The version of the server. */
  readonly version: string;
  /** What is to be known beside the numbers, what matters most first; empty if all is well. */
  readonly findings: readonly Finding[];
  /** What became of the entry that was asked about; undefined if none was. */
  readonly indexFindings?: readonly Finding[] | undefined;
  /** The process id of the server, on its machine. */
  readonly pid: number;
}
