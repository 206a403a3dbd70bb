import {
  at,
  type ConfState,
  describeConfState,
  type Entry,
  type NodeId,
  type Status,
} from "@quorate/core";
import { type Disks, type Judge, Violation } from "../judge.ts";
import { isMajority } from "./majority.ts";

/**
 * I10: what is committed is durable on a majority of the real disks, at the moment it commits. Where the
 * same step also changes the configuration, either is right.
 */
export class CommitDurable implements Judge {
  readonly invariant = "I10";
  readonly #disks: Disks;
  #committedIndex = 0;
  #confStateBefore: ConfState | undefined;

  constructor(disks: Disks) {
    this.#disks = disks;
  }

  stepped({ confState }: Status): void {
    this.#confStateBefore = confState;
  }

  committed({ id, voters, confState, commitIndex }: Status, log: readonly Entry[]): void {
    if (commitIndex <= this.#committedIndex) return;
    this.#committedIndex = commitIndex;
    const last = at(log, commitIndex - 1);
    const holds = (voter: NodeId): boolean => this.#disks.holds(voter, last);
    if (isMajority(this.#confStateBefore ?? confState, holds)) return;
    if (isMajority(confState, holds)) return;
    const holders = voters.filter(holds);
    throw new Violation(
      "I10",
      `node ${id} commits ${last.term}/${last.index}, which only the disks of ` +
        `[${holders.join(" ")}] hold, of ${describeConfState(confState)}`,
    );
  }
}
