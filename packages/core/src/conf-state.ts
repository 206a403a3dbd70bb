import type { NodeId } from "./ids.ts";
import type { Voters } from "./quorum.ts";

/**
 * Who takes part in a group, and how (§6, thesis §4). A plain value: every list is ascending and names
 * each id once.
 *
 * Invariants: no id is among `learners` and a voter at once; `learnersNext` are among `outgoing` and
 * not among `voters`; `learnersNext` is empty and `autoLeave` false unless the configuration is joint.
 */
export interface ConfState {
  /** The voters; of a joint configuration, those that will remain. */
  readonly voters: readonly NodeId[];
  /** Those who vote as well in a joint configuration, by a majority of their own; else empty. */
  readonly votersOutgoing: readonly NodeId[];
  /** Nodes that get the log and do not vote (thesis §4.2.1). */
  readonly learners: readonly NodeId[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** Whether the leader leaves this joint configuration by itself. */
  readonly autoLeave: boolean;
}

/**
 * The configuration of a node that is about to join a group: of nobody. Such a node is silent until a
 * leader replicates to it.
 */
export const emptyConfState: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** The configuration in which all of `voters` vote. */
export function confStateOf(voters: Iterable<NodeId>): ConfState {
  return { ...emptyConfState, voters: ascending(voters) };
}

/** `ids` in order, each once. */
export function ascending(ids: Iterable<NodeId>): NodeId[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}

/** Whether two majorities must agree at present (thesis §4.3). */
export function isJoint(confState: ConfState): boolean {
  return confState.votersOutgoing.length > 0;
}

/** Whether `id` gets the log: it votes, or learns. */
export function isMember({ voters, votersOutgoing, learners }: ConfState, id: NodeId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id) || learners.includes(id);
}

/** Everyone who gets the log, ascending. A demoted voter is among the outgoing until it learns. */
export function membersOf({ voters, votersOutgoing, learners }: ConfState): NodeId[] {
  return ascending([...voters, ...votersOutgoing, ...learners]);
}

/** The majorities that decide. */
export function votersOf(confState: ConfState): Voters {
  return { incoming: new Set(confState.voters), outgoing: new Set(confState.votersOutgoing) };
}

/** Whether two configurations are equal. */
export function sameConfState(a: ConfState, b: ConfState): boolean {
  return (
    sameIds(a.voters, b.voters) &&
    sameIds(a.votersOutgoing, b.votersOutgoing) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.learnersNext, b.learnersNext) &&
    a.autoLeave === b.autoLeave
  );
}

function sameIds(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id, offset) => id === b[offset]);
}

/** Why `confState` cannot be one, or undefined if it can. */
export function confStateFlaw(confState: ConfState): string | undefined {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  for (const ids of [voters, votersOutgoing, learners, learnersNext]) {
    let last = 0;
    for (const id of ids) {
      if (!Number.isSafeInteger(id) || id <= last) {
        return "the ids must be integers of at least 1, ascending, each once";
      }
      last = id;
    }
  }
  const voting = new Set([...voters, ...votersOutgoing]);
  if (learners.some((id) => voting.has(id))) return "a learner cannot vote";
  const outgoing = new Set(votersOutgoing);
  const staying = new Set(voters);
  if (learnersNext.some((id) => !outgoing.has(id) || staying.has(id))) {
    return "who is to become a learner is an outgoing voter and does not stay";
  }
  if (voters.length === 0 && learners.length > 0) return "nobody learns where nobody votes";
  if (votersOutgoing.length === 0) {
    return autoLeave ? "only a joint configuration is left by itself" : undefined;
  }
  return voters.length === 0 ? "a joint configuration leads to at least one voter" : undefined;
}
