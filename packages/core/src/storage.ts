import { type Entry, type EntryId, origin } from "./entry.ts";
import { type HardState, initialHardState } from "./hard-state.ts";

/** What a node starts from: all that was durable when it last stopped. A plain value. */
export interface Storage {
  readonly hardState: HardState;
  /** The entry just before `entries`: `origin` for a whole log. */
  readonly base: EntryId;
  /** The log after `base`, without holes. The node takes the entries over and never changes one. */
  readonly entries: readonly Entry[];
}

/** The storage of a node that never ran. */
export const emptyStorage: Storage = { hardState: initialHardState, base: origin, entries: [] };
