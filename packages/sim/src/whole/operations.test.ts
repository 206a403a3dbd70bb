import { confStateOf } from "@quorate/core";
import type { MembersView } from "@quorate/runtime";
import { expect, test } from "vitest";
import { GroupShadow } from "./group-shadow.ts";
import { judgeOperations } from "./operations-verdict.ts";
import type { OperationRecord } from "./operators.ts";
import { missingIn, wishIn } from "./wish-text.ts";

function viewOf(
  voters: readonly number[],
  learners: readonly number[],
  removed: readonly number[],
) {
  const confState = { ...confStateOf(voters), learners };
  const members = voters.map((id) => {
    return { id, role: "voter", address: "", priority: 5, incarnation: undefined } as const;
  });
  return { index: 9, confState, members, removed } satisfies MembersView;
}

test.each([
  ["add:4", viewOf([1, 4], [], []), viewOf([1], [4], [])],
  ["learn:4", viewOf([1], [4], []), viewOf([1], [], [])],
  ["remove:2", viewOf([1], [], [2]), viewOf([1], [], [])],
  ["promote:4", viewOf([1, 4], [], []), viewOf([1], [4], [])],
  ["demote:4", viewOf([1], [4], []), viewOf([1, 4], [], [])],
  ["replace:2:4", viewOf([1, 4], [], [2]), viewOf([1, 4], [], [])],
  ["set:1,2/4", viewOf([1, 2], [4], [3]), viewOf([1, 2, 3], [4], [])],
  ["prefer:1:5", viewOf([1], [], []), viewOf([2], [], [])],
])("%s is granted or not", (wish, granted, denied) => {
  expect(missingIn(granted, wishIn(wish))).toBeUndefined();
  expect(missingIn(denied, wishIn(wish))).toBeDefined();
});

test.each(["", "marry:1", "add:", "add:x", "set:1,x", "replace:1"])("%j is no wish", (text) => {
  expect(() => wishIn(text)).toThrow(SyntaxError);
});

function asked(wish: string, ending: OperationRecord["ending"]): OperationRecord {
  return { operation: { kind: "change", node: 1, wish, ifNow: 0, timeoutMs: 0 }, ending };
}

const busy = { kind: "failed", code: "busy" } as const;
const lost = { kind: "unknown", code: "leadership_lost" } as const;

/** Node 11 came, and node 3 went. */
function judge(...records: readonly OperationRecord[]): () => void {
  const group = new GroupShadow(confStateOf([1, 2, 3]));
  group.report(1, 5, confStateOf([1, 2, 3, 11]));
  group.report(1, 6, confStateOf([1, 2, 11]));
  group.reportRemoved([3]);
  return () => judgeOperations([1, 2, 3], [1, 2, 3, 11], group, records);
}

test("what may have been asked for may have happened", () => {
  judge(asked("add:11", { kind: "done" }), asked("remove:3", lost))();
  judge(asked("replace:3:11", { kind: "pending" }))();
  judge(asked("set:1,2/11", lost))();
  judge(asked("add:11", { kind: "failed", code: "catch_up_failed" }), asked("set:1", lost))();
});

test("a change that was said to have failed must not happen", () => {
  expect(judge(asked("add:11", busy), asked("remove:3", lost))).toThrow("node 11 became a member");
  expect(judge(asked("add:11", lost), asked("remove:3", busy))).toThrow("node 3 was removed");
  expect(judge(asked("add:11", lost), asked("remove:2", lost))).toThrow("node 3 was removed");
});
