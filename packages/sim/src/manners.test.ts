import { type Message, RaftNode, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { checkManners } from "./manners.ts";

/** A follower of three in term 2 that heard from its leader, node 3, one tick ago. */
function follower(own: Partial<Status> = {}): Status {
  const status = new RaftNode(1, [1, 2, 3]).status();
  return { ...status, term: 2, leader: 3, electionElapsedTicks: 1, ...own };
}

const preVote: Message = {
  kind: "pre-vote",
  from: 2,
  to: 1,
  term: 3,
  last: { term: 0, index: 0 },
};
const requestVote: Message = { ...preVote, kind: "request-vote" };
const heartbeat = (term: number): Message => {
  return { kind: "heartbeat", from: 3, to: 1, term, commitIndex: 0, readRound: 0 };
};

test.each([
  ["a term", { term: 3 }],
  ["a vote", { vote: 2 }],
  ["a role", { role: "candidate" }],
] as const)("a pre-vote must not change %s", (_, own) => {
  checkManners(follower(), follower(), preVote, {});
  expect(() => checkManners(follower(), follower(own), preVote, {})).toThrow("merely asked");
});

test("of two who ask for pre-votes at once only the one without precedence gives way", () => {
  const last = { term: 2, index: 5 };
  const asks = follower({ id: 2, leader: 0, role: "pre-candidate", last });
  const stops: Status = { ...asks, role: "follower" };
  const from = (id: number, its = last): Message => ({ ...preVote, from: id, to: 2, last: its });
  checkManners(asks, stops, from(1), {});
  checkManners(asks, stops, from(3, { term: 2, index: 6 }), {});
  for (const message of [from(3), from(1, { term: 2, index: 4 })]) {
    checkManners(asks, asks, message, {});
    expect(() => checkManners(asks, stops, message, {})).toThrow("merely asked");
  }
  const later = { ...stops, electionElapsedTicks: 0 };
  expect(() => checkManners(asks, later, from(1), {})).toThrow("merely asked");
});

test("whoever hears from a leader does not mind a candidate, if quorum is checked", () => {
  const voted = follower({ term: 3, vote: 2, leader: 0, electionElapsedTicks: 0 });
  checkManners(follower(), follower(), requestVote, {});
  expect(() => checkManners(follower(), voted, requestVote, {})).toThrow("minds a candidate");
  checkManners(follower(), voted, requestVote, { checkQuorum: false });
  checkManners(follower({ electionElapsedTicks: 10 }), voted, requestVote, {});
  checkManners(follower({ leader: 0 }), voted, requestVote, {});
});

test("only who voted for a candidate waits for it", () => {
  const before = follower({ leader: 0, electionElapsedTicks: 5 });
  const refused = follower({ term: 3, leader: 0, electionElapsedTicks: 0 });
  expect(() => checkManners(before, refused, requestVote, {})).toThrow("did not vote for");
  checkManners(before, { ...refused, electionElapsedTicks: 5 }, requestVote, {});
  // A leader that is deposed begins to wait.
  checkManners({ ...before, role: "leader" }, refused, requestVote, { checkQuorum: false });
});

test("whoever hears from the leader of its term follows it, and nobody a deposed one", () => {
  const after = follower({ electionElapsedTicks: 0 });
  checkManners(follower(), after, heartbeat(2), {});
  const candidate = follower({ role: "candidate", leader: 0 });
  expect(() => checkManners(candidate, candidate, heartbeat(2), {})).toThrow("does not follow");
  const misled = follower({ leader: 2 });
  expect(() => checkManners(follower(), misled, heartbeat(2), {})).toThrow("does not follow");
  expect(() => checkManners(follower(), after, heartbeat(1), {})).toThrow("a deposed leader");
});

test("a leader that looks for a follower's end goes on when the follower shows that it lives", () => {
  const node = new RaftNode(1, [1, 2, 3], { preVote: false });
  node.campaign();
  node.advance(node.ready());
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 1, granted: true });
  const leads = node.status();
  const [progress] = leads.progress;
  expect(progress?.kind).toBe("probe");
  if (progress === undefined) return;
  const at = (nextIndex: number): Status => {
    return { ...leads, progress: [{ ...progress, nextIndex }] };
  };
  const alive: Message = { kind: "heartbeat-response", from: 2, to: 1, term: 1, readRound: 0 };
  checkManners(at(3), at(3), alive, {});
  checkManners(at(3), at(2), alive, {});
  expect(() => checkManners(at(3), at(4), alive, {})).toThrow("from the start again");
});
