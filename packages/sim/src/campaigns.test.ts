import {
  type ConfState,
  confStateOf,
  encodeConfChange,
  type Entry,
  newConfChange,
  newEntry,
  RaftNode,
  type Status,
} from "@quorate/core";
import { expect, test } from "vitest";
import { Campaigns } from "./campaigns.ts";

const follower: Status = {
  ...new RaftNode(4, [1, 2, 3]).status(),
  commitIndex: 2,
  appliedIndex: 2,
};
const learning: ConfState = { ...confStateOf([1, 2, 3]), learners: [4] };
const change = newConfChange([{ kind: "add-voter", id: 5 }]);
const log: readonly Entry[] = [
  newEntry({ term: 1, index: 1 }, "no-op"),
  newEntry({ term: 1, index: 2 }, "conf-change", encodeConfChange(change, learning)),
];

test.each(["pre-candidate", "candidate", "leader"] as const)("only a voter is a %s", (role) => {
  const judge = new Campaigns();
  judge.stepped(follower, { ...follower, role }, log);
  const learner = { ...follower, role, confState: learning };
  expect(() => judge.stepped(follower, learner, log)).toThrow("is no voter");
  const removed = { ...follower, role, confState: confStateOf([1, 2, 3]) };
  expect(() => judge.stepped(follower, removed, log)).toThrow("is no voter");
});

test("whoever campaigns has applied each change that it knows to be committed", () => {
  const judge = new Campaigns();
  const behind: Status = { ...follower, role: "candidate", appliedIndex: 1 };
  expect(() => judge.stepped(follower, behind, log)).toThrow("knows the change at 2");
  judge.stepped(follower, { ...behind, commitIndex: 1 }, log);
  judge.stepped(follower, { ...behind, role: "follower" }, log);
  judge.stepped(follower, { ...behind, confIndex: 2 }, log);
});

test("a leader may be behind, and lead without a vote, once it leads", () => {
  const judge = new Campaigns();
  const leader: Status = { ...follower, role: "leader" };
  judge.stepped(leader, { ...leader, appliedIndex: 1, confState: confStateOf([1, 2, 3]) }, log);
});
