import { at, type Entry, type LogIndex, type Status, type Term } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

interface Committed {
  readonly entry: Entry;
  /** The term of the leader that committed it. */
  readonly term: Term;
}

/**
 * I4, Leader Completeness (§5.4): an entry that was committed in a term is in the log of every leader
 * of a later term, from its election on. To that end a leader counts replicas only of entries of its
 * own term (§5.4.2, Figure 8).
 */
export class LeaderCompleteness implements Judge {
  readonly invariant = "I4";
  readonly #committed: Committed[] = [];
  /** What each leader had when it was elected. */
  readonly #leaders = new Map<Term, readonly Entry[]>();

  elected({ id, term }: Status, log: readonly Entry[]): void {
    this.#leaders.set(term, [...log]);
    for (const committed of this.#committed) {
      if (committed.term < term) check(committed, term, log, `node ${id}`);
    }
  }

  committed(status: Status, log: readonly Entry[], after: LogIndex): void {
    const last = at(log, status.commitIndex - 1);
    if (status.role === "leader" && last.term !== status.term) {
      throw new Violation(
        "I4",
        `node ${status.id} leads term ${status.term} and commits ${last.term}/${last.index} by counting`,
      );
    }
    const known = this.#committed.length;
    for (let index = Math.max(known, after) + 1; index <= status.commitIndex; index++) {
      this.#committed.push({ entry: at(log, index - 1), term: status.term });
    }
    if (this.#committed.length === known) return;
    for (const [term, start] of this.#leaders) {
      if (term <= status.term) continue;
      for (const committed of this.#committed.slice(known)) check(committed, term, start, "one");
    }
  }
}

function check(committed: Committed, term: Term, log: readonly Entry[], leader: string): void {
  const { entry } = committed;
  if (log[entry.index - 1]?.term === entry.term) return;
  throw new Violation(
    "I4",
    `entry ${entry.term}/${entry.index} was committed in term ${committed.term}, ` +
      `and ${leader} leads term ${term} without it`,
  );
}
