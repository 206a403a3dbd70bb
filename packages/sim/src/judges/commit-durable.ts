import { at, type Entry, type Status } from "@quorate/core";
import { type Disks, type Judge, Violation } from "../judge.ts";

/** I10: what is committed is durable on a majority of the real disks, at the moment it commits. */
export class CommitDurable implements Judge {
  readonly invariant = "I10";
  readonly #disks: Disks;
  #committedIndex = 0;

  constructor(disks: Disks) {
    this.#disks = disks;
  }

  committed({ id, voters, commitIndex }: Status, log: readonly Entry[]): void {
    if (commitIndex <= this.#committedIndex) return;
    this.#committedIndex = commitIndex;
    const last = at(log, commitIndex - 1);
    const holders = voters.filter((voter) => this.#disks.holds(voter, last));
    // Not by the core's own notion of a majority, which may be what is wrong.
    if (2 * holders.length > voters.length) return;
    throw new Violation(
      "I10",
      `node ${id} commits ${last.term}/${last.index}, which only the disks of ` +
        `[${holders.join(" ")}] hold, of ${voters.length}`,
    );
  }
}
