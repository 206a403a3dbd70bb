import { expect, test } from "vitest";
import { confStateOf } from "./conf-state.ts";
import { origin } from "./entry.ts";
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
