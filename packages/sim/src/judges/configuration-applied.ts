import {
  describeConfState,
  type Entry,
  type LogIndex,
  membersOf,
  sameConfState,
  type Status,
} from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";
import { Configurations } from "./configurations.ts";

/**
 * I15: a node's configuration is the one that the committed log tells, as of what it has applied, or of
 * the snapshot that it installs; no change that it applied is passed over, also across a crash; and a leader
 * serves the members of it, and nobody else.
 */
export class ConfigurationApplied implements Judge {
  readonly invariant = "I15";
  readonly #configurations = new Configurations();

  started(status: Status): void {
    this.#configurations.begin(status);
    this.#check(status);
  }

  committed(status: Status, log: readonly Entry[], after: LogIndex): void {
    this.#configurations.committed(status, log, after);
  }

  stepped(before: Status, after: Status): void {
    const same = before.confState === after.confState && before.appliedIndex === after.appliedIndex;
    if (!same) this.#check(after);
    if (after.role === "leader" && !(same && before.role === "leader")) checkServed(after);
  }

  #check({ id, confState, confIndex, appliedIndex }: Status): void {
    const last = this.#configurations.lastIndexAt(appliedIndex);
    if (last > confIndex) {
      throw new Violation("I15", `node ${id} applied the change at ${last} and knows ${confIndex}`);
    }
    const expected = this.#configurations.at(confIndex, id);
    if (sameConfState(confState, expected)) return;
    throw new Violation(
      "I15",
      `node ${id} has ${describeConfState(confState)} since ${confIndex}, ` +
        `where ${describeConfState(expected)} is right`,
    );
  }
}

function checkServed({ id, confState, progress }: Status): void {
  const served = progress.map((peer) => peer.id).join(" ");
  const members = membersOf(confState).filter((member) => member !== id);
  if (served === members.join(" ")) return;
  throw new Violation(
    "I15",
    `node ${id} leads [${served}], where [${members.join(" ")}] are members`,
  );
}
