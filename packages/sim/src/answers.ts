import type { Message, NodeId, Ready, Status } from "@quorate/core";
import { type Observer, Violation } from "./judge.ts";

/**
 * Checks that a candidate of an older term is told of the newer one, by the next Ready of whoever it asked.
 * No safety depends on it; but a candidate that hears nothing never catches up, and where its vote is
 * needed, nobody is elected.
 */
export class Answers implements Observer {
  /** The candidates that each node has not answered yet. */
  readonly #owed = new Map<NodeId, NodeId[]>();

  started({ id }: Status): void {
    this.#owed.delete(id);
  }

  received({ id, term }: Status, _: Status, message: Message): void {
    const isAsked = message.kind === "pre-vote" || message.kind === "request-vote";
    if (!isAsked || message.term >= term) return;
    const owed = this.#owed.get(id);
    if (owed === undefined) this.#owed.set(id, [message.from]);
    else owed.push(message.from);
  }

  readied({ id }: Status, { messages, messagesAfterPersist }: Ready): void {
    for (const candidate of this.#owed.get(id) ?? []) {
      const isAnswer = ({ to, kind }: Message): boolean =>
        to === candidate && (kind === "pre-vote-response" || kind === "request-vote-response");
      if (messages.some(isAnswer) || messagesAfterPersist.some(isAnswer)) continue;
      throw new Violation(
        "contract",
        `node ${id} does not answer node ${candidate}, which is behind`,
      );
    }
    this.#owed.delete(id);
  }
}
