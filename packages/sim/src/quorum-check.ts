import type { Message, NodeId, RaftOptions, Status } from "@quorate/core";
import { type Observer, Violation } from "./judge.ts";
import { isMajority } from "./judges/majority.ts";

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
    if (before.confState !== after.confState) this.#welcome(before, after);
    const hasCounted = after.electionElapsedTicks < before.electionElapsedTicks;
    if (!hasCounted || before.term !== after.term) return;
    const heard = this.#heard.get(after.id) ?? new Set();
    if (!isMajority(after.confState, (id) => heard.has(id))) {
      const whom = [...heard].join(" ");
      throw new Violation("contract", `node ${after.id} leads on, and heard from [${whom}] alone`);
    }
    this.#heard.set(after.id, new Set([after.id]));
  }

  /** Who has just been added had no chance to answer yet, and counts as heard from. */
  #welcome(before: Status, after: Status): void {
    const known = new Set(before.progress.map(({ id }) => id));
    for (const { id } of after.progress) if (!known.has(id)) this.#heard.get(after.id)?.add(id);
  }
}
