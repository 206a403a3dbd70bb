import {
  at,
  type Entry,
  type LogIndex,
  type NodeId,
  type Snapshot,
  type Status,
} from "@quorate/core";
import { type Judge, Violation } from "../judge.ts";
import { sameContent } from "./log-matching.ts";

/**
 * I5, State Machine Safety (§5.4.3): there is one sequence of committed entries; every node commits
 * and applies that, in order, nothing twice and nothing left out; a snapshot holds what was applied.
 */
export class StateMachineSafety implements Judge {
  readonly invariant = "I5";
  readonly #sequence: Entry[] = [];
  readonly #appliedIndexes = new Map<NodeId, LogIndex>();

  started({ id, appliedIndex, commitIndex }: Status, log: readonly Entry[]): void {
    this.#appliedIndexes.set(id, appliedIndex);
    if (commitIndex > this.#sequence.length) {
      throw new Violation(
        "I5",
        `node ${id} starts with commit ${commitIndex}, which nobody reached`,
      );
    }
    this.#agreeFrom(1, id, commitIndex, log);
  }

  committed({ id, commitIndex }: Status, log: readonly Entry[], after: LogIndex): void {
    this.#agreeFrom(after + 1, id, commitIndex, log);
  }

  #agreeFrom(first: LogIndex, id: NodeId, last: LogIndex, log: readonly Entry[]): void {
    for (let index = first; index <= last; index++) this.#agree(id, at(log, index - 1));
  }

  applied(node: NodeId, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const next = (this.#appliedIndexes.get(node) ?? 0) + 1;
      if (entry.index !== next) {
        throw new Violation("I5", `node ${node} applied entry ${entry.index} and not ${next}`);
      }
      this.#appliedIndexes.set(node, next);
      if (entry.index > this.#sequence.length) {
        throw new Violation("I5", `node ${node} applied entry ${next}, which nobody committed`);
      }
      this.#agree(node, entry);
    }
  }

  snapshotted(node: NodeId, { index }: Snapshot): void {
    const applied = this.#appliedIndexes.get(node) ?? 0;
    if (index === applied) return;
    throw new Violation("I5", `node ${node} takes a snapshot at ${index} with ${applied} applied`);
  }

  restored(node: NodeId, { index, term }: Snapshot): void {
    const applied = this.#appliedIndexes.get(node) ?? 0;
    if (index < applied) {
      throw new Violation("I5", `node ${node} goes from entry ${applied} back to ${index}`);
    }
    if (this.#sequence[index - 1]?.term !== term) {
      throw new Violation("I5", `node ${node} begins anew after ${term}/${index}, never committed`);
    }
    this.#appliedIndexes.set(node, index);
  }

  #agree(node: NodeId, entry: Entry): void {
    if (entry.index === this.#sequence.length + 1) {
      this.#sequence.push(entry);
      return;
    }
    const known = this.#sequence[entry.index - 1];
    if (known !== undefined && sameContent(known, entry)) return;
    throw new Violation(
      "I5",
      `node ${node} takes ${entry.term}/${entry.index} for committed, where ` +
        `${known?.term ?? "nothing"}/${entry.index} is`,
    );
  }
}
