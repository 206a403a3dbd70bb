import { type LogIndex, type Message, type NodeId, none, type Status } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/** The answers to the heartbeats of one leader in one term: when each follower gave its last. */
type Answers = Map<NodeId, number>;

/**
 * I11: a read ends with an index only after a majority, the leader among it, has confirmed to one
 * leader that it still leads, each by an answer given after the read began (thesis §6.4). Finds out
 * what `LinearizableReads` sees only if another leader has committed in the meantime.
 */
export class ReadsConfirmed implements Judge {
  readonly invariant = "I11";
  /** Counts answers, to tell those before a moment from those after it. */
  #moment = 0;
  #voterCount = 0;
  /** By the leader's term and id. */
  readonly #answers = new Map<string, Answers>();
  /** When each read began that has not ended. */
  readonly #begun = new Map<number, number>();

  started({ voters }: Status): void {
    this.#voterCount = voters.length;
  }

  sent(message: Message): void {
    if (message.kind !== "heartbeat-response" || message.readRound === none) return;
    this.#moment += 1;
    const reign = `${message.term}/${message.to}`;
    const answers: Answers = this.#answers.get(reign) ?? new Map<NodeId, number>();
    // The newest reign comes last.
    this.#answers.delete(reign);
    this.#answers.set(reign, answers.set(message.from, this.#moment));
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > reignCountMax && oldest !== undefined) this.#answers.delete(oldest);
  }

  readStarted(read: number): void {
    this.#begun.set(read, this.#moment);
  }

  readEnded(read: number, index: LogIndex): void {
    const begin = this.#begun.get(read);
    this.#begun.delete(read);
    if (index === none || begin === undefined) return;
    // A node that is alone confirms to itself.
    let most = 0;
    for (const answers of this.#answers.values()) {
      let count = 0;
      for (const moment of answers.values()) if (moment > begin) count += 1;
      most = Math.max(most, count);
    }
    if (2 * (most + 1) > this.#voterCount) return;
    throw new Violation(
      "I11",
      `a read at ${index} was confirmed by ${most} followers since it began, of ${this.#voterCount} voters`,
    );
  }
}

/** How many reigns are remembered: a read that outlives more is taken for unconfirmed. */
const reignCountMax = 64;
