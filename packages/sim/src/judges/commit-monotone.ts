import { at, type Entry, type LogIndex, type Status } from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";

/**
 * I8: while a node runs, its commit index and applied index never decrease; and no node ever removes
 * an entry that is committed, whether it knows that or not. Across a crash a node may forget how far
 * it knew the log to be committed.
 */
export class CommitMonotone implements Judge {
  readonly invariant = "I8";
  readonly #committed: Entry[] = [];

  stepped(before: Status, after: Status): void {
    if (after.commitIndex < before.commitIndex || after.appliedIndex < before.appliedIndex) {
      throw new Violation(
        "I8",
        `node ${after.id} went from commit ${before.commitIndex}, applied ${before.appliedIndex} ` +
          `back to ${after.commitIndex}, ${after.appliedIndex}`,
      );
    }
  }

  committed({ commitIndex }: Status, log: readonly Entry[], after: LogIndex): void {
    const known = this.#committed.length;
    for (let index = Math.max(known, after) + 1; index <= commitIndex; index++) {
      this.#committed.push(at(log, index - 1));
    }
  }

  truncated(_: Status, after: Status, removed: readonly Entry[]): void {
    for (const { index, term } of removed) {
      if (this.#committed[index - 1]?.term !== term) continue;
      throw new Violation("I8", `node ${after.id} removed entry ${term}/${index}: it is committed`);
    }
  }
}
