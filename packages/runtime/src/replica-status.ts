import type { RaftNode } from "@quorate/core";
import type { ReplicaFigures } from "./figures.ts";
import type { ReplicaStatus } from "./replica.ts";
import type { ReplicaParts } from "./replica-parts.ts";
import type { ReplicaState } from "./replica-state.ts";

/** The parts that tell of themselves in a status. */
type TellingParts = Pick<
  ReplicaParts<never, never>,
  | "diskQueue"
  | "diskRoom"
  | "digests"
  | "leadership"
  | "observer"
  | "pending"
  | "receiver"
  | "sender"
>;

/** A look at a replica: at its core, its state and its parts, but for its figures. */
export function replicaStatusOf(
  clusterId: string,
  node: RaftNode,
  state: ReplicaState,
  parts: TellingParts,
): Omit<ReplicaStatus, keyof ReplicaFigures> {
  const { diskQueue, diskRoom, digests, leadership, observer, pending, receiver, sender } = parts;
  const status = node.status();
  return {
    ...status,
    ...observer.report(status),
    clusterId,
    state: state.kind,
    failure: state.kind === "failed" ? state.error.message : undefined,
    leadershipEnd: leadership.lastEnd,
    connected: observer.contacts.connected,
    pending,
    snapshots: { sending: sender.sending, receiving: receiver.receiving },
    unpersistedBytes: diskQueue.unpersistedBytes,
    digest: digests.status,
    diskLacks: diskRoom.lack,
  };
}
