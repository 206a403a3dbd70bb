import {
  describeConfState,
  type Entry,
  type LogIndex,
  type Message,
  type NodeId,
  sameConfState,
  type Snapshot,
  type Status,
} from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";
import { Configurations } from "./configurations.ts";

/**
 * I14: a snapshot stands in for what was committed up to its entry (§7): it names that entry by its term,
 * and the configuration as of it, wherever it was taken, sent or restored.
 */
export class SnapshotSound implements Judge {
  readonly invariant = "I14";
  readonly #committed: Entry[] = [];
  readonly #configurations = new Configurations();

  started(status: Status): void {
    this.#configurations.begin(status);
  }

  committed(status: Status, log: readonly Entry[], after: LogIndex): void {
    this.#committed.push(...log.slice(Math.max(after, this.#committed.length), status.commitIndex));
    this.#configurations.committed(status, log, after);
  }

  snapshotted(node: NodeId, snapshot: Snapshot): void {
    this.#check(node, "took", snapshot);
  }

  restored(node: NodeId, snapshot: Snapshot): void {
    this.#check(node, "restored", snapshot);
  }

  sent(message: Message): void {
    if (message.kind === "install-snapshot") this.#check(message.from, "sent", message.snapshot);
  }

  #check(node: NodeId, what: string, { index, term, confState }: Snapshot): void {
    const entry = this.#committed[index - 1];
    if (index > 0 && entry?.term !== term) {
      const is = entry === undefined ? "not committed" : `of term ${entry.term}`;
      throw new Violation(
        "I14",
        `node ${node} ${what} a snapshot of ${term}/${index}, which is ${is}`,
      );
    }
    const expected = this.#configurations.at(index, node);
    if (sameConfState(confState, expected)) return;
    throw new Violation(
      "I14",
      `node ${node} ${what} a snapshot at ${index} with ${describeConfState(confState)}, ` +
        `where ${describeConfState(expected)} is right`,
    );
  }
}
