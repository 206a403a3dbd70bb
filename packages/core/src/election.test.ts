import { expect, test } from "vitest";
import { newConfChange } from "./conf-change.ts";
import { encodeConfChange } from "./conf-codec.ts";
import { confStateOf } from "./conf-state.ts";
import { type EntryId, newEntry, origin } from "./entry.ts";
import type { Message } from "./message.ts";
import type { RaftOptions } from "./options.ts";
import { RaftNode } from "./raft-node.ts";
import { joiningSnapshot, snapshotAtStart } from "./snapshot.ts";
import { emptyStorage } from "./storage.ts";

/** Node 3, which learns what voters 1 and 2 decide, and follows node 1 in term 1. */
function learner(options: RaftOptions = {}): RaftNode {
  const snapshot = snapshotAtStart({ ...confStateOf([1, 2]), learners: [3] });
  const node = new RaftNode(3, [], { storage: { ...emptyStorage, snapshot }, ...options });
  node.step({ kind: "heartbeat", from: 1, to: 3, term: 1, commitIndex: 0, readRound: 0 });
  node.advance(node.ready());
  return node;
}

/** Ticks until the election timer has fired, and no longer. */
function wait(node: RaftNode): void {
  const { electionElapsedTicks, electionTimeoutTicks } = node.status();
  for (let tick = electionElapsedTicks; tick < electionTimeoutTicks; tick++) node.tick();
}

function sentBy(node: RaftNode): readonly Message[] {
  const { messages, messagesAfterPersist } = node.ready();
  return [...messages, ...messagesAfterPersist];
}

test("a learner whose leader is gone does not campaign, and is free to vote as soon as it noticed", () => {
  const node = learner();
  const asks = { kind: "request-vote", from: 2, to: 3, term: 2, last: origin } as const;
  node.step(asks);
  expect(sentBy(node)).toEqual([]);
  wait(node);
  expect(node.role).toBe("follower");
  expect(node.leader).toBe(0);
  expect(sentBy(node)).toEqual([]);
  node.step(asks);
  expect(sentBy(node)).toMatchObject([{ kind: "request-vote-response", granted: true }]);
});

test("a learner that noticed that its leader is gone fails the reads that it forwarded", () => {
  const node = learner({ electionTimeoutTicks: 3 });
  wait(node);
  expect(() => node.readIndex()).toThrow("not_leader");
});

test("a node that is to join waits for ever", () => {
  const node = new RaftNode(4, [], { storage: { ...emptyStorage, snapshot: joiningSnapshot } });
  for (let tick = 0; tick < 100; tick++) node.tick();
  node.campaign();
  expect(node.role).toBe("follower");
  expect(node.term).toBe(0);
  expect(node.hasReady).toBe(false);
});

test.each([true, false])("only voters are asked for their votes, with preVote %s", (preVote) => {
  const confState = { ...confStateOf([1, 2, 5]), votersOutgoing: [1, 2, 3], learners: [4] };
  const snapshot = snapshotAtStart(confState);
  const node = new RaftNode(1, [], { storage: { ...emptyStorage, snapshot }, preVote });
  node.campaign();
  expect(sentBy(node).map(({ to }) => to)).toEqual([2, 3, 5]);
});

test("a node whose campaign was asked for by its leader says so to every voter", () => {
  const node = new RaftNode(2, [1, 3]);
  node.step({ kind: "timeout-now", from: 1, to: 2, term: 1 });
  expect(sentBy(node)).toMatchObject([
    { kind: "request-vote", to: 1, term: 2, transfer: true },
    { kind: "request-vote", to: 3, term: 2, transfer: true },
  ]);
});

test("a learner that is asked to take over does not", () => {
  const node = learner();
  node.step({ kind: "timeout-now", from: 1, to: 3, term: 1 });
  expect(node.role).toBe("follower");
  expect(sentBy(node)).toEqual([]);
});

/** Node 1 of voters 1, 2 and 3 with these entries of term 1, of which it knows `commitIndex` committed. */
function voter(count: number, commitIndex: number, change?: number): RaftNode {
  const entries = Array.from({ length: count }, (_, offset) => {
    const id = { term: 1, index: 1 + offset };
    if (id.index !== change) return newEntry(id, "command", new Uint8Array(1));
    const removal = newConfChange([{ kind: "remove", id: 3 }]);
    return newEntry(id, "conf-change", encodeConfChange(removal, confStateOf([1, 2])));
  });
  const storage = { ...emptyStorage, hardState: { term: 1, vote: 0, commitIndex }, entries };
  const node = new RaftNode(1, [2, 3], { storage, preVote: false });
  while (node.hasReady) node.advance(node.ready());
  return node;
}

test.each<[string, number, number, object]>([
  ["what both may hold", 2, 2, { committed: { term: 1, index: 2 } }],
  ["nothing that the other lacks", 1, 2, {}],
  ["nothing if nothing is committed", 2, 0, {}],
])("who is refused a vote for its log is told of %s", (_, last, commitIndex, expected) => {
  const node = voter(4, commitIndex);
  node.step({ kind: "request-vote", from: 2, to: 1, term: 2, last: { term: 1, index: last } });
  const [answer] = sentBy(node);
  const refusal = { kind: "request-vote-response", from: 1, to: 2, term: 2, granted: false };
  expect(answer).toEqual({ ...refusal, ...expected });
  node.advance(node.ready());
  node.step({ kind: "pre-vote", from: 3, to: 1, term: 3, last: { term: 1, index: last } });
  const [other] = sentBy(node);
  const preRefusal = { kind: "pre-vote-response", from: 1, to: 3, term: 2, granted: false };
  expect(other).toEqual({ ...preRefusal, ...expected });
});

test("a vote tells what is committed, given or not, as far as the candidate may have it", () => {
  const node = voter(2, 2);
  const committed = { term: 1, index: 2 };
  const last = { term: 1, index: 2 };
  node.step({ kind: "request-vote", from: 2, to: 1, term: 2, last });
  node.step({ kind: "request-vote", from: 3, to: 1, term: 2, last });
  const answers = sentBy(node).toSorted((a, b) => a.to - b.to);
  expect(answers).toMatchObject([
    { to: 2, granted: true, committed },
    { to: 3, granted: false, committed },
  ]);
  const behind = voter(2, 2);
  behind.step({ kind: "request-vote", from: 3, to: 1, term: 2, last: { term: 1, index: 1 } });
  for (const answer of sentBy(behind)) expect(answer).not.toHaveProperty("committed");
});

test("a candidate learns from a vote what is committed, unless that vote wins", () => {
  const removal = newConfChange([{ kind: "remove", id: 5 }]);
  const data = encodeConfChange(removal, confStateOf([1, 2, 3, 4]));
  const entries = [newEntry({ term: 1, index: 1 }, "conf-change", data)];
  const hardState = { term: 1, vote: 0, commitIndex: 0 };
  const storage = { ...emptyStorage, hardState, entries };
  const candidate = (): RaftNode => {
    const node = new RaftNode(1, [2, 3, 4, 5], { storage, preVote: false });
    node.campaign();
    node.advance(node.ready());
    return node;
  };
  const vote = { kind: "request-vote-response", to: 1, term: 2, granted: true } as const;
  const committed = { term: 1, index: 1 };

  const losing = candidate();
  losing.step({ ...vote, from: 2, committed });
  expect(losing.status()).toMatchObject({ role: "follower", commitIndex: 1 });

  const winning = candidate();
  winning.step({ ...vote, from: 2 });
  winning.step({ ...vote, from: 3, committed });
  expect(winning.status()).toMatchObject({ role: "leader", commitIndex: 0 });
});

test("a candidate learns from a refusal what is committed, and applies a change before it goes on", () => {
  const node = voter(3, 1, 2);
  node.campaign();
  node.advance(node.ready());
  expect(node.role).toBe("candidate");
  const refusal = { kind: "request-vote-response", to: 1, term: 2, granted: false } as const;
  node.step({ ...refusal, from: 3, committed: { term: 1, index: 2 } });
  expect(node.status()).toMatchObject({ role: "follower", commitIndex: 2, appliedIndex: 1 });
  while (node.hasReady) node.advance(node.ready());
  expect(node.confState).toEqual(confStateOf([1, 2]));
  node.campaign();
  expect(sentBy(node).map(({ to }) => to)).toEqual([2]);
});

test.each([
  ["a refusal of its own term", { term: 2, granted: false }],
  ["a refusal of an older term, from one that never campaigns", { term: 1, granted: false }],
  ["a vote", { term: 3, granted: true }],
])("who asks for votes before an election learns what is committed from %s", (_, answer) => {
  const entries = [1, 2, 3].map((index) => newEntry({ term: 1, index }, "command"));
  const storage = { ...emptyStorage, hardState: { term: 2, vote: 0, commitIndex: 0 }, entries };
  const node = new RaftNode(1, [2, 3, 4, 5], { storage });
  node.campaign();
  node.advance(node.ready());
  const committed = { term: 1, index: 2 };
  node.step({ kind: "pre-vote-response", from: 2, to: 1, ...answer, committed });
  expect(node.status()).toMatchObject({ role: "pre-candidate", term: 2, commitIndex: 2 });
});

test("a candidate that learns of nothing to apply goes on", () => {
  const node = voter(3, 1);
  node.campaign();
  node.advance(node.ready());
  const refusal = { kind: "request-vote-response", to: 1, term: 2, granted: false } as const;
  node.step({ ...refusal, from: 3, committed: { term: 1, index: 2 } });
  expect(node.status()).toMatchObject({ role: "candidate", commitIndex: 2 });
  // What is not in this log, or of another term there, says nothing about it.
  node.step({ ...refusal, from: 3, committed: { term: 1, index: 9 } });
  node.step({ ...refusal, from: 3, committed: { term: 2, index: 3 } });
  expect(node.status()).toMatchObject({ role: "candidate", commitIndex: 2 });
});

test("forgetLeader says whom a follower forgot, which then votes for whoever asks", () => {
  const node = new RaftNode(1, [1, 2, 3]);
  expect(node.forgetLeader()).toBe(0);
  node.step({ kind: "heartbeat", from: 2, to: 1, term: 1, commitIndex: 0, readRound: 0 });
  node.advance(node.ready());
  expect(node.forgetLeader()).toBe(2);
  expect(node.leader).toBe(0);
  expect(node.forgetLeader()).toBe(0);
  node.step({ kind: "pre-vote", from: 3, to: 1, term: 2, last: origin });
  expect(sentBy(node)).toMatchObject([{ kind: "pre-vote-response", to: 3, granted: true }]);
});

test("forgetLeader refuses on a leader, and where the leader may count on this node", () => {
  const alone = new RaftNode(1, [1]);
  alone.campaign();
  while (alone.hasReady) alone.advance(alone.ready());
  expect(() => alone.forgetLeader()).toThrow("is_leader: node 1 leads term 1");
  expect(alone.role).toBe("leader");

  const leasing = new RaftNode(1, [1, 2, 3], { leaseReads: true });
  expect(leasing.forgetLeader()).toBe(0);
  leasing.step({ kind: "heartbeat", from: 2, to: 1, term: 1, commitIndex: 0, readRound: 0 });
  expect(() => leasing.forgetLeader()).toThrow("lease_promised: node 2 may count on node 1");
  expect(leasing.leader).toBe(2);
});

test("of two who ask for pre-votes at once, the one with the older log or the higher id gives way", () => {
  const asked = (from: number, last: EntryId): RaftNode => {
    const node = new RaftNode(2, [1, 2, 3]);
    node.campaign();
    node.advance(node.ready());
    node.step({ kind: "pre-vote", from, to: 2, term: 1, last });
    return node;
  };
  expect(asked(1, origin).role).toBe("follower");
  expect(asked(3, origin).role).toBe("pre-candidate");
  for (const from of [1, 3]) {
    const node = asked(from, origin);
    expect(node.term).toBe(0);
    expect(sentBy(node)).toMatchObject([{ kind: "pre-vote-response", to: from, granted: true }]);
  }
});

test("who has the longer log goes on, whoever else asks", () => {
  const node = new RaftNode(2, [1, 2, 3]);
  const entry = newEntry({ term: 1, index: 1 }, "no-op");
  const append = { kind: "append-entries", from: 3, to: 2, term: 1, commitIndex: 0 } as const;
  node.step({ ...append, prev: origin, entries: [entry] });
  node.campaign();
  node.advance(node.ready());
  node.step({ kind: "pre-vote", from: 1, to: 2, term: 2, last: origin });
  expect(node.role).toBe("pre-candidate");
  node.step({ kind: "pre-vote", from: 3, to: 2, term: 2, last: { term: 1, index: 2 } });
  expect(node.role).toBe("follower");
});
