import { at, type Entry, type LogIndex, type Status, type Term } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

interface Committed {
  readonly entry: Entry;
  /** The term of the leader that committed it. */
  readonly term: Term;
}

/**
 * I8: while a node runs, its commit index and applied index never decrease; and no node removes an
 * entry that it knows to be committed, or that was committed in its own term or before. One that lags
 * may still follow a deposed leader, and remove what a leader of a later term has committed elsewhere.
 * Across a crash a node may forget how far it knew the log to be committed.
 */
export class CommitMonotone implements Judge {
  readonly invariant = "I8";
  readonly #committed: Committed[] = [];

  stepped(before: Status, after: Status): void {
    if (after.commitIndex < before.commitIndex || after.appliedIndex < before.appliedIndex) {
      throw new Violation(
        "I8",
        `node ${after.id} went from commit ${before.commitIndex}, applied ${before.appliedIndex} ` +
          `back to ${after.commitIndex}, ${after.appliedIndex}`,
      );
    }
  }

  committed({ commitIndex, term }: Status, log: readonly Entry[], after: LogIndex): void {
    const known = this.#committed.length;
    for (let index = Math.max(known, after) + 1; index <= commitIndex; index++) {
      this.#committed.push({ entry: at(log, index - 1), term });
    }
  }

  truncated(before: Status, after: Status, removed: readonly Entry[]): void {
    for (const { index, term } of removed) {
      const committed = this.#committed[index - 1];
      const isKnown = index <= before.commitIndex;
      if (!isKnown && (committed?.entry.term !== term || committed.term > after.term)) continue;
      throw new Violation("I8", `node ${after.id} removed entry ${term}/${index}: it is committed`);
    }
  }
}
