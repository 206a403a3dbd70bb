import { type Message, RaftNode, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { LeasePromise } from "./lease-promise.ts";

const follower: Status = { ...new RaftNode(1, [2, 3]).status(), term: 2, leader: 2 };
const voted: Status = { ...follower, term: 3, vote: 3, leader: 0 };
const last = { term: 1, index: 1 };
const request: Message = { kind: "request-vote", from: 3, to: 1, term: 3, last };
const heartbeat: Message = {
  kind: "heartbeat",
  from: 2,
  to: 1,
  term: 2,
  commitIndex: 0,
  readRound: 0,
};

/** A judge of a node that has just started, and of `count` ticks after that. */
function judgeAfter(count: number, leaseReads = true): LeasePromise {
  const judge = new LeasePromise({ leaseReads, electionTimeoutTicks: 3 });
  judge.started(follower);
  for (let tick = 0; tick < count; tick++) judge.ticked(follower);
  return judge;
}

test("a node that has just started, or has just heard from a leader, votes for nobody", () => {
  expect(() => judgeAfter(2).received(follower, voted, request)).toThrow("votes 2 ticks after");
  judgeAfter(3).received(follower, voted, request);
  const judge = judgeAfter(3);
  judge.received(follower, follower, heartbeat);
  expect(() => judge.received(follower, voted, request)).toThrow("votes 0 ticks after");
});

test("a vote that the leader wants, one that was given before, and a refusal are in order", () => {
  const judge = judgeAfter(0);
  judge.received(follower, voted, { ...request, transfer: true });
  judge.received(voted, voted, request);
  judge.received(follower, { ...follower, term: 3 }, request);
  judgeAfter(3).received(follower, voted, request);
});

test("a deposed leader is owed nothing, and nobody is without leases", () => {
  const judge = judgeAfter(3);
  judge.received(follower, follower, { ...heartbeat, term: 1 });
  judge.received(follower, voted, request);
  judgeAfter(0, false).received(follower, voted, request);
});
