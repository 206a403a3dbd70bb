import {
  type ConfChange,
  type ConfState,
  isJoint,
  isMember,
  leaveJoint,
  type MemberChange,
  membersOf,
  newConfChange,
  type NodeId,
  quorum,
  unreachable,
} from "@quorate/core";
import type { MemberTable } from "@quorate/wire";
import { goalOf } from "./member-goal.ts";
import {
  applyMembersDelta,
  contextOf,
  type Membership,
  membershipChanged,
  memberOf,
  newMember,
} from "./member-table.ts";
import type { MemberWish } from "./member-wish.ts";

/** What should be thought of before a step is taken. It is taken all the same. */
export interface PlanWarning {
  /**
   * `no-faults-tolerated`: the failure of one voter stops the group, during the step or after it.
   * `even-voters`: one voter fewer would tolerate as many failures.
   * `leader-leaves`: the present leader hands over.
   */
  readonly kind: "no-faults-tolerated" | "even-voters" | "leader-leaves";
  /** For people. */
  readonly message: string;
}

/** One change of the configuration on the way to what is wanted. */
export interface PlannedStep {
  readonly change: ConfChange;
  /** The learners that must first be within reach of the end of the log (thesis §4.2.1). */
  readonly catchUp: readonly NodeId[];
  /** The joint configuration that the step passes through, or undefined if it is a simple one. */
  readonly joint: ConfState | undefined;
  /** The configuration after the step. */
  readonly confState: ConfState;
  /** How many voters may fail, whichever they are, without stopping the group: while joint, if it is. */
  readonly faultsToleratedJoint: number | undefined;
  /** The same, after the step. */
  readonly faultsTolerated: number;
  readonly warnings: readonly PlanWarning[];
}

/** The way from a configuration to what is wanted. */
export interface MemberPlan {
  /** In order. None if all is as wanted. */
  readonly steps: readonly PlannedStep[];
  /** The configuration at the end. */
  readonly confState: ConfState;
}

/**
 * The steps from `membership` to what `wish` wants. A joint configuration is left first: by a step of
 * its own, unless the leader leaves it by itself. New nodes learn before they vote, so that a commit
 * never waits for one with an empty disk; then all that remains is one change, which is joint if it
 * concerns several nodes. Whatever was done of it in between, planning again gives the steps that remain.
 *
 * `leader` is whom to warn of, or `none`. Throws `invalid_change` for what cannot be had, `invalid_argument`
 * for what is no wish.
 */
export function planMembers(membership: Membership, wish: MemberWish, leader: NodeId): MemberPlan {
  const steps: PlannedStep[] = [];
  let present = membership;
  const take = (change: ConfChange, catchUp: readonly NodeId[] = []): void => {
    const { step, after } = stepOf(present, change, catchUp, leader);
    present = after;
    steps.push(step);
  };
  if (isJoint(present.confState)) {
    if (present.confState.autoLeave) present = membershipChanged(present, leaveJoint);
    else take(leaveJoint);
  }
  const goal = goalOf(present, wish);
  const table = applyMembersDelta(present.table, { set: goal.set, removed: [] });
  const { voters, learners } = present.confState;

  const added = [...goal.voters, ...goal.learners].filter((id) => !isMember(present.confState, id));
  if (added.length > 0) take(changeOf(added, "add-learner", table));

  const promoted = [...goal.voters].filter((id) => !voters.includes(id));
  const demoted = [...goal.learners].filter((id) => voters.includes(id));
  const removed = [...voters, ...learners].filter(
    (id) => !goal.voters.has(id) && !goal.learners.has(id),
  );
  const changes: MemberChange[] = [
    ...promoted.map((id): MemberChange => ({ kind: "add-voter", id })),
    ...demoted.map((id): MemberChange => ({ kind: "add-learner", id })),
    ...removed.map((id): MemberChange => ({ kind: "remove", id })),
  ];
  if (changes.length > 0) {
    take(newConfChange(changes, "auto", contextOf(table)), promoted);
  } else if (added.length === 0 && goal.set.length > 0) {
    take(retelling(present.confState, table));
  }
  return { steps, confState: present.confState };
}

/** The change that leaves everybody in place and tells the group that its members are as in `table`. */
export function retelling(confState: ConfState, table: MemberTable): ConfChange {
  // Of every member, so that even a group that knows nothing of them says something.
  const set = membersOf(confState).map((id) => memberOf(table, id) ?? newMember(id, ""));
  const told = applyMembersDelta(table, { set, removed: [] });
  return changeOf(confState.voters.slice(0, 1), "add-voter", told);
}

/** How many voters may fail, whichever they are, without stopping the group (thesis §4.3 when joint). */
export function faultsToleratedBy({ voters, votersOutgoing }: ConfState): number {
  const majorities = votersOutgoing.length > 0 ? [voters, votersOutgoing] : [voters];
  return Math.min(...majorities.map(({ length }) => length - quorum(length)));
}

function changeOf(
  ids: readonly NodeId[],
  kind: "add-voter" | "add-learner",
  table: MemberTable,
): ConfChange {
  const changes = ids.map((id): MemberChange => ({ kind, id }));
  return newConfChange(changes, "auto", contextOf(table));
}

function stepOf(
  before: Membership,
  change: ConfChange,
  catchUp: readonly NodeId[],
  leader: NodeId,
): { step: PlannedStep; after: Membership } {
  const entered = membershipChanged(before, change);
  const joint = isJoint(entered.confState) ? entered.confState : undefined;
  const after = joint === undefined ? entered : membershipChanged(entered, leaveJoint);
  const step: Omit<PlannedStep, "warnings"> = {
    change,
    catchUp,
    joint,
    confState: after.confState,
    faultsToleratedJoint: joint && faultsToleratedBy(joint),
    faultsTolerated: faultsToleratedBy(after.confState),
  };
  return { step: { ...step, warnings: warningsOf(before.confState, step, leader) }, after };
}

/** Warns of what changes by the step: who votes as before is as safe as before. */
function warningsOf(
  before: ConfState,
  step: Omit<PlannedStep, "warnings">,
  leader: NodeId,
): PlanWarning[] {
  const { voters } = step.confState;
  const voted = [...before.voters, ...before.votersOutgoing];
  const stays = voters.every((id) => voted.includes(id));
  if (stays && voted.every((id) => voters.includes(id))) return [];
  const warnings: PlanWarning["kind"][] = [];
  const tolerated = Math.min(step.faultsTolerated, step.faultsToleratedJoint ?? Infinity);
  if (tolerated === 0) warnings.push("no-faults-tolerated");
  if (voters.length % 2 === 0) warnings.push("even-voters");
  if (voted.includes(leader) && !voters.includes(leader)) warnings.push("leader-leaves");
  return warnings.map((kind) => ({ kind, message: textOf(kind, step, leader) }));
}

function textOf(
  kind: PlanWarning["kind"],
  step: Omit<PlannedStep, "warnings">,
  leader: NodeId,
): string {
  const { length } = step.confState.voters;
  switch (kind) {
    case "no-faults-tolerated":
      return step.faultsTolerated > 0
        ? "while it changes, the failure of one voter stops the group"
        : "the failure of one voter stops the group";
    case "even-voters":
      return `${length} voters tolerate no more failures than ${length - 1}`;
    case "leader-leaves":
      return `node ${leader}, which leads, hands over`;
    default:
      return unreachable(kind);
  }
}
