import { isMember, type NodeId } from "@quorate/core";
import { Violation } from "../judge.ts";
import type { GroupShadow } from "./group-shadow.ts";
import type { OperationRecord } from "./operators.ts";
import { reachOf, wishIn } from "./wish-text.ts";

/**
 * Judges the configurations of a group by what operators were told. Whoever became a member was wanted by
 * an operation that was not said to have failed, and so was the removal of whoever is gone.
 */
export function judgeOperations(
  founders: readonly NodeId[],
  ids: readonly NodeId[],
  group: GroupShadow,
  records: readonly OperationRecord[],
): void {
  const reaches = records.flatMap(({ operation, ending }) => {
    return operation.kind === "change" ? [{ ...reachOf(wishIn(operation.wish)), ending }] : [];
  });
  for (const id of ids) {
    const wasMember = group.all.some((confState) => isMember(confState, id));
    const mayBeAdded = reaches.some(({ added, ending }) => {
      // One that could not catch up stays a learner.
      const isOpen = ending.kind !== "failed" || ending.code === "catch_up_failed";
      return isOpen && added.includes(id);
    });
    if (wasMember && !founders.includes(id) && !mayBeAdded) {
      throw new Violation("contract", `node ${id} became a member, and nobody may have added it`);
    }
    const mayBeRemoved = reaches.some(({ removes, ending }) => {
      return ending.kind !== "failed" && removes(id);
    });
    if (group.removed.has(id) && !mayBeRemoved) {
      throw new Violation("contract", `node ${id} was removed, and nobody may have asked for it`);
    }
  }
}
