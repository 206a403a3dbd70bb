import { at } from "./assert.ts";
import type { LogIndex, NodeId } from "./ids.ts";

/** Voters that decide by majority. The empty set agrees with anything, so it drops out of `min`. */
export type Majority = ReadonlySet<NodeId>;

/** Two majorities that must both agree (thesis §4.3). Not joint: `outgoing` is empty. */
export interface Voters {
  readonly incoming: Majority;
  readonly outgoing: Majority;
}

/** How many of `size` voters form a majority. */
export function quorum(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** Whether `id` votes in either majority. */
export function isVoter(voters: Voters, id: NodeId): boolean {
  return voters.incoming.has(id) || voters.outgoing.has(id);
}

/** Every voter once, in the order of their ids, so that nothing depends on who was named first. */
export function allVoters(voters: Voters): NodeId[] {
  const { incoming, outgoing } = voters;
  const ids = outgoing.size === 0 ? [...incoming] : [...new Set([...incoming, ...outgoing])];
  return ids.sort((a, b) => a - b);
}

/** The highest index that both majorities have acknowledged (§5.3, thesis §4.3). */
export function committedIndex(voters: Voters, matchIndex: (id: NodeId) => LogIndex): LogIndex {
  return Math.min(
    majorityIndex(voters.incoming, matchIndex),
    majorityIndex(voters.outgoing, matchIndex),
  );
}

function majorityIndex(voters: Majority, matchIndex: (id: NodeId) => LogIndex): LogIndex {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const descending: LogIndex[] = [];
  for (const id of voters) insertDescending(descending, matchIndex(id));
  return at(descending, quorum(voters.size) - 1);
}

/** For as few as voters are, this takes less than a sort. */
function insertDescending(sorted: LogIndex[], index: LogIndex): void {
  let offset = sorted.length;
  sorted.push(index);
  for (; offset > 0 && at(sorted, offset - 1) < index; offset--) {
    sorted[offset] = at(sorted, offset - 1);
  }
  sorted[offset] = index;
}

/** How a vote stands: nothing more can change a `won` or `lost` one. */
export type VoteResult = "pending" | "won" | "lost";

/** Counts votes; `undefined` is a voter that has not answered. Only voters count (§5.2). */
export function voteResult(voters: Voters, vote: (id: NodeId) => boolean | undefined): VoteResult {
  const incoming = majorityVote(voters.incoming, vote);
  const outgoing = majorityVote(voters.outgoing, vote);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}

function majorityVote(voters: Majority, vote: (id: NodeId) => boolean | undefined): VoteResult {
  if (voters.size === 0) return "won";
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const answer = vote(id);
    if (answer === undefined) missing += 1;
    else if (answer) granted += 1;
  }
  const needed = quorum(voters.size);
  if (granted >= needed) return "won";
  return granted + missing >= needed ? "pending" : "lost";
}
