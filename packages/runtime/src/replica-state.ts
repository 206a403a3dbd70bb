import { type NodeId, RaftError } from "@quorate/core";

/** What a replica can still do. The last three are final. */
export type ReplicaState =
  | { readonly kind: "running" }
  /** The disk has no room, or not all that is kept in reserve. */
  | { readonly kind: "full" }
  | { readonly kind: "removed"; readonly by: NodeId }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "closed" };

/** Whether nothing more will come of it. */
export function isOver({ kind }: ReplicaState): boolean {
  return kind === "removed" || kind === "failed" || kind === "closed";
}

/** Why no command is handed over in this state, while so much waits for the disk; undefined if one is. */
export function proposalRefusalIn(
  { kind }: ReplicaState,
  unpersistedBytes: number,
  unpersistedBytesMax: number,
): RaftError | undefined {
  if (kind === "full") return new RaftError("disk_full", "the disk has no room");
  if (unpersistedBytes <= unpersistedBytesMax) return undefined;
  return new RaftError("busy", `${unpersistedBytes} bytes of entries wait for the disk`);
}

/** Why no call can be taken in this state, or undefined. */
export function refusalIn(state: ReplicaState): RaftError | undefined {
  switch (state.kind) {
    case "removed":
      return new RaftError("removed", `the group has removed this node, as node ${state.by} knows`);
    case "failed": {
      const cause = state.error;
      return new RaftError("closed", `the replica has failed: ${cause.message}`, { cause });
    }
    case "closed":
      return new RaftError("closed", "the replica is closed");
    case "running":
    case "full":
      return undefined;
  }
}
