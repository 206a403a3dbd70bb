import type { LogIndex, Term } from "./ids.ts";

/** Names one entry. Two logs that hold the same id agree on everything up to it (§5.3). */
export interface EntryId {
  readonly term: Term;
  readonly index: LogIndex;
}

/** The id before the first entry. */
export const origin: EntryId = { term: 0, index: 0 };

/** The id alone of what may be a whole entry. */
export function idOf({ term, index }: EntryId): EntryId {
  return { term, index };
}

/**
 * What an entry is for. `command`: bytes for the state machine. `no-op`: the empty entry by which a
 * new leader finds out what is committed (§8). `conf-change`: a new configuration (§6).
 */
export type EntryKind = "command" | "no-op" | "conf-change";

/**
 * One position of the replicated log. Immutable once made: the same object goes to the log, to the
 * messages for every follower, and to the state machine.
 *
 * Invariant: along a log, `index` grows by one and `term` never decreases.
 */
export interface Entry extends EntryId {
  readonly kind: EntryKind;
  /** What to apply; empty for a no-op. Never interpreted by the core, never to be changed. */
  readonly data: Uint8Array;
  /**
   * This entry's bytes as the codec read them, kept where they say more than the entry does, so that it is
   * passed on whole. It belongs to the codec; the core neither reads nor writes it.
   */
  readonly encoded?: Uint8Array | undefined;
}

const nothing = new Uint8Array(0);

/** A new entry of `kind`. All entries are made here, so that they share one shape. */
export function newEntry(
  id: EntryId,
  kind: EntryKind,
  data: Uint8Array = nothing,
  encoded?: Uint8Array,
): Entry {
  return { term: id.term, index: id.index, kind, data, encoded };
}

/** Whether a log that ends at `candidate` is at least as up-to-date as one that ends at `own` (§5.4.1). */
export function isUpToDate(candidate: EntryId, own: EntryId): boolean {
  if (candidate.term !== own.term) return candidate.term > own.term;
  return candidate.index >= own.index;
}

/**
 * What an entry counts for in every limit on bytes: its data and a fixed allowance for the rest, so
 * that empty entries are not free.
 */
export function entryBytes(entry: Entry): number {
  return entry.data.length + entryOverheadBytes;
}

/** The allowance for an entry's term, index and framing, in bytes. */
export const entryOverheadBytes = 16;
