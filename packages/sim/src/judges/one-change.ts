import {
  type ConfState,
  describeConfState,
  type Entry,
  type LogIndex,
  type NodeId,
  type Status,
} from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";
import { Configurations } from "./configurations.ts";
import { isMajority } from "./majority.ts";

/**
 * I16: configurations follow one another so that their majorities overlap (thesis §4.1, §4.3), and one at a
 * time: no log holds two changes beyond its commit index.
 */
export class OneChange implements Judge {
  readonly invariant = "I16";
  readonly #configurations = new Configurations();

  started(status: Status): void {
    this.#configurations.begin(status);
  }

  appended({ id, commitIndex }: Status, log: readonly Entry[]): void {
    const open = log.slice(commitIndex).filter(({ kind }) => kind === "conf-change");
    if (open.length < 2) return;
    const indexes = open.map(({ index }) => index).join(" and ");
    throw new Violation("I16", `node ${id} has changes at ${indexes}, with commit ${commitIndex}`);
  }

  committed(status: Status, log: readonly Entry[], after: LogIndex): void {
    for (const change of this.#configurations.committed(status, log, after)) {
      const { founding } = this.#configurations;
      const before = this.#configurations.before(change.index)?.confState ?? founding;
      if (before === undefined || overlap(before, change.confState)) continue;
      throw new Violation(
        "I16",
        `${describeConfState(before)} is followed by ${describeConfState(change.confState)} at ` +
          `${change.index}: each has a majority without the other's`,
      );
    }
  }
}

/** Whether every majority of one configuration has a member in common with every one of the other. */
function overlap(a: ConfState, b: ConfState): boolean {
  const voters = [...new Set([...a.voters, ...a.votersOutgoing, ...b.voters, ...b.votersOutgoing])];
  for (let choice = 0; choice < 2 ** voters.length; choice++) {
    const chosen = new Set<NodeId>(voters.filter((_, offset) => (choice & (1 << offset)) !== 0));
    const apart = isMajority(a, (id) => chosen.has(id)) && isMajority(b, (id) => !chosen.has(id));
    if (apart) return false;
  }
  return true;
}
