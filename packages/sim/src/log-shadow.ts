import { at, type Entry, type LogIndex, type RaftNode } from "@quorate/core";
import { Violation } from "./judge.ts";

/** How a log changed: what was removed from its end, and where what was added then begins. */
export interface LogChange {
  readonly removed: readonly Entry[];
  readonly keptIndex: LogIndex;
}

/**
 * A copy of a node's log that is kept up to date at the cost of what changed, and that still has what
 * the node compacted. A log changes only at its end, and entries are immutable objects: from the last
 * one that is the same object in both, everything before is the same too. What a snapshot stands in for
 * is what was committed.
 */
export class LogShadow {
  readonly #entries: Entry[] = [];

  /** The log; the entry of index i is at offset i - 1. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /**
   * Brings the copy up to date. `firstIndex` is where the node's log begins; `committed` is what was
   * committed anywhere. Undefined if nothing changed.
   */
  update(node: RaftNode, firstIndex: LogIndex, committed: readonly Entry[]): LogChange | undefined {
    const entries = this.#entries;
    const last = node.lastIndex;
    const base = firstIndex - 1;
    let kept = Math.min(last, entries.length);
    while (kept > base && at(node.entries(kept, kept), 0) !== entries[kept - 1]) kept -= 1;
    // What is compacted is equal from the last entry that is (§5.3).
    while (kept <= base && kept > 0 && committed[kept - 1]?.term !== entries[kept - 1]?.term) {
      kept -= 1;
    }
    if (kept === last && kept === entries.length) return undefined;
    const removed = entries.splice(kept);
    this.#fill(node, base, committed);
    return { removed, keptIndex: kept };
  }

  /** Starts over with a node that was just made. */
  reset(node: RaftNode, firstIndex: LogIndex, committed: readonly Entry[]): void {
    this.#entries.length = 0;
    this.#fill(node, firstIndex - 1, committed);
  }

  #fill(node: RaftNode, base: LogIndex, committed: readonly Entry[]): void {
    const entries = this.#entries;
    if (base > committed.length) {
      throw new Violation(
        "I14",
        `node ${node.id} has a snapshot in the place of entry ${base}, which nobody committed`,
      );
    }
    for (let index = entries.length + 1; index <= base; index++) {
      entries.push(at(committed, index - 1));
    }
    const from = entries.length + 1;
    if (from <= node.lastIndex) entries.push(...node.entries(from, node.lastIndex));
  }
}
