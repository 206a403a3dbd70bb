import type { LogIndex, NodeId, Term } from "./ids.ts";

/**
 * What must survive a crash beside the log (Figure 2, "persistent state").
 *
 * `term` and `vote` must be durable before a vote or an acknowledgement given in them leaves the
 * node: forgetting either lets a node vote twice in one term. `commitIndex` is only a head start for
 * the next run, which learns it again from the leader.
 *
 * Invariant: `commitIndex` is at most the last index of the log that is stored with it.
 */
export interface HardState {
  readonly term: Term;
  /** The candidate that got this node's vote in `term`, or `none`. */
  readonly vote: NodeId;
  readonly commitIndex: LogIndex;
}

/** The state of a node that never ran. */
export const initialHardState: HardState = { term: 0, vote: 0, commitIndex: 0 };

/** Whether going from `before` to `after` must reach the disk before anything is promised. */
export function mustSync(before: HardState, after: HardState): boolean {
  return before.term !== after.term || before.vote !== after.vote;
}

/** Whether two hard states are equal. */
export function sameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commitIndex === b.commitIndex;
}
