import {
  confStateOf,
  encodeConfChange,
  type Entry,
  newConfChange,
  newEntry,
  RaftNode,
  type Status,
} from "@quorate/core";
import { expect, test } from "vitest";
import { ChangeDurable } from "./change-durable.ts";

const without1 = confStateOf([2, 3, 4]);
const change = encodeConfChange(newConfChange([{ kind: "remove", id: 1 }]), without1);
const log: readonly Entry[] = [
  newEntry({ term: 2, index: 1 }, "no-op"),
  newEntry({ term: 2, index: 2 }, "conf-change", change),
];
const leader: Status = { ...new RaftNode(1, [2, 3, 4]).status(), role: "leader", term: 2 };
const excluded: Status = { ...leader, confState: without1, confIndex: 2 };
const gone: Status = { ...excluded, role: "follower", stepDownReason: "removed" };

/** A judge of disks that know the log to be committed up to 2, or to 1. */
function judgeWith(knowing: readonly number[]): ChangeDurable {
  return new ChangeDurable({
    holds: () => true,
    termOf: () => 2,
    commitOf: (node) => (knowing.includes(node) ? 2 : 1),
  });
}

test("I15 sees a configuration that the disk does not know to be committed", () => {
  judgeWith([1]).stepped(leader, excluded, log);
  expect(() => judgeWith([2]).stepped(leader, excluded, log)).toThrow(
    "I15: node 1 goes by the change at 2, which its disk does not know",
  );
  // What came with a snapshot is in the snapshot.
  judgeWith([]).stepped(leader, { ...excluded, confIndex: 1 }, log);
});

test("I15 sees a leader go before a majority of those who remain know that it was removed", () => {
  judgeWith([2, 4]).stepped(excluded, gone, log);
  expect(() => judgeWith([1, 4]).stepped(excluded, gone, log)).toThrow(
    "I15: node 1 leaves when only the disks of [4] know that it was removed at 2, of (2 3 4)",
  );
  judgeWith([]).stepped(excluded, { ...gone, stepDownReason: "no-quorum" }, log);
  judgeWith([]).stepped(excluded, { ...gone, term: 3 }, log);
});
