import { at, type Entry, type LogIndex, type RaftNode } from "@quorate/core";

/** How a log changed: what was removed from its end, and where what was added then begins. */
export interface LogChange {
  readonly removed: readonly Entry[];
  readonly keptIndex: LogIndex;
}

/**
 * A copy of a node's log that is kept up to date at the cost of what changed. A log changes only at
 * its end, and entries are immutable objects: from the last one that is the same object in both,
 * everything before is the same too.
 */
export class LogShadow {
  readonly #entries: Entry[] = [];

  /** The log; the entry of index i is at offset i - 1. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Brings the copy up to date. Undefined if nothing changed. */
  update(node: RaftNode): LogChange | undefined {
    const entries = this.#entries;
    const last = node.lastIndex;
    let kept = Math.min(last, entries.length);
    while (kept > 0 && at(node.entries(kept, kept), 0) !== entries[kept - 1]) kept -= 1;
    if (kept === last && kept === entries.length) return undefined;
    const removed = entries.splice(kept);
    if (kept < last) entries.push(...node.entries(kept + 1, last));
    return { removed, keptIndex: kept };
  }

  /** Starts over with a node that was just made. */
  reset(node: RaftNode): void {
    this.#entries.length = 0;
    if (node.lastIndex > 0) this.#entries.push(...node.entries(1, node.lastIndex));
  }
}
