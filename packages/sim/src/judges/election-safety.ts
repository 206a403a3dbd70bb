import type { Message, NodeId, Status, Term } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/** I1, Election Safety (§5.2): at most one leader in a term, over the whole run. */
export class ElectionSafety implements Judge {
  readonly invariant = "I1";
  readonly #leaders = new Map<Term, NodeId>();

  elected({ id, term }: Status): void {
    this.#lead(id, term);
  }

  /** Whoever speaks as a leader is one. */
  sent({ kind, from, term }: Message): void {
    const leads = kind === "append-entries" || kind === "install-snapshot" || kind === "heartbeat";
    if (leads) this.#lead(from, term);
  }

  #lead(node: NodeId, term: Term): void {
    const leader = this.#leaders.get(term);
    if (leader === undefined) this.#leaders.set(term, node);
    else if (leader !== node) {
      throw new Violation("I1", `nodes ${leader} and ${node} both lead term ${term}`);
    }
  }
}
