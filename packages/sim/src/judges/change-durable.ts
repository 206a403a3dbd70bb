import { describeConfState, type Entry, type LogIndex, type Status } from "@quorate/core";
import { type Disks, type Judge, Violation } from "../judge.ts";
import { isMajority } from "./majority.ts";

/**
 * I15: a node goes by a changed configuration only once its disk knows that the change is committed. And a
 * leader that a change excluded leaves only once the disks of a majority of those who remain do: they
 * then need nobody any more who may be gone for good.
 */
export class ChangeDurable implements Judge {
  readonly invariant = "I15";
  readonly #disks: Disks;

  constructor(disks: Disks) {
    this.#disks = disks;
  }

  stepped(before: Status, after: Status, log: readonly Entry[]): void {
    const { id, confIndex, confState } = after;
    if (confIndex > before.confIndex && log[confIndex - 1]?.kind === "conf-change") {
      if (!this.#knows(id, confIndex)) {
        const what = `node ${id} goes by the change at ${confIndex}`;
        throw new Violation("I15", `${what}, which its disk does not know to be committed`);
      }
    }
    if (before.role !== "leader" || after.role === "leader") return;
    if (after.stepDownReason !== "removed" || after.term !== before.term) return;
    if (isMajority(confState, (voter) => this.#knows(voter, confIndex))) return;
    const who = confState.voters.filter((voter) => this.#knows(voter, confIndex)).join(" ");
    throw new Violation(
      "I15",
      `node ${id} leaves when only the disks of [${who}] know that it was removed at ${confIndex}, of ` +
        describeConfState(confState),
    );
  }

  #knows(node: Status["id"], index: LogIndex): boolean {
    return this.#disks.commitOf(node) >= index;
  }
}
