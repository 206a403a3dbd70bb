import type { Entry, LogIndex, Message, Status, Term } from "@quorate/core";
import { decodeBatch, type Frame } from "@quorate/wire";
import { type Observer, Violation } from "../judge.ts";
import { CommitMonotone } from "../judges/commit-monotone.ts";
import { ElectionSafety } from "../judges/election-safety.ts";
import { IndexOrder } from "../judges/index-order.ts";
import { sameContent } from "../judges/log-matching.ts";
import { TermMonotone } from "../judges/term-monotone.ts";
import { VoteOnce } from "../judges/vote-once.ts";
import { Promises } from "./promises.ts";

interface Known {
  readonly entry: Entry;
  readonly prevTerm: Term;
}

/** I3 as the network shows it: every entry of an index and term is the same, and follows the same one. */
class SentEntries implements Observer {
  /** By index, then by term. */
  readonly #known = new Map<LogIndex, Map<Term, Known>>();

  sent(message: Message): void {
    if (message.kind !== "append-entries") return;
    let prevTerm = message.prev.term;
    for (const entry of message.entries) {
      this.#check(entry, prevTerm);
      prevTerm = entry.term;
    }
  }

  #check(entry: Entry, prevTerm: Term): void {
    const { index, term } = entry;
    let terms = this.#known.get(index);
    if (terms === undefined) {
      terms = new Map();
      this.#known.set(index, terms);
    }
    const known = terms.get(term);
    if (known === undefined) terms.set(term, { entry, prevTerm });
    else if (known.prevTerm !== prevTerm || !sameContent(known.entry, entry)) {
      throw new Violation("I3", `two different entries ${term}/${index} were sent`);
    }
  }
}

const noLog: readonly Entry[] = [];

/**
 * Judges whole replicas by what they say to one another and by their statuses: what the core level judges
 * by their logs, as far as it shows from outside.
 */
export class FrameJury {
  readonly promises: Promises = new Promises();
  readonly #observers: readonly Observer[] = [
    new ElectionSafety(),
    new SentEntries(),
    new TermMonotone(),
    new VoteOnce(),
    new CommitMonotone(),
    new IndexOrder(),
    this.promises,
  ];

  /** A process let go of a frame. Gives the messages in it. */
  sent(frame: Frame): readonly Message[] {
    if (frame.type !== "raft") return [];
    const messages = decodeBatch(frame.payload);
    for (const message of messages) {
      for (const observer of this.#observers) observer.sent?.(message);
    }
    return messages;
  }

  /** A replica has started with what its disk held. */
  started(status: Status): void {
    for (const observer of this.#observers) observer.started?.(status, noLog);
  }

  /** Something happened to a replica. */
  stepped(before: Status, after: Status): void {
    for (const observer of this.#observers) observer.stepped?.(before, after, noLog);
    const isNew = before.role !== "leader" || before.term !== after.term;
    if (after.role !== "leader" || !isNew) return;
    for (const observer of this.#observers) observer.elected?.(after, noLog);
  }
}
