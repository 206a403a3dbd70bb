import type { NodeId, RaftNode, Storage } from "@quorate/core";

/**
 * What an exploration needs of a node. `RaftNode` is one; a test may put a broken one in its place,
 * which wraps a real one and meddles with what goes in or comes out.
 */
export type ModelNode = Pick<
  RaftNode,
  | "id"
  | "term"
  | "role"
  | "lastIndex"
  | "hasReady"
  | "step"
  | "propose"
  | "tick"
  | "campaign"
  | "ready"
  | "accept"
  | "persisted"
  | "applied"
  | "status"
  | "entries"
  | "check"
  | "fingerprint"
> & {
  /** An equal node that goes its own way from here, meddling as this one does. */
  copy(): ModelNode;
};

/** Starts a node from what its disk holds. */
export type CreateNode = (id: NodeId, voters: readonly NodeId[], storage: Storage) => ModelNode;
