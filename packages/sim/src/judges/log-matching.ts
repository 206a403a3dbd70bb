import { at, type Entry, type LogIndex, none, type Status, type Term } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

interface Known {
  readonly entry: Entry;
  /** The term of the entry before it, in whichever log. */
  readonly prevTerm: Term;
}

/**
 * I3, Log Matching (§5.3): two logs that hold the same term at an index are equal up to there. It is
 * enough that every such entry is the same everywhere and follows the same one; the rest is induction.
 */
export class LogMatching implements Judge {
  readonly invariant = "I3";
  /** What is known of each index, by term. */
  readonly #known: Map<Term, Known>[] = [];

  started(_: Status, log: readonly Entry[]): void {
    this.#check(log, 0);
  }

  appended(_: Status, log: readonly Entry[], after: LogIndex): void {
    this.#check(log, after);
  }

  #check(log: readonly Entry[], after: LogIndex): void {
    for (let offset = after; offset < log.length; offset++) {
      const entry = at(log, offset);
      const prevTerm = log[offset - 1]?.term ?? none;
      const terms = (this.#known[offset] ??= new Map<Term, Known>());
      const known = terms.get(entry.term);
      if (known === undefined) {
        terms.set(entry.term, { entry, prevTerm });
      } else if (known.prevTerm !== prevTerm || !sameContent(known.entry, entry)) {
        throw new Violation(
          "I3",
          `entry ${entry.term}/${entry.index} is not the same in two logs, or follows different ones`,
        );
      }
    }
  }
}

/** Whether two entries are equal; of the same object there is no doubt. */
export function sameContent(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  return (
    a.term === b.term &&
    a.index === b.index &&
    a.kind === b.kind &&
    a.data.length === b.data.length &&
    a.data.every((byte, offset) => byte === b.data[offset])
  );
}
