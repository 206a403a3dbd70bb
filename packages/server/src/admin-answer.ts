import type {
  ConfState,
  LogIndex,
  MemberPlan,
  MembersView,
  MemberView,
  NodeId,
  PlannedStep,
  PlanWarning,
} from "quorate";

/** A member, as JSON. */
export interface MemberAnswer extends Omit<MemberView, "incarnation"> {
  /** The name of its log, in hexadecimal; null as long as the group has not learned it. */
  readonly incarnation: string | null;
}

/** Who is in a group, as JSON. */
export interface MembersAnswer extends Omit<MembersView, "members"> {
  readonly members: readonly MemberAnswer[];
}

/** One change of the configuration, as JSON. */
export interface StepAnswer {
  readonly transition: PlannedStep["change"]["transition"];
  readonly changes: PlannedStep["change"]["changes"];
  /** The learners that must first be within reach of the end of the log. */
  readonly catchUp: readonly NodeId[];
  /** The joint configuration on the way, or null: there is none. */
  readonly joint: ConfState | null;
  readonly confState: ConfState;
  /** How many voters may fail without stopping the group: while joint, or null, and after the step. */
  readonly faultsToleratedJoint: number | null;
  readonly faultsTolerated: number;
  readonly warnings: readonly PlanWarning[];
}

/** What would be done, as JSON. */
export interface PlanAnswer {
  /** As of which entry this is known: a change with `ifIndex` this does just that. */
  readonly index: LogIndex;
  readonly steps: readonly StepAnswer[];
  /** The configuration at the end. */
  readonly confState: ConfState;
}

/** `view`, as JSON. */
export function membersAnswer(view: MembersView): MembersAnswer {
  const { index, confState, members, removed } = view;
  return {
    index,
    confState,
    members: members.map(({ incarnation, ...member }) => ({
      ...member,
      incarnation: incarnation === undefined ? null : Buffer.from(incarnation).toString("hex"),
    })),
    removed,
  };
}

/** `plan`, made as of `index`, as JSON. */
export function planAnswer({ steps, confState }: MemberPlan, index: LogIndex): PlanAnswer {
  return {
    index,
    steps: steps.map(({ change, catchUp, joint, faultsToleratedJoint, ...step }) => ({
      transition: change.transition,
      changes: change.changes,
      catchUp,
      joint: joint ?? null,
      confState: step.confState,
      faultsToleratedJoint: faultsToleratedJoint ?? null,
      faultsTolerated: step.faultsTolerated,
      warnings: step.warnings,
    })),
    confState,
  };
}
