import { expect, test } from "vitest";
import { newConfChange } from "./conf-change.ts";
import { confStateOf } from "./conf-state.ts";
import type { ErrorCode } from "./errors.ts";
import type { Message } from "./message.ts";
import type { RaftOptions } from "./options.ts";
import { RaftNode } from "./raft-node.ts";
import { snapshotAtStart } from "./snapshot.ts";
import { emptyStorage } from "./storage.ts";

const confState = { ...confStateOf([1, 2, 3]), learners: [4] };

/** Node 1, which leads voters 1, 2 and 3 and learner 4 in term 1; all have its one entry. */
function leader(options: RaftOptions = {}): RaftNode {
  const storage = { ...emptyStorage, snapshot: snapshotAtStart(confState) };
  const node = new RaftNode(1, [], { preVote: false, ...options, storage });
  node.campaign();
  finish(node);
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 1, granted: true });
  for (const from of [2, 3, 4]) acknowledge(node, from, 1);
  finish(node);
  return node;
}

function acknowledge(node: RaftNode, from: number, matchIndex: number): void {
  node.step({ kind: "append-entries-response", from, to: 1, term: 1, matchIndex });
}

/** Does all that there is to do, and returns the requests to campaign that were sent. */
function finish(node: RaftNode): Message[] {
  const sent: Message[] = [];
  while (node.hasReady) {
    const ready = node.ready();
    sent.push(...ready.messages.filter(({ kind }) => kind === "timeout-now"));
    node.advance(ready);
  }
  return sent;
}

function refusal(act: () => unknown): ErrorCode | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code: ErrorCode }).code;
  }
}

test("a voter that has the whole log is asked at once", () => {
  const node = leader();
  expect(node.transferLeadership(2)).toBe(2);
  expect(node.status()).toMatchObject({ transferTarget: 2, transferBegun: true, role: "leader" });
  expect(finish(node)).toEqual([{ kind: "timeout-now", from: 1, to: 2, term: 1 }]);
});

test("a voter that lags is asked as soon as it has the whole log", () => {
  const node = leader();
  node.propose(new Uint8Array(1));
  finish(node);
  acknowledge(node, 3, 2);
  finish(node);
  node.transferLeadership(2);
  expect(finish(node)).toEqual([]);
  acknowledge(node, 3, 2);
  expect(finish(node)).toEqual([]);
  acknowledge(node, 2, 2);
  expect(finish(node)).toMatchObject([{ to: 2 }]);
});

test("while leadership is handed over there are no commands, no changes, and no second transfer", () => {
  const node = leader();
  node.transferLeadership(2);
  const change = newConfChange([{ kind: "remove", id: 3 }]);
  const before = node.fingerprint();
  expect(refusal(() => node.propose(new Uint8Array(1)))).toBe("transferring");
  expect(refusal(() => node.proposeChange(change))).toBe("transferring");
  expect(refusal(() => node.transferLeadership(3))).toBe("transferring");
  expect(node.fingerprint()).toBe(before);
  // Reads go on: they do not lengthen the log.
  expect(() => node.readIndex()).not.toThrow();
});

test.each<[string, number, ErrorCode]>([
  ["itself", 1, "invalid_argument"],
  ["a learner", 4, "invalid_argument"],
  ["a stranger", 9, "invalid_argument"],
  ["what is no id", -1, "invalid_argument"],
])("leadership is not handed over to %s", (_, to, code) => {
  const node = leader();
  const before = node.fingerprint();
  expect(refusal(() => node.transferLeadership(to))).toBe(code);
  expect(node.fingerprint()).toBe(before);
});

test("leadership is handed over by a leader, and not by one that is alone", () => {
  expect(refusal(() => new RaftNode(1, [2, 3]).transferLeadership(2))).toBe("not_leader");
  const alone = new RaftNode(1, []);
  alone.campaign();
  finish(alone);
  expect(refusal(() => alone.transferLeadership())).toBe("invalid_argument");
});

test("to nobody in particular: the voter that is furthest, and among equals one that was heard from", () => {
  const node = leader();
  node.propose(new Uint8Array(1));
  finish(node);
  acknowledge(node, 4, 2);
  acknowledge(node, 3, 2);
  expect(node.transferLeadership()).toBe(3);
  const equal = leader({ electionTimeoutTicks: 2 });
  equal.tick();
  equal.tick();
  equal.step({ kind: "heartbeat-response", from: 3, to: 1, term: 1, readRound: 0 });
  expect(equal.transferLeadership()).toBe(3);
});

test("an election timeout later the leader goes on, but it did begin to hand over in this term", () => {
  const node = leader({ electionTimeoutTicks: 3 });
  node.transferLeadership(2);
  node.tick();
  node.tick();
  expect(finish(node)).toHaveLength(3);
  expect(node.status().transferTarget).toBe(2);
  node.tick();
  expect(finish(node)).toEqual([]);
  expect(node.status()).toMatchObject({ transferTarget: 0, transferBegun: true });
  expect(() => node.propose(new Uint8Array(1))).not.toThrow();
  // In the next term it did not.
  node.stepDown();
  node.campaign();
  finish(node);
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 2, granted: true });
  expect(node.status()).toMatchObject({ role: "leader", transferBegun: false });
});

test("a transfer ends with the membership of its target", () => {
  const node = leader();
  node.proposeChange(newConfChange([{ kind: "add-learner", id: 2 }]));
  node.transferLeadership(2);
  finish(node);
  acknowledge(node, 3, 2);
  finish(node);
  expect(node.status()).toMatchObject({ transferTarget: 0, role: "leader" });
});

test("a transfer ends with the term", () => {
  const node = leader();
  node.transferLeadership(2);
  node.step({ kind: "heartbeat-response", from: 3, to: 1, term: 2, readRound: 0 });
  expect(node.status()).toMatchObject({
    role: "follower",
    transferTarget: 0,
    transferBegun: false,
  });
});

test("a leader that is told to stop does, with its reads, and asks nobody", () => {
  const node = leader();
  node.readIndex();
  finish(node);
  node.stepDown();
  const { reads, messages } = node.ready();
  expect(reads).toMatchObject([{ index: 0 }]);
  expect(messages).toEqual([]);
  expect(node.status()).toMatchObject({ role: "follower", leader: 0, stepDownReason: "asked" });
  const before = node.fingerprint();
  node.stepDown();
  expect(node.fingerprint()).toBe(before);
});

test("a voter that is about to go is nobody's first choice", () => {
  const node = leader();
  node.proposeChange(newConfChange([{ kind: "remove", id: 2 }], "explicit"));
  finish(node);
  for (const from of [2, 3]) acknowledge(node, from, 2);
  finish(node);
  expect(node.confState).toMatchObject({ voters: [1, 3], votersOutgoing: [1, 2, 3] });
  node.propose(new Uint8Array(1));
  finish(node);
  acknowledge(node, 2, 3);
  expect(node.transferLeadership()).toBe(3);
});
