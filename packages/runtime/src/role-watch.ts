import { type NodeId, none, type RaftNode, type RoleKind, type Term } from "@quorate/core";
import type { LeadershipEnd } from "./replica.ts";
import type { ReplicaEvent } from "./replica-event.ts";

/** Notices what changed of a node's role, and of whom it follows, since it was last asked. */
export class RoleWatch {
  readonly #node: RaftNode;
  #term: Term;
  #leader: NodeId;
  #role: RoleKind;
  /** The newest term of which it is known whether this node was a candidate in it. */
  #countedTerm: Term;
  #started = 0;
  #won = 0;
  #leaderChanges = 0;

  constructor(node: RaftNode) {
    this.#node = node;
    this.#term = node.term;
    this.#leader = node.leader;
    this.#role = node.role;
    this.#countedTerm = node.term;
  }

  /** What was noticed since the beginning: elections begun and won by this node, and leaders found. */
  get counts(): {
    readonly started: number;
    readonly won: number;
    readonly leaderChanges: number;
  } {
    return { started: this.#started, won: this.#won, leaderChanges: this.#leaderChanges };
  }

  /** What to tell of the role, if it is another. `onEnded` is asked why this node leads no more. */
  roleChange(onEnded: () => LeadershipEnd | undefined): ReplicaEvent | undefined {
    const { term, role } = this.#node;
    this.#countElection();
    if (role === this.#role) return undefined;
    if (role === "leader") this.#won++;
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
    if (leader !== none) this.#leaderChanges++;
    return { kind: "leader-changed", term, leader };
  }

  /** A candidate votes for itself, in a new term. It may have won or lost before it was looked at. */
  #countElection(): void {
    const { term, id } = this.#node;
    if (term === this.#countedTerm) return;
    this.#countedTerm = term;
    if (this.#node.status().vote === id) this.#started++;
  }
}
