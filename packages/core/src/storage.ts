import { type Entry, type EntryId, origin } from "./entry.ts";
import { type HardState, initialHardState } from "./hard-state.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a node starts from: all that was durable when it last stopped. A plain value. */
export interface Storage {
  readonly hardState: HardState;
  /**
   * The newest durable snapshot, which the state machine was restored from; `joiningSnapshot` for a node
   * that is to join a group. Its configuration goes before the constructor's `peers`. Undefined only
   * for a whole log, of a group that begins with those.
   */
  readonly snapshot?: Snapshot | undefined;
  /**
   * The entry just before `entries`: `origin` for a whole log, and at most the snapshot's. What lies
   * between the two is kept for followers that are behind.
   */
  readonly base: EntryId;
  /** The log after `base`, without holes. The node takes the entries over and never changes one. */
  readonly entries: readonly Entry[];
}

/** The storage of a node that never ran. */
export const emptyStorage: Storage = { hardState: initialHardState, base: origin, entries: [] };
