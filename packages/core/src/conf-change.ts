import { ascending, type ConfState, isJoint, sameConfState } from "./conf-state.ts";
import { RaftError } from "./errors.ts";
import { isSafe, type NodeId, none } from "./ids.ts";

/**
 * How a change takes effect (thesis §4.3). `auto`: at once if it is a single one, and else through a
 * joint configuration that the leader leaves by itself. `implicit`: always so. `explicit`: through a
 * joint configuration that lasts until it is left by a change without `changes`.
 */
export type Transition = "auto" | "implicit" | "explicit";

/** What happens to one node. A voter that is added as a learner is demoted, a learner promoted. */
export interface MemberChange {
  readonly kind: "add-voter" | "add-learner" | "remove";
  readonly id: NodeId;
}

/** One step from a configuration to the next. Without `changes`, it leaves a joint one. */
export interface ConfChange {
  readonly transition: Transition;
  readonly changes: readonly MemberChange[];
  /** The driver's own, such as the addresses of new members. Never interpreted. */
  readonly context: Uint8Array;
}

const nothing = new Uint8Array(0);

const transitions: ReadonlySet<string> = new Set<Transition>(["auto", "implicit", "explicit"]);

/** The change that leaves a joint configuration. */
export const leaveJoint: ConfChange = { transition: "auto", changes: [], context: nothing };

/** A change of one or more nodes, through a joint configuration if they are several. */
export function newConfChange(
  changes: readonly MemberChange[],
  transition: Transition = "auto",
  context: Uint8Array = nothing,
): ConfChange {
  return { transition, changes, context };
}

/**
 * The configuration that `change` leads to. Throws `invalid_change` if it cannot follow on `before`:
 * it leaves what is not joint, or enters a second joint one; names an id twice, or one that it does not
 * concern; leaves no voter; or changes nothing, and has no context either.
 */
export function applyConfChange(before: ConfState, change: ConfChange): ConfState {
  if (!transitions.has(change.transition)) {
    throw invalid(`the transition is unknown: ${change.transition}`);
  }
  if (change.changes.length === 0) return leave(before);
  if (isJoint(before)) throw invalid("the joint configuration must be left first");
  const named = new Set(change.changes.map(({ id }) => id));
  if (named.size < change.changes.length) throw invalid("an id is named twice");
  const after = change.changes.reduce(changeMember, before);
  if (after.voters.length === 0) throw invalid("no voter would be left");
  if (sameConfState(after, before) && change.context.length === 0) {
    throw invalid("it would change nothing");
  }
  const joint = change.transition !== "auto" || change.changes.length > 1;
  if (joint) return enter(before, after, change.transition !== "explicit");
  return { ...after, votersOutgoing: [], learnersNext: [], autoLeave: false };
}

function changeMember(confState: ConfState, { kind, id }: MemberChange): ConfState {
  if (!isSafe(id) || id === none) throw invalid(`a node id must be at least 1: got ${id}`);
  const voters = confState.voters.filter((voter) => voter !== id);
  const learners = confState.learners.filter((learner) => learner !== id);
  switch (kind) {
    case "add-voter":
      return { ...confState, voters: ascending([...voters, id]), learners };
    case "add-learner":
      return { ...confState, voters, learners: ascending([...learners, id]) };
    case "remove":
      if (!confState.voters.includes(id) && !confState.learners.includes(id)) {
        throw invalid(`node ${id} is no member`);
      }
      return { ...confState, voters, learners };
    default:
      throw invalid(`the kind of a change is unknown: ${String(kind)}`);
  }
}

/** Both majorities decide from now on; a voter that is to learn still votes with the outgoing ones. */
function enter(before: ConfState, after: ConfState, autoLeave: boolean): ConfState {
  if (before.voters.length === 0) throw invalid("a joint configuration needs voters to come from");
  const outgoing = new Set(before.voters);
  return {
    voters: after.voters,
    votersOutgoing: before.voters,
    learners: after.learners.filter((id) => !outgoing.has(id)),
    learnersNext: after.learners.filter((id) => outgoing.has(id)),
    autoLeave,
  };
}

function leave(before: ConfState): ConfState {
  if (!isJoint(before)) throw invalid("the configuration is not joint, so it cannot be left");
  return {
    voters: before.voters,
    votersOutgoing: [],
    learners: ascending([...before.learners, ...before.learnersNext]),
    learnersNext: [],
    autoLeave: false,
  };
}

function invalid(detail: string): RaftError {
  return new RaftError("invalid_change", detail);
}
