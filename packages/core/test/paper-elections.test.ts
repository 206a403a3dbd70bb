import { expect, test } from "vitest";
import { RaftNode } from "../src/index.ts";
import {
  ack,
  append,
  elect,
  grant,
  heartbeat,
  logOf,
  requestVote,
  sent,
  settle,
  start,
  t,
} from "./paper.ts";

// The claims of the extended Raft paper, one by one, on a node 1 among peers 2, 3 …; what several nodes
// do together is told in the scenarios. "Thesis" is Ongaro's dissertation.

test("§5.1: a server with a smaller term than a message's updates to it", () => {
  for (const message of [
    requestVote(2, 5, "1/1"),
    grant(2, 5),
    append(2, 5, "0/0", ""),
    ack(2, 5, 0),
    heartbeat(2, 5),
  ]) {
    const node = start("1/1");
    node.step(message);
    expect(node.term, message.kind).toBe(5);
  }
});

test("§5.1: a candidate or leader that discovers a newer term reverts to follower", () => {
  const candidate = start("");
  candidate.campaign();
  candidate.step(ack(2, 5, 0));
  expect([candidate.role, candidate.term]).toEqual(["follower", 5]);
  const leader = elect(start(""));
  leader.step(ack(2, 5, 0));
  expect([leader.role, leader.term]).toEqual(["follower", 5]);
});

test("§5.1: a request with a stale term is rejected, with the newer term", () => {
  const node = start("1/1", { term: 5 });
  node.step(requestVote(2, 3, "1/1"));
  node.step(append(3, 3, "1/1", "3/2"));
  node.step(heartbeat(3, 3));
  const [ready] = settle(node);
  expect(ready?.messages.map(({ kind, to, term }) => [kind, to, term])).toEqual([
    ["request-vote-response", 2, 5],
    ["heartbeat-response", 3, 5],
    ["heartbeat-response", 3, 5],
  ]);
  expect(ready?.messages[0]).toMatchObject({ granted: false });
  expect(logOf(node)).toBe("1/1");
});

test("§5.1: what is stale does not reset the election timer", () => {
  const node = start("1/1", { term: 5 });
  for (let tick = 0; tick < 9; tick++) node.tick();
  node.step(append(3, 3, "1/1", ""));
  node.step(requestVote(2, 3, "1/1"));
  expect(node.status().electionElapsedTicks).toBe(9);
});

test("§5.2: servers start as followers", () => {
  expect(start("1/1 2/2", { term: 3, vote: 1 }).role).toBe("follower");
});

test("§5.2: a leader sends heartbeats to all followers periodically", () => {
  const node = elect(start("", {}, { heartbeatTicks: 3 }));
  settle(node);
  const counts = [1, 2, 3, 4, 5, 6].map(() => {
    node.tick();
    return sent(node, "heartbeat").length;
  });
  expect(counts).toEqual([0, 0, 2, 0, 0, 2]);
});

test("§5.2: a follower that hears from no leader for an election timeout campaigns", () => {
  const node = start("1/1");
  while (node.role === "follower") node.tick();
  expect(node.status()).toMatchObject({ role: "candidate", term: 2, vote: 1 });
  expect(sent(node, "request-vote")).toMatchObject([
    { kind: "request-vote", from: 1, to: 2, term: 2, last: { term: 1, index: 1 } },
    { kind: "request-vote", from: 1, to: 3, term: 2, last: { term: 1, index: 1 } },
  ]);
});

test("§5.2: a follower stays one as long as it hears from a leader", () => {
  const node = start("1/1");
  for (let round = 0; round < 50; round++) {
    for (let tick = 0; tick < t - 1; tick++) node.tick();
    node.step(round % 2 === 0 ? heartbeat(2, 1) : append(2, 1, "1/1", ""));
    settle(node);
  }
  expect([node.role, node.term, node.leader]).toEqual(["follower", 1, 2]);
});

test("§5.2: a candidate wins with the votes of a majority of the full cluster", () => {
  const votes: [number, number, string][] = [
    [1, 0, "leader"],
    [3, 0, "candidate"],
    [3, 1, "leader"],
    [5, 1, "candidate"],
    [5, 2, "leader"],
    [4, 1, "candidate"],
    [4, 2, "leader"],
  ];
  for (const [size, granted, role] of votes) {
    const peers = Array.from({ length: size - 1 }, (_, offset) => offset + 2);
    const node = new RaftNode(1, peers, { preVote: false });
    node.campaign();
    settle(node);
    for (const peer of peers.slice(0, granted)) node.step(grant(peer, 1));
    expect(node.role, `${granted} of ${size}`).toBe(role);
  }
});

test("§5.2: a server votes for at most one candidate in a term, first come, first served", () => {
  const node = start("");
  node.step(requestVote(2, 1, "0/0"));
  node.step(requestVote(3, 1, "0/0"));
  node.step(requestVote(2, 1, "0/0"));
  const answers = sent(node, "request-vote-response");
  const grants = answers.filter(({ granted }) => granted).map(({ to }) => to);
  expect(grants).toEqual([2, 2]);
  expect(answers.filter(({ granted }) => !granted).map(({ to }) => to)).toEqual([3]);
});

test("§5.2: a candidate that hears from a leader of its term or newer becomes its follower", () => {
  for (const term of [1, 4]) {
    const node = start("");
    node.campaign();
    node.step(append(2, term, "0/0", `${term}/1`));
    expect(node.status()).toMatchObject({ role: "follower", term, leader: 2 });
    // In its own term it has voted for itself, and that stands.
    expect(node.status().vote).toBe(term === 1 ? 1 : 0);
  }
});

test("§5.2: a candidate ignores a leader of an older term", () => {
  const node = start("", { term: 3 });
  node.campaign();
  node.step(append(2, 3, "0/0", ""));
  expect([node.role, node.term]).toEqual(["candidate", 4]);
});

test("§5.2: a candidate that neither wins nor loses starts over in a new term", () => {
  const node = start("");
  node.campaign();
  while (node.term === 1) node.tick();
  expect([node.role, node.term]).toEqual(["candidate", 2]);
});

test("§5.2: an election timeout is drawn anew at each campaign, from [T, 2T)", () => {
  const node = start("");
  const timeouts = Array.from({ length: 300 }, () => {
    node.campaign();
    return node.status().electionTimeoutTicks;
  });
  expect(Math.min(...timeouts)).toBe(t);
  expect(Math.max(...timeouts)).toBe(2 * t - 1);
  expect(new Set(timeouts).size).toBe(t);
});

test("§5.2: a vote that is granted resets the timer, one that is denied does not", () => {
  const node = start("1/1");
  for (let tick = 0; tick < t - 1; tick++) node.tick();
  node.step(requestVote(2, 2, "0/0"));
  expect(node.status()).toMatchObject({ term: 2, vote: 0, electionElapsedTicks: t - 1 });
  node.step(requestVote(3, 2, "1/1"));
  expect(node.status()).toMatchObject({ term: 2, vote: 3, electionElapsedTicks: 0 });
});

test("§5.2: a follower of a term's leader votes for no other candidate of that term", () => {
  const node = start("", { term: 1 });
  node.step(heartbeat(2, 1));
  node.step(requestVote(3, 1, "0/0"));
  expect(node.status()).toMatchObject({ leader: 2, vote: 0 });
  expect(sent(node, "request-vote-response")).toMatchObject([{ to: 3, granted: false }]);
});

test("§5.2: a candidate's own vote counts once the disk holds it, in that term", () => {
  const granted = start("");
  granted.campaign();
  const ready = granted.ready();
  granted.accept(ready);
  // Messages may leave only after the disk, so this grant cannot be true; still it is not enough.
  granted.step(grant(2, 1));
  expect(granted.role).toBe("candidate");
  granted.persisted(ready.number);
  expect(granted.role).toBe("leader");

  const alone = new RaftNode(1, [], { preVote: false });
  alone.campaign();
  const first = alone.ready();
  alone.accept(first);
  alone.campaign();
  alone.persisted(first.number);
  expect(alone.status()).toMatchObject({ role: "candidate", term: 2 });
  settle(alone);
  expect(alone.status()).toMatchObject({ role: "leader", term: 2 });
});

test("§5.2: a leader that steps down waits a whole timeout before it campaigns", () => {
  const node = elect(start(""));
  settle(node);
  for (let tick = 0; tick < t - 1; tick++) node.tick();
  node.step(heartbeat(2, 2));
  const other = elect(start(""));
  for (let tick = 0; tick < t - 1; tick++) other.tick();
  other.step(requestVote(2, 2, "0/0"));
  other.step(ack(2, 2, 0));
  for (const stepped of [node, other]) {
    expect(stepped.status()).toMatchObject({ role: "follower", electionElapsedTicks: 0 });
  }
});

test("§5.4.1: a vote is denied to a candidate whose log is not as up-to-date", () => {
  const cases: [string, boolean][] = [
    ["2/3", true],
    ["2/4", true],
    ["3/1", true],
    ["2/2", false],
    ["1/9", false],
    ["0/0", false],
  ];
  for (const [last, granted] of cases) {
    const node = start("1/1 2/2 2/3");
    node.step(requestVote(2, 4, last));
    expect(sent(node, "request-vote-response"), last).toEqual([
      expect.objectContaining({ granted }),
    ]);
    expect(node.term).toBe(4);
  }
});

test("thesis §4.2.3: within the minimum election timeout of hearing from a leader, no vote", () => {
  for (const kind of ["request-vote", "pre-vote"] as const) {
    const node = start("1/1", {}, { preVote: true });
    node.step(heartbeat(2, 1));
    settle(node);
    node.step({ ...requestVote(3, 2, "1/1"), kind });
    expect(node.hasReady).toBe(false);
    expect([node.term, node.leader]).toEqual([1, 2]);
  }
});

test("thesis §6.2: a new leader has a whole timeout to hear from a majority", () => {
  const node = start("");
  node.campaign();
  settle(node);
  for (let tick = 0; tick < t - 1; tick++) node.tick();
  node.step(grant(2, 1));
  expect(node.status()).toMatchObject({ role: "leader", electionElapsedTicks: 0 });
});

test("thesis §6.2: a leader without a round of answers from a majority steps down", () => {
  const node = elect(start(""));
  settle(node);
  // A first timeout with an answer, a second without.
  node.step(ack(2, 1, 1));
  for (let tick = 0; tick < t; tick++) node.tick();
  expect(node.role).toBe("leader");
  for (let tick = 0; tick < t; tick++) node.tick();
  expect(node.status()).toMatchObject({ role: "follower", term: 1, vote: 1, leader: 0 });
});

test("thesis §9.6: a pre-vote increments nobody's term, and nobody's timer hears it", () => {
  const asking = start("1/1", {}, { preVote: true });
  asking.campaign();
  expect(asking.status()).toMatchObject({ role: "pre-candidate", term: 1, vote: 0 });
  expect(sent(asking, "pre-vote").map(({ term }) => term)).toEqual([2, 2]);

  const asked = start("1/1");
  for (let tick = 0; tick < t - 1; tick++) asked.tick();
  for (const last of ["1/1", "0/0"]) {
    const before = asked.status();
    asked.step({ ...requestVote(2, 9, last), kind: "pre-vote" });
    expect(asked.status()).toEqual(before);
  }
  expect(sent(asked, "pre-vote-response").map(({ term, granted }) => [term, granted])).toEqual([
    [9, true],
    [1, false],
  ]);
});

test("thesis §9.6: a candidate increments its term only once a majority would vote for it", () => {
  const node = start("1/1", {}, { preVote: true });
  node.campaign();
  node.step({ kind: "pre-vote-response", from: 2, to: 1, term: 2, granted: true });
  expect(node.status()).toMatchObject({ role: "candidate", term: 2, vote: 1 });
});

test("thesis §9.6: an answer to an earlier pre-vote does not count in a later one", () => {
  const node = start("1/1", {}, { preVote: true });
  node.campaign();
  // Node 3 has it learn of term 2; the grant of node 2 for term 2 is late.
  node.step({ kind: "pre-vote-response", from: 3, to: 1, term: 2, granted: false });
  node.campaign();
  node.step({ kind: "pre-vote-response", from: 2, to: 1, term: 2, granted: true });
  expect(node.status()).toMatchObject({ role: "pre-candidate", term: 2 });
  node.step({ kind: "pre-vote-response", from: 2, to: 1, term: 3, granted: true });
  expect(node.status()).toMatchObject({ role: "candidate", term: 3 });
});
