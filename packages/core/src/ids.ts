/**
 * The numbers of Raft. All are JavaScript numbers and safe integers: 2^53 entries last 285 years
 * at a million a second. They are checked where they enter, in `validateMessage` and in the
 * decoders, and trusted everywhere else.
 */

/** Identifies a node for the life of the cluster: an integer of at least 1. `none` means no node. */
export type NodeId = number;

/** A logical time in which at most one leader exists (§5.1). The first term is 1; 0 is before any. */
export type Term = number;

/** The position of an entry in the log. The first entry has index 1; 0 is before any (§5.3). */
export type LogIndex = number;

/** A span of logical time: how often `tick()` was called. The runtime decides how long a tick is. */
export type Ticks = number;

/** Names one linearizable read of one node, from `RaftNode.readIndex`. At least 1. */
export type ReadId = number;

/** No node, no term, no index, no read: the zero of every number above. */
export const none = 0;

/** The highest term that a message may carry, so that the term after it is still a safe integer. */
export const termMax: Term = Number.MAX_SAFE_INTEGER - 1;

/** Whether `value` can be a term, index or id, or be none. */
export function isSafe(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
