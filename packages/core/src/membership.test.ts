import { expect, test } from "vitest";
import { leaveJoint, newConfChange } from "./conf-change.ts";
import { decodeConfChange } from "./conf-codec.ts";
import { type ConfState, confStateOf } from "./conf-state.ts";
import type { ErrorCode } from "./errors.ts";
import type { Message } from "./message.ts";
import type { RaftOptions } from "./options.ts";
import { RaftNode } from "./raft-node.ts";
import { snapshotAtStart } from "./snapshot.ts";
import { emptyStorage } from "./storage.ts";

/** Node 1, which has just been elected by all of `confState`, with nothing durable but its vote. */
function elected(confState: ConfState, options: RaftOptions = {}): RaftNode {
  const storage = { ...emptyStorage, snapshot: snapshotAtStart(confState) };
  const node = new RaftNode(1, [], { preVote: false, ...options, storage });
  node.campaign();
  node.advance(node.ready());
  for (const from of [...confState.voters, ...confState.votersOutgoing]) {
    if (from === 1 || node.role === "leader") continue;
    node.step({ kind: "request-vote-response", from, to: 1, term: 1, granted: true });
  }
  expect(node.role).toBe("leader");
  return node;
}

/** The same, after its first entry was committed and applied. */
function leader(confState: ConfState, options: RaftOptions = {}): RaftNode {
  const node = elected(confState, options);
  commit(node, confState);
  expect(node.appliedIndex).toBe(1);
  return node;
}

function acknowledge(node: RaftNode, from: number, matchIndex: number): void {
  node.step({ kind: "append-entries-response", from, to: 1, term: 1, matchIndex });
}

/** Does all that there is to do, and returns what was sent. */
function finish(node: RaftNode): Message[] {
  const sent: Message[] = [];
  while (node.hasReady) {
    const ready = node.ready();
    sent.push(...ready.messages);
    node.advance(ready);
  }
  return sent;
}

/** To whom heartbeats say that the log is committed up to where, and in which round. */
function told(messages: readonly Message[]): readonly (readonly number[])[] {
  return messages.flatMap((each) => {
    return each.kind === "heartbeat" ? [[each.to, each.commitIndex, each.readRound]] : [];
  });
}

/** All members acknowledge all, and everything is done that follows from it. */
function commit(node: RaftNode, { voters, votersOutgoing, learners }: ConfState): void {
  const end = node.lastIndex;
  finish(node);
  for (const from of [...voters, ...votersOutgoing, ...learners]) {
    if (from !== 1 && node.status().progress.some(({ id }) => id === from)) {
      acknowledge(node, from, end);
    }
  }
  finish(node);
}

const three = confStateOf([1, 2, 3]);
const addFour = newConfChange([{ kind: "add-voter", id: 4 }]);
const removeSelf = newConfChange([{ kind: "remove", id: 1 }]);

function refusal(node: RaftNode, change = addFour): ErrorCode | undefined {
  const before = node.fingerprint();
  try {
    node.proposeChange(change);
    return undefined;
  } catch (error) {
    expect(node.fingerprint()).toBe(before);
    return (error as { code: ErrorCode }).code;
  }
}

test("a change is an entry that says what it leads to", () => {
  const node = leader(three);
  const context = Uint8Array.of(7);
  const index = node.proposeChange({ ...addFour, context });
  expect(index).toBe(2);
  const [entry] = node.entries(2, 2);
  expect(entry?.kind).toBe("conf-change");
  expect(decodeConfChange(entry?.data ?? context)).toEqual({
    change: { ...addFour, context },
    result: confStateOf([1, 2, 3, 4]),
  });
});

test("a change takes effect when it is applied, and a second one may follow then", () => {
  const node = leader(three);
  node.proposeChange(addFour);
  expect(refusal(node)).toBe("change_pending");
  finish(node);
  acknowledge(node, 2, 2);
  expect(node.commitIndex).toBe(2);
  expect(node.confState).toEqual(three);
  expect(refusal(node)).toBe("change_pending");
  finish(node);
  expect(node.confState).toEqual(confStateOf([1, 2, 3, 4]));
  expect(node.confIndex).toBe(2);
  expect(node.status().progress.map(({ id }) => id)).toEqual([2, 3, 4]);
  expect(refusal(node, newConfChange([{ kind: "add-voter", id: 5 }]))).toBeUndefined();
});

test("a change is refused of all but a leader that has committed in its term", () => {
  expect(refusal(new RaftNode(1, [2, 3]))).toBe("not_leader");
  expect(refusal(elected(three))).toBe("leader_not_ready");
  expect(refusal(leader(three), leaveJoint)).toBe("invalid_change");
});

test("a leader waits for whatever change it may have inherited", () => {
  const inherited = elected(three).copy();
  const node = leader(three);
  node.proposeChange(addFour);
  const [entry] = node.entries(2, 2);
  if (entry === undefined) throw new Error("there is a change");
  const storage = {
    ...emptyStorage,
    hardState: { term: 1, vote: 1, commitIndex: 1 },
    entries: [...inherited.entries(1, 1), entry],
  };
  const next = new RaftNode(1, [2, 3], { preVote: false, storage });
  finish(next);
  next.campaign();
  next.advance(next.ready());
  next.step({ kind: "request-vote-response", from: 2, to: 1, term: 2, granted: true });
  finish(next);
  next.step({ kind: "append-entries-response", from: 2, to: 1, term: 2, matchIndex: 3 });
  expect(next.commitIndex).toBe(3);
  expect(refusal(next)).toBe("change_pending");
  finish(next);
  expect(next.confState).toEqual(confStateOf([1, 2, 3, 4]));
  expect(refusal(next, newConfChange([{ kind: "remove", id: 4 }]))).toBeUndefined();
});

test("a context has a limit of its own, however small commands are", () => {
  const node = leader(three, { commandBytesMax: 3 });
  const most = 2 ** 20;
  expect(refusal(node, { ...addFour, context: new Uint8Array(most + 1) })).toBe("too_large");
  expect(refusal(node, { ...addFour, context: new Uint8Array(most) })).toBeUndefined();
});

test("the leader leaves a joint configuration by itself, whatever the limits, and only once", () => {
  const node = leader(three, { commandBytesMax: 1, uncommittedBytesMax: 1 });
  node.proposeChange(
    newConfChange([
      { kind: "add-voter", id: 4 },
      { kind: "remove", id: 3 },
    ]),
  );
  finish(node);
  acknowledge(node, 2, 2);
  finish(node);
  expect(node.confState).toMatchObject({ voters: [1, 2, 4], votersOutgoing: [1, 2, 3] });
  expect(node.lastIndex).toBe(3);
  node.applied(node.appliedIndex);
  expect(node.lastIndex).toBe(3);
  acknowledge(node, 2, 3);
  finish(node);
  expect(node.confState).toEqual(confStateOf([1, 2, 4]));
});

test("a joint configuration that is to be left by hand is not left otherwise", () => {
  const joint = { ...confStateOf([1, 2, 4]), votersOutgoing: [1, 2, 3] };
  const node = leader(joint);
  expect(node.lastIndex).toBe(1);
  expect(refusal(node, leaveJoint)).toBeUndefined();
});

test("a joint configuration that is left by its leader is left by the next leader", () => {
  const joint = { ...confStateOf([1, 2, 4]), votersOutgoing: [1, 2, 3], autoLeave: true };
  const node = leader(joint);
  expect(node.lastIndex).toBe(2);
  commit(node, joint);
  expect(node.confState).toEqual(confStateOf([1, 2, 4]));
});

test("a removed leader refuses what it would have to commit", () => {
  const node = leader(three);
  node.proposeChange(removeSelf);
  commit(node, three);
  expect(node.confState).toEqual(confStateOf([2, 3]));
  expect(refusal(node)).toBe("transferring");
  expect(() => node.propose(new Uint8Array(1))).toThrow("transferring");
  expect(node.role).toBe("leader");
});

test.each([
  ["removed", removeSelf],
  ["made a learner", newConfChange([{ kind: "add-learner", id: 1 }])],
])("a leader that is %s goes once a majority was told, and asks one to take over", (_, change) => {
  const node = leader(three);
  node.proposeChange(change);
  finish(node);
  acknowledge(node, 2, 2);
  // Who holds the change is told at once that it is committed.
  expect(told(finish(node))).toEqual([[2, 2, 1]]);
  node.tick();
  expect(told(finish(node))).toEqual([
    [2, 2, 2],
    [3, 1, 2],
  ]);
  const answer = { kind: "heartbeat-response", to: 1, term: 1 } as const;
  // Node 3 was not told yet: its log does not reach there, so the heartbeat did not say so.
  node.step({ ...answer, from: 3, readRound: 2 });
  node.step({ ...answer, from: 2, readRound: 2 });
  expect(node.role).toBe("leader");
  acknowledge(node, 3, 2);
  node.tick();
  expect(told(finish(node))).toEqual([
    [2, 2, 3],
    [3, 2, 3],
  ]);
  node.step({ ...answer, from: 3, readRound: 2 });
  expect(node.role).toBe("leader");
  node.step({ ...answer, from: 3, readRound: 3 });
  expect(node.role).toBe("follower");
  expect(node.status().stepDownReason).toBe("removed");
  expect(finish(node)).toMatchObject([{ kind: "timeout-now", to: 2, term: 1 }]);
});

test("a leader that is removed from among two goes when the other knows", () => {
  const two = confStateOf([1, 2]);
  const node = leader(two);
  node.proposeChange(removeSelf);
  commit(node, two);
  node.step({ kind: "heartbeat-response", from: 2, to: 1, term: 1, readRound: 1 });
  expect(node.role).toBe("follower");
});

test("reads of a leader on its way out are confirmed by those who remain", () => {
  const node = leader(three);
  node.proposeChange(removeSelf);
  commit(node, three);
  node.readIndex();
  expect(told(finish(node))).toEqual([
    [2, 2, 3],
    [3, 2, 3],
  ]);
  node.step({ kind: "heartbeat-response", from: 2, to: 1, term: 1, readRound: 3 });
  expect(node.ready().reads).toEqual([]);
  node.step({ kind: "heartbeat-response", from: 3, to: 1, term: 1, readRound: 3 });
  // Both were told as well, by the same round.
  expect(node.ready().reads).toMatchObject([{ index: 2 }]);
  expect(node.role).toBe("follower");
});

test("who holds a change is told at once that it is committed, also who is removed by it", () => {
  const node = leader(confStateOf([1, 2, 3, 4]));
  node.proposeChange(newConfChange([{ kind: "remove", id: 3 }]));
  finish(node);
  acknowledge(node, 2, 2);
  acknowledge(node, 3, 2);
  expect(told(finish(node))).toEqual([
    [2, 2, 0],
    [3, 2, 0],
  ]);
});

test("who is removed is forgotten, with all that was known of it", () => {
  const node = leader(three);
  node.proposeChange(newConfChange([{ kind: "remove", id: 3 }]));
  commit(node, three);
  expect(node.status().progress.map(({ id }) => id)).toEqual([2]);
  const before = node.fingerprint();
  acknowledge(node, 3, 2);
  node.step({ kind: "heartbeat-response", from: 3, to: 1, term: 1, readRound: 0 });
  node.reportSnapshot(3, true);
  node.reportUnreachable(3);
  expect(node.fingerprint()).toBe(before);
  node.proposeChange(newConfChange([{ kind: "add-voter", id: 3 }]));
  commit(node, confStateOf([1, 2]));
  expect(node.status().progress[1]).toMatchObject({
    id: 3,
    matchIndex: 0,
    kind: "probe",
    recentlyActive: true,
  });
});

test("uncommitted bytes count a change, and are let go with it", () => {
  const node = leader(three);
  expect(node.status().uncommittedBytes).toBe(0);
  node.proposeChange(addFour);
  const bytes = node.status().uncommittedBytes;
  expect(bytes).toBeGreaterThan(16);
  node.propose(new Uint8Array(4));
  expect(node.status().uncommittedBytes).toBe(bytes + 20);
  commit(node, three);
  expect(node.status().uncommittedBytes).toBe(0);
});
