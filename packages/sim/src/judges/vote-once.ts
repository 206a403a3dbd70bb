import type { Message, NodeId, Status, Term } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

interface Vote {
  readonly term: Term;
  readonly candidate: NodeId;
}

/**
 * I7: a node votes for one candidate in a term, also across a crash (§5.2). A candidate's request is
 * a vote for itself. Votes of older terms may still be on their way, so all are kept.
 */
export class VoteOnce implements Judge {
  readonly invariant = "I7";
  readonly #votes = new Map<NodeId, Map<Term, NodeId>>();
  readonly #newest = new Map<NodeId, Vote>();

  started({ id, term, vote }: Status): void {
    const newest = this.#newest.get(id);
    if (newest === undefined || newest.term !== term || newest.candidate === vote) return;
    throw new Violation(
      "I7",
      `node ${id} starts with vote ${vote} after it voted for ${newest.candidate} in term ${term}`,
    );
  }

  sent(message: Message): void {
    if (message.kind === "request-vote") this.#vote(message.from, message.term, message.from);
    else if (message.kind === "request-vote-response" && message.granted) {
      this.#vote(message.from, message.term, message.to);
    }
  }

  #vote(node: NodeId, term: Term, candidate: NodeId): void {
    let votes = this.#votes.get(node);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(node, votes);
    }
    const earlier = votes.get(term);
    if (earlier !== undefined && earlier !== candidate) {
      throw new Violation(
        "I7",
        `node ${node} voted for ${earlier} and for ${candidate} in term ${term}`,
      );
    }
    votes.set(term, candidate);
    const newest = this.#newest.get(node);
    if (newest === undefined || newest.term < term) this.#newest.set(node, { term, candidate });
  }
}
