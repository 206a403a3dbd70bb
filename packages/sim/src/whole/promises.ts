import type { HardState, LogIndex, Message, NodeId, Status, Term } from "@quorate/core";
import { type Observer, Violation } from "../judge.ts";

/** What a node said that only a durable log lets it say. */
interface Promised {
  term: Term;
  /** The candidate that it voted for in `term`, or 0. */
  vote: NodeId;
  /** Up to where it acknowledged the log of the leader of `term`. */
  matchIndex: LogIndex;
}

/**
 * I10, for one node: what it promised is on its disk, from the moment at which the promise leaves. In
 * the term of the promise that can be checked; what a later leader makes of it is for other judges.
 */
export class Promises implements Observer {
  readonly #promised = new Map<NodeId, Promised>();

  sent(message: Message): void {
    const { from, to, term } = message;
    switch (message.kind) {
      case "request-vote":
        this.#of(from, term).vote = from;
        break;
      case "request-vote-response":
        if (message.granted) this.#of(from, term).vote = to;
        break;
      case "append-entries-response": {
        const promised = this.#of(from, term);
        promised.matchIndex = Math.max(promised.matchIndex, message.matchIndex);
        break;
      }
      default:
        break;
    }
  }

  started({ id, term, vote, last }: Status): void {
    this.check(id, { term, vote, commitIndex: 0 }, last.index);
  }

  /** Throws unless a log with this hard state and end keeps what `node` promised. */
  check(node: NodeId, { term, vote }: HardState, lastIndex: LogIndex): void {
    const promised = this.#promised.get(node);
    if (promised === undefined || term > promised.term) return;
    const claim = `the disk of node ${node} has`;
    if (term < promised.term) {
      throw new Violation("I6", `${claim} term ${term}, and promised in term ${promised.term}`);
    }
    if (promised.vote !== 0 && vote !== promised.vote) {
      const wanted = `voted for ${promised.vote} in term ${term}`;
      throw new Violation("I7", `${claim} vote ${vote}, and ${wanted}`);
    }
    if (lastIndex < promised.matchIndex) {
      const wanted = `acknowledged ${promised.matchIndex} in term ${term}`;
      throw new Violation("I10", `${claim} entries up to ${lastIndex}, and ${wanted}`);
    }
  }

  /** What is promised in `term`, which is forgotten once there is a newer promise. */
  #of(node: NodeId, term: Term): Promised {
    const promised = this.#promised.get(node);
    if (promised !== undefined && promised.term === term) return promised;
    const next = { term, vote: 0, matchIndex: 0 };
    // A late frame of an older term promises nothing that could still be checked.
    if (promised === undefined || promised.term < term) this.#promised.set(node, next);
    return next;
  }
}
