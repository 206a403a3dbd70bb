import {
  type ConfState,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  type Status,
} from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";
import { isMajority } from "./majority.ts";

/** What is known of one leader in one term. */
interface Reign {
  readonly leader: NodeId;
  /** When each follower last answered a heartbeat. */
  readonly answers: Map<NodeId, number>;
  /** The configurations that it led by. */
  readonly confStates: ConfState[];
}

/**
 * I11: a read ends with an index only after a majority, the leader among it, has confirmed to one
 * leader that it still leads, each by an answer given after the read began (thesis §6.4). Finds out
 * what `LinearizableReads` sees only if another leader has committed in the meantime.
 */
export class ReadsConfirmed implements Judge {
  readonly invariant = "I11";
  /** Counts answers, to tell those before a moment from those after it. */
  #moment = 0;
  /** By the leader's term and id; the newest come last. */
  readonly #reigns = new Map<string, Reign>();
  /** When each read began that has not ended. */
  readonly #begun = new Map<number, number>();

  elected({ id, term, confState }: Status): void {
    this.#reigns.set(`${term}/${id}`, { leader: id, answers: new Map(), confStates: [confState] });
    const [oldest] = this.#reigns.keys();
    if (this.#reigns.size > reignCountMax && oldest !== undefined) this.#reigns.delete(oldest);
  }

  stepped(before: Status, { id, role, term, confState }: Status): void {
    if (role !== "leader" || before.confState === confState) return;
    this.#reigns.get(`${term}/${id}`)?.confStates.push(confState);
  }

  sent(message: Message): void {
    if (message.kind !== "heartbeat-response" || message.readRound === none) return;
    this.#moment += 1;
    const reign = this.#reigns.get(`${message.term}/${message.to}`);
    reign?.answers.set(message.from, this.#moment);
  }

  readStarted(read: number): void {
    this.#begun.set(read, this.#moment);
  }

  readEnded(read: number, index: LogIndex): void {
    const begin = this.#begun.get(read);
    this.#begun.delete(read);
    if (index === none || begin === undefined) return;
    for (const { leader, answers, confStates } of this.#reigns.values()) {
      // A leader that is a majority by itself needs nobody.
      const confirms = (id: NodeId): boolean => id === leader || (answers.get(id) ?? 0) > begin;
      if (confStates.some((confState) => isMajority(confState, confirms))) return;
    }
    throw new Violation("I11", `a read at ${index} was confirmed by no majority since it began`);
  }
}

/** How many reigns are remembered: a read that outlives more is taken for unconfirmed. */
const reignCountMax = 64;
