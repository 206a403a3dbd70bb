import { explainLeader } from "./explain-leader.ts";
import { explainEnd, explainNode } from "./explain-node.ts";
import { explainPeers, explainWork } from "./explain-peers.ts";
import { type Finding, ranked } from "./finding.ts";
import type { ReplicaStatus } from "./replica.ts";

/**
 * What is to be known of a replica beside its numbers: why there is no leader, why nothing is committed or
 * applied, why calls are refused or wait, who is missing, and what is under way; each with what to do. What
 * matters most comes first. Empty if all is well. The same status gives the same words.
 */
export function explain(status: ReplicaStatus): readonly Finding[] {
  const end = explainEnd(status);
  if (end !== undefined) return [end];
  return ranked([
    ...explainNode(status),
    ...explainLeader(status),
    ...explainPeers(status),
    ...explainWork(status),
  ]);
}
