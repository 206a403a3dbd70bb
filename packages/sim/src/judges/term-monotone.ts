import type { Message, NodeId, Status, Term } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/**
 * I6: a node's term never decreases while it runs, and never below a term in which it promised
 * something: asked for votes, voted, acknowledged or led. Across a crash it may forget a term that it
 * had merely heard of.
 */
export class TermMonotone implements Judge {
  readonly invariant = "I6";
  readonly #promised = new Map<NodeId, Term>();

  started({ id, term }: Status): void {
    const promised = this.#promised.get(id) ?? 0;
    if (term >= promised) return;
    throw new Violation("I6", `node ${id} starts in term ${term} after promises in ${promised}`);
  }

  stepped(before: Status, after: Status): void {
    if (before.term <= after.term) return;
    throw new Violation("I6", `node ${after.id} went from term ${before.term} to ${after.term}`);
  }

  sent(message: Message): void {
    if (!isPromise(message)) return;
    const { from, term } = message;
    if (term > (this.#promised.get(from) ?? 0)) this.#promised.set(from, term);
  }
}

function isPromise(message: Message): boolean {
  switch (message.kind) {
    case "request-vote":
    case "append-entries":
    case "append-entries-response":
    case "install-snapshot":
    case "heartbeat":
      return true;
    case "request-vote-response":
      return message.granted;
    default:
      return false;
  }
}
