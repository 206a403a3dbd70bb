import type { Message, NodeId, RaftOptions, Status } from "@quorate/core";
import { type Observer, Violation } from "./judge.ts";

/**
 * Checks what leases of reads count on (thesis §6.4.1): a node that heard from a leader votes for nobody
 * until an election timeout has passed on its clock, unless that leader wants it; and since it does not
 * know after a restart whom it heard just before, neither until then.
 */
export class LeasePromise implements Observer {
  readonly #owes: boolean;
  readonly #ticksMax: number;
  /** Ticks since each node started, or heard from a leader. */
  readonly #ticks = new Map<NodeId, number>();

  constructor({ leaseReads = false, electionTimeoutTicks = 10 }: RaftOptions) {
    this.#owes = leaseReads;
    this.#ticksMax = electionTimeoutTicks;
  }

  started({ id }: Status): void {
    this.#ticks.set(id, 0);
  }

  ticked({ id }: Status): void {
    this.#ticks.set(id, (this.#ticks.get(id) ?? 0) + 1);
  }

  received(before: Status, after: Status, message: Message): void {
    if (!this.#owes) return;
    const { id, term, vote } = after;
    switch (message.kind) {
      case "append-entries":
      case "install-snapshot":
      case "heartbeat":
        if (message.term === term) this.#ticks.set(id, 0);
        return;
      case "request-vote":
        break;
      default:
        return;
    }
    const votes = vote === message.from && (vote !== before.vote || term !== before.term);
    if (!votes || message.transfer === true) return;
    const ticks = this.#ticks.get(id) ?? 0;
    if (ticks >= this.#ticksMax) return;
    const what = `node ${id} votes ${ticks} ticks after it may have confirmed a lease`;
    throw new Violation("contract", `${what} (thesis §6.4.1)`);
  }
}
