import { type Message, type NodeId, quorum, type RaftOptions, type Status } from "@quorate/core";
import { type Observer, Violation } from "./judge.ts";

/**
 * Checks that a leader which counts who still answers goes on only if a majority did since it counted
 * last (thesis §6.2). No safety depends on it; but those who hear one that is cut off stay loyal to it.
 */
export class QuorumCheck implements Observer {
  readonly #checks: boolean;
  /** Whom each leader heard from since it counted last. */
  readonly #heard = new Map<NodeId, Set<NodeId>>();

  constructor({ checkQuorum = true }: RaftOptions) {
    this.#checks = checkQuorum;
  }

  elected({ id }: Status): void {
    this.#heard.set(id, new Set([id]));
  }

  received(_: Status, { id }: Status, { from }: Message): void {
    this.#heard.get(id)?.add(from);
  }

  stepped(before: Status, after: Status): void {
    if (!this.#checks || before.role !== "leader" || after.role !== "leader") return;
    const hasCounted = after.electionElapsedTicks < before.electionElapsedTicks;
    if (!hasCounted || before.term !== after.term) return;
    const heard = this.#heard.get(after.id) ?? new Set();
    if (heard.size < quorum(after.voters.length)) {
      const whom = [...heard].join(" ");
      throw new Violation("contract", `node ${after.id} leads on, and heard from [${whom}] alone`);
    }
    this.#heard.set(after.id, new Set([after.id]));
  }
}
