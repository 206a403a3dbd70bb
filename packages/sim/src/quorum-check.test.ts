import { type Message, RaftNode, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { QuorumCheck } from "./quorum-check.ts";

const leader = (electionElapsedTicks: number): Status => {
  const status = new RaftNode(1, [1, 2, 3, 4, 5]).status();
  return { ...status, role: "leader", term: 2, electionElapsedTicks };
};
const alive = (from: number): Message => {
  return { kind: "heartbeat-response", from, to: 1, term: 2, readRound: 0 };
};

test("a leader that heard from a minority must not lead on", () => {
  const judge = new QuorumCheck({});
  judge.elected(leader(0));
  for (const from of [2, 3]) judge.received(leader(5), leader(5), alive(from));
  judge.stepped(leader(8), leader(9));
  judge.stepped(leader(9), leader(0));
  judge.received(leader(0), leader(0), alive(2));
  expect(() => judge.stepped(leader(9), leader(0))).toThrow("heard from [1 2] alone");
});

test("a leader that steps down, or does not count, is in order", () => {
  const judge = new QuorumCheck({});
  judge.elected(leader(0));
  judge.stepped(leader(9), { ...leader(0), role: "follower" });
  const careless = new QuorumCheck({ checkQuorum: false });
  careless.elected(leader(0));
  careless.stepped(leader(9), leader(0));
});
