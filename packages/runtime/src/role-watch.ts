import { type NodeId, none, type RaftNode, type RoleKind, type Term } from "@quorate/core";
import type { LeadershipEnd, ReplicaEvent } from "./replica.ts";

/** Notices what changed of a node's role, and of whom it follows, since it was last asked. */
export class RoleWatch {
  readonly #node: RaftNode;
  #term: Term;
  #leader: NodeId;
  #role: RoleKind;

  constructor(node: RaftNode) {
    this.#node = node;
    this.#term = node.term;
    this.#leader = node.leader;
    this.#role = node.role;
  }

  /** What to tell of the role, if it is another. `onEnded` is asked why this node leads no more. */
  roleChange(onEnded: () => LeadershipEnd | undefined): ReplicaEvent | undefined {
    const { term, role } = this.#node;
    if (role === this.#role) return undefined;
    const reason = this.#role === "leader" ? onEnded() : undefined;
    this.#role = role;
    return { kind: "role-changed", term, role, reason };
  }

  /** What to tell of the leader, if it is another, or the same in another term. */
  leaderChange(): ReplicaEvent | undefined {
    const { term, leader } = this.#node;
    if (leader === this.#leader && (leader === none || term === this.#term)) return undefined;
    this.#term = term;
    this.#leader = leader;
    return { kind: "leader-changed", term, leader };
  }
}
