import {
  applyConfChange,
  type ConfState,
  confStateOf,
  encodeConfChange,
  isJoint,
  isMember,
  leaveJoint,
  membersOf,
  RaftError,
  sameConfState,
  voteResult,
  votersOf,
} from "@quorate/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type MemberPlan, planMembers } from "../src/member-plan.ts";
import {
  applyMembersDelta,
  isRemoved,
  type Membership,
  membershipAfter,
  memberOf,
  newMemberTable,
} from "../src/member-table.ts";
import { idOf, type MemberWish } from "../src/member-wish.ts";

const id = fc.integer({ min: 1, max: 7 });
const newcomer = fc
  .tuple(id, fc.boolean())
  .map(([own, known]) => ({ id: own, address: known ? `${own}` : "" }));
const memberOrNew = fc.oneof(id, newcomer);

const wishes: fc.Arbitrary<MemberWish> = fc.oneof(
  fc
    .tuple(newcomer, fc.constantFrom("voter", "learner", undefined))
    .map(([member, as]): MemberWish => ({ kind: "add", ...member, as })),
  fc
    .tuple(fc.constantFrom("remove", "promote", "demote"), id)
    .map(([kind, of]): MemberWish => ({ kind, id: of })),
  fc.tuple(id, newcomer).map(([of, by]): MemberWish => ({ kind: "replace", id: of, by })),
  fc
    .tuple(fc.array(memberOrNew, { maxLength: 5 }), fc.array(memberOrNew, { maxLength: 2 }))
    .map(([voters, learners]): MemberWish => ({ kind: "set", voters, learners })),
  fc
    .tuple(id, fc.integer({ min: 0, max: 3 }))
    .map(([of, priority]): MemberWish => ({ kind: "update", id: of, priority })),
);

/** A group of up to seven nodes, each of which votes, learns, was removed or is unknown. */
const memberships = fc
  .array(fc.constantFrom("voter", "learner", "removed", "unknown"), { minLength: 6, maxLength: 6 })
  .map((roles): Membership => {
    const of = (role: string): number[] =>
      roles.flatMap((other, offset) => (other === role ? [offset + 2] : []));
    const voters = [1, ...of("voter")];
    const members = [...voters, ...of("learner")];
    const table = applyMembersDelta(newMemberTable(members.map((own) => [own, `${own}`])), {
      set: [],
      removed: of("removed"),
    });
    return { confState: { ...confStateOf(voters), learners: of("learner") }, table };
  });

/** Whether the group can still commit when `failed` do not answer. */
function survives(confState: ConfState, failed: readonly number[]): boolean {
  return voteResult(votersOf(confState), (voter) => !failed.includes(voter)) === "won";
}

function subsets(ids: readonly number[]): number[][] {
  return Array.from({ length: 2 ** ids.length }, (_, code) =>
    ids.filter((__, offset) => (code >> offset) % 2 === 1),
  );
}

/** The most failures of voters that never stop the group, by trying them all. */
function toleratedByTrial(confState: ConfState): number {
  const fatal = subsets(membersOf(confState)).filter((failed) => !survives(confState, failed));
  return Math.min(...fatal.map(({ length }) => length)) - 1;
}

/** What each step of `plan` changes. */
function changesOf({ steps }: MemberPlan): unknown[] {
  return steps.map(({ change, catchUp, confState }) => ({ change, catchUp, confState }));
}

/** The roles that `wish` names for sure, to be found at the end. */
function checkEnd(wish: MemberWish, { confState, table }: Membership): void {
  const { voters, learners } = confState;
  switch (wish.kind) {
    case "add":
      expect(wish.as === "learner" ? learners : voters).toContain(wish.id);
      break;
    case "remove":
      expect(isMember(confState, wish.id)).toBe(false);
      break;
    case "promote":
      expect(voters).toContain(wish.id);
      break;
    case "demote":
      expect(learners).toContain(wish.id);
      break;
    case "replace":
      expect(isMember(confState, wish.id)).toBe(false);
      expect(isMember(confState, wish.by.id)).toBe(true);
      break;
    case "set":
      expect(new Set(voters)).toEqual(new Set(wish.voters.map(idOf)));
      expect(new Set(learners)).toEqual(new Set((wish.learners ?? []).map(idOf)));
      break;
    case "update":
      expect(memberOf(table, wish.id)?.priority).toBe(wish.priority);
      break;
  }
}

test("every plan leads to what is wanted, by steps that the core takes and that can be begun again", () => {
  let planned = 0;
  fc.assert(
    fc.property(memberships, wishes, id, (start, wish, leader) => {
      let rest: MemberPlan;
      try {
        rest = planMembers(start, wish, leader);
      } catch (error) {
        if (error instanceof RaftError && error.code === "invalid_change") return;
        throw error;
      }
      planned += 1;
      let present = start;
      for (const [number, step] of rest.steps.entries()) {
        const { changes } = step.change;
        for (const { kind, id: of } of changes) {
          expect(isRemoved(present.table, of)).toBe(false);
          // Nobody votes who did not learn before, and wait until it had caught up.
          if (kind !== "add-voter" || present.confState.voters.includes(of)) continue;
          expect(present.confState.learners).toContain(of);
          expect(step.catchUp).toContain(of);
        }
        const entered = applyConfChange(present.confState, step.change);
        expect(isJoint(entered)).toBe(changes.length > 1);
        expect(step.joint).toEqual(isJoint(entered) ? entered : undefined);
        present = membershipAfter(present, encodeConfChange(step.change, entered));
        if (step.joint !== undefined) {
          expect(entered.autoLeave).toBe(true);
          expect(step.faultsToleratedJoint).toBe(toleratedByTrial(entered));
          const left = applyConfChange(entered, leaveJoint);
          present = membershipAfter(present, encodeConfChange(leaveJoint, left));
        }
        expect(sameConfState(present.confState, step.confState)).toBe(true);
        expect(step.faultsTolerated).toBe(toleratedByTrial(step.confState));
        // Whoever plans again, goes on with what is left.
        expect(changesOf(planMembers(present, wish, leader))).toEqual(
          changesOf(rest).slice(number + 1),
        );
      }
      expect(sameConfState(present.confState, rest.confState)).toBe(true);
      checkEnd(wish, present);
      for (const gone of membersOf(start.confState)) {
        const stays = isMember(present.confState, gone);
        expect(isRemoved(present.table, gone)).toBe(!stays);
      }
      expect(rest.steps.length).toBeLessThanOrEqual(2);
    }),
    { numRuns: 2000 },
  );
  // Most wishes make sense, so that most of the property is about plans.
  expect(planned).toBeGreaterThan(500);
});
