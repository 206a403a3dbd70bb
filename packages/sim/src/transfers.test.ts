import { confStateOf, type Message, newEntry, RaftNode, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { Transfers } from "./transfers.ts";

const follower: Status = { ...new RaftNode(1, [2, 3]).status(), term: 2, leader: 2 };
const leader: Status = { ...follower, role: "leader", leader: 1 };
const handing: Status = { ...leader, transferTarget: 3 };
const timeoutNow: Message = { kind: "timeout-now", from: 2, to: 1, term: 2 };

test("a leader that hands over takes no commands", () => {
  const judge = new Transfers({});
  const command = newEntry({ term: 2, index: 1 }, "command");
  judge.appended(leader, [command], 0);
  judge.appended(handing, [command], 1);
  expect(() => judge.appended(handing, [command], 0)).toThrow("takes a command");
});

test("a leader does not hand over for more than an election timeout", () => {
  const judge = new Transfers({ electionTimeoutTicks: 2 });
  const tick = (status: Status): void => {
    judge.ticked(status);
    judge.stepped(status, status);
  };
  judge.stepped(leader, handing);
  tick(handing);
  expect(() => tick(handing)).toThrow("hands over for ever");
  tick(leader);
  judge.stepped(leader, handing);
  tick(handing);
  judge.started(follower);
  judge.stepped(leader, handing);
  tick(handing);
});

test("a leader hands over to a voter, for as long as that is one", () => {
  const judge = new Transfers({});
  judge.stepped(leader, handing);
  const without = { ...handing, voters: [1, 2] };
  expect(() => judge.stepped(handing, without)).toThrow("to one that cannot lead");
});

test("who is asked to take over campaigns, if it may", () => {
  const judge = new Transfers({});
  judge.received(follower, { ...follower, term: 3, role: "candidate" }, timeoutNow);
  expect(() => judge.received(follower, follower, timeoutNow)).toThrow("does not campaign");
  judge.received({ ...follower, term: 3 }, { ...follower, term: 3 }, timeoutNow);
  const learner = { ...follower, confState: { ...confStateOf([2, 3]), learners: [1] } };
  judge.received(learner, learner, timeoutNow);
  const behind = { ...follower, commitIndex: 1 };
  judge.received(behind, behind, timeoutNow);
});

test("nobody is loyal to a leader that wants another", () => {
  const judge = new Transfers({});
  const last = { term: 1, index: 1 };
  const request: Message = { kind: "request-vote", from: 3, to: 1, term: 3, last };
  judge.received(follower, follower, request);
  const wanted: Message = { ...request, transfer: true };
  judge.received(follower, { ...follower, term: 3 }, wanted);
  expect(() => judge.received(follower, follower, wanted)).toThrow("ignores whom its leader wants");
});
