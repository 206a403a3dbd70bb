import {
  describeConfState,
  type Message,
  type NodeId,
  type Status,
  type Term,
} from "@quorate/core";
import { type Disks, type Judge, Violation } from "../judge.ts";
import { isMajority } from "./majority.ts";

/**
 * I1, Election Safety (§5.2): a node leads, or speaks as a leader, only with the votes of a majority of
 * the voters, each given in that very term. The others' votes were sent, its own is on its disk.
 */
export class ElectedByMajority implements Judge {
  readonly invariant = "I1";
  readonly #disks: Disks;
  /** Who voted for whom, by term and candidate; the candidates themselves are not among them. */
  readonly #votes = new Map<Term, Map<NodeId, Set<NodeId>>>();
  /** Who came to lead each term. */
  readonly #elected = new Map<Term, NodeId>();

  constructor(disks: Disks) {
    this.#disks = disks;
  }

  sent(message: Message): void {
    const { kind, from, to, term } = message;
    if (kind === "append-entries" || kind === "install-snapshot" || kind === "heartbeat") {
      if (this.#elected.get(term) === from) return;
      throw new Violation("I1", `node ${from} speaks as the leader of term ${term}, unelected`);
    }
    if (kind !== "request-vote-response" || !message.granted) return;
    const candidates = this.#votes.get(term) ?? new Map<NodeId, Set<NodeId>>();
    this.#votes.set(term, candidates);
    const voters = candidates.get(to) ?? new Set<NodeId>();
    candidates.set(to, voters);
    if (from !== to) voters.add(from);
  }

  elected({ id, term, confState }: Status): void {
    const others = this.#votes.get(term)?.get(id) ?? new Set<NodeId>();
    const own = this.#disks.termOf(id) >= term;
    if (isMajority(confState, (voter) => (voter === id ? own : others.has(voter)))) {
      this.#elected.set(term, id);
      return;
    }
    throw new Violation(
      "I1",
      `node ${id} leads term ${term} with the votes of [${[...others].join(" ")}], ` +
        `${own ? "and its own" : "its own not durable"}, of ${describeConfState(confState)}`,
    );
  }
}
