import { type ConfState, confStateFlaw, emptyConfState } from "./conf-state.ts";
import { type EntryId, origin } from "./entry.ts";

/**
 * What stands in for the log up to an entry (§7): which entry that is, and the configuration then. The
 * state itself is the driver's: the core only says which state is meant.
 */
export interface Snapshot extends EntryId {
  /** The configuration as of the entry. */
  readonly confState: ConfState;
}

/** The snapshot before the first entry, of a group that begins with `confState`. */
export function snapshotAtStart(confState: ConfState): Snapshot {
  return { ...origin, confState };
}

/**
 * What a node starts from that is to join a group: nothing, not even a configuration. It takes part
 * once a leader has replicated to it the entry that adds it.
 */
export const joiningSnapshot: Snapshot = snapshotAtStart(emptyConfState);

/** Why `snapshot` cannot be one, or undefined if it can. */
export function snapshotFlaw({ index, term, confState }: Snapshot): string | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || !Number.isSafeInteger(term) || term < 0) {
    return "index and term must be safe integers of at least 0";
  }
  if ((index === 0) !== (term === 0)) return "index and term are both 0, or neither";
  return confStateFlaw(confState);
}
