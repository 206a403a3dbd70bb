import { expect, test } from "vitest";
import { confStateOf } from "./conf-state.ts";
import { copyState } from "./copy-state.ts";
import { newEntry } from "./entry.ts";
import {
  type FingerprintOptions,
  fingerprintMessage,
  fingerprintOf,
  type Handed,
} from "./fingerprint.ts";
import { sendHeartbeats } from "./heartbeat.ts";
import type { Message } from "./message.ts";
import { newState } from "./new-state.ts";
import { acked, newProgress, type Progress, sent } from "./progress.ts";
import type { Ready } from "./ready.ts";
import { becomeCandidate, becomeLeader, becomePreCandidate } from "./roles.ts";
import { configure, type Leader, type Peer, type RaftState } from "./state.ts";

const nothingHanded: Handed = { pending: [], offer: undefined };

/** A leader of three with an entry in each stage, a window, and reads. */
function leader(): RaftState {
  const data = new Uint8Array([1, 2]);
  const entries = [1, 2].map((index) => newEntry({ term: 1, index }, "command", data));
  const hardState = { term: 1, vote: 2, commitIndex: 1 };
  const state = newState(1, [2, 3], {
    storage: { hardState, base: { term: 0, index: 0 }, entries },
  });
  becomeCandidate(state);
  becomeLeader(state);
  const { log } = state;
  log.handedOver(1, log.unhanded());
  log.append(newEntry({ term: 2, index: 4 }, "command", data));
  const role = roleOf(state);
  const limits = { countMax: 4, bytesMax: 100 };
  const replicate = acked(peerOf(role, 2).progress, 2, 1, limits);
  peerOf(role, 2).progress = sent(replicate, { term: 1, index: 2 }, 1, 16);
  role.readRounds.push({ round: 1, index: 1, requests: [{ from: 1, readId: 5 }] });
  role.readRound = 1;
  state.outbox.messages.push(heartbeat);
  state.outbox.messagesAfterPersist.push(heartbeat);
  state.outbox.reads.push({ readId: 3, index: 1 });
  return state;
}

const heartbeat: Message = {
  kind: "heartbeat",
  from: 1,
  to: 2,
  term: 2,
  commitIndex: 1,
  readRound: 1,
};

function roleOf(state: RaftState): Leader {
  if (state.role.kind !== "leader") throw new Error("the node leads");
  return state.role;
}

function peerOf(role: Leader, id: number): Peer {
  const peer = role.peers.get(id);
  if (peer === undefined) throw new Error("the peer is known");
  return peer;
}

const joint = { ...confStateOf([1, 2]), votersOutgoing: [1, 2] };

const snapshot = { term: 1, index: 2, confState: confStateOf([1, 2]) };

type Change = (state: RaftState) => void;

function changed(change: Change, from: () => RaftState, options: FingerprintOptions = {}): boolean {
  const state = from();
  const before = fingerprintOf(state, nothingHanded, options);
  const copy = copyState(state);
  change(copy);
  expect(fingerprintOf(state, nothingHanded, options)).toBe(before);
  return fingerprintOf(copy, nothingHanded, options) !== before;
}

const decisive: Record<string, Change> = {
  term: (state) => (state.term += 1),
  vote: (state) => (state.vote = 2),
  commitIndex: (state) => (state.commitIndex += 1),
  applyingIndex: (state) => (state.applyingIndex += 1),
  appliedIndex: (state) => (state.appliedIndex += 1),
  handedCommit: (state) => (state.handedHardState = { ...state.handedHardState, commitIndex: 0 }),
  handedTerm: (state) => (state.handedHardState = { ...state.handedHardState, term: 2 }),
  handedVote: (state) => (state.handedHardState = { ...state.handedHardState, vote: 3 }),
  persistedTerm: (state) => (state.persistedHardState = { ...state.persistedHardState, term: 2 }),
  persistedVote: (state) => (state.persistedHardState = { ...state.persistedHardState, vote: 3 }),
  newEntry: (state) => state.log.append(newEntry({ term: 2, index: 5 }, "command")),
  handed: (state) => state.log.handedOver(2, state.log.unhanded()),
  persisted: (state) => state.log.persisted(1),
  overwritten: (state) => state.log.merge([newEntry({ term: 3, index: 4 }, "command")]),
  overwrittenWhileWriting: (state) => state.log.merge([newEntry({ term: 3, index: 3 }, "command")]),
  message: (state) => state.outbox.messages.push(heartbeat),
  messageOrder: (state) => state.outbox.messages.unshift({ ...heartbeat, to: 3 }),
  promise: (state) => state.outbox.messagesAfterPersist.push(heartbeat),
  read: (state) => state.outbox.reads.push({ readId: 4, index: 1 }),
  uncommittedBytes: (state) => (roleOf(state).uncommittedBytes += 1),
  readRound: (state) => (roleOf(state).readRound += 1),
  offeredRound: (state) => (roleOf(state).offeredRound += 1),
  readRounds: (state) => roleOf(state).readRounds.pop(),
  readRequest: (state) => roleOf(state).readRounds[0]?.requests.push({ from: 2, readId: 5 }),
  window: (state) => (peerOf(roleOf(state), 2).progress = freed(state)),
  progress: (state) => (peerOf(roleOf(state), 3).progress = { ...probe, nextIndex: 2 }),
  progressMatch: (state) => (peerOf(roleOf(state), 3).progress = { ...probe, matchIndex: 1 }),
  awaiting: (state) => (peerOf(roleOf(state), 3).progress = { ...probe, awaiting: true }),
  progressSnapshot: (state) => (peerOf(roleOf(state), 3).progress = installing),
  pendingSnapshot: (state) =>
    (peerOf(roleOf(state), 3).progress = { ...installing, pendingIndex: 4 }),
  voters: (state) => (state.confState = confStateOf([1, 2])),
  votersOutgoing: (state) => (state.confState = { ...state.confState, votersOutgoing: [1, 2] }),
  learners: (state) => (state.confState = { ...state.confState, learners: [4] }),
  learnersNext: (state) => (state.confState = { ...state.confState, learnersNext: [4] }),
  autoLeave: (state) => (state.confState = { ...state.confState, autoLeave: true }),
  confIndex: (state) => (state.confIndex += 1),
  snapshot: (state) => (state.snapshot = snapshot),
  restoring: (state) => (state.restoring = snapshot),
  compacted: (state) => state.log.compact(1),
  applyingChanges: (state) =>
    (state.applyingChanges = [newEntry({ term: 1, index: 2 }, "conf-change")]),
  pendingConfIndex: (state) => (roleOf(state).pendingConfIndex += 1),
  transfer: (state) => (roleOf(state).transfer = { to: 2, elapsedTicks: 0 }),
  transferTo: (state) => (roleOf(state).transfer = { to: 3, elapsedTicks: 0 }),
  transferBegun: (state) => (roleOf(state).transferBegun = true),
  retirement: (state) => (roleOf(state).retirement = { index: 2, toldRounds: new Map() }),
  toldRounds: (state) => (roleOf(state).retirement = { index: 2, toldRounds: new Map([[2, 1]]) }),
};

const installing = { kind: "snapshot", matchIndex: 0, nextIndex: 3, pendingIndex: 3 } as const;

const probe = { kind: "probe", matchIndex: 0, nextIndex: 3, awaiting: false } as const;

function freed(state: RaftState): Progress {
  const { progress } = peerOf(roleOf(state), 2);
  if (progress.kind === "replicate") progress.inflights.freeTo(9);
  return progress;
}

test.each(Object.entries(decisive))("fingerprint tells a different %s", (_, change) => {
  expect(changed(change, leader)).toBe(true);
  expect(changed(change, leader, { timeless: true })).toBe(true);
});

const temporal: Record<string, Change> = {
  electionElapsedTicks: (state) => (state.electionElapsedTicks += 1),
  electionTimeoutTicks: (state) => (state.electionTimeoutTicks += 1),
  heartbeatElapsedTicks: (state) => (state.heartbeatElapsedTicks += 1),
  random: (state) => state.random.uint32(),
  nextReadId: (state) => (state.nextReadId += 1),
  recentlyActive: (state) => Object.assign(peerOf(roleOf(state), 2), { recentlyActive: true }),
};

test.each(Object.entries(temporal))("fingerprint tells %s unless it is timeless", (_, change) => {
  expect(changed(change, leader)).toBe(true);
  expect(changed(change, leader, { timeless: true })).toBe(false);
});

test("fingerprint tells any two of the decisive differences apart", () => {
  const prints = Object.values(decisive).map((change) => {
    const state = leader();
    change(state);
    return fingerprintOf(state, nothingHanded);
  });
  expect(new Set(prints).size).toBe(prints.length);
});

test("fingerprint tells how long a transfer has gone on unless it is timeless", () => {
  const [young, old] = [0, 1].map((elapsedTicks) => {
    const state = leader();
    roleOf(state).transfer = { to: 2, elapsedTicks };
    return state;
  });
  if (young === undefined || old === undefined) throw new Error("two states");
  const print = (state: RaftState, timeless: boolean): string =>
    fingerprintOf(state, nothingHanded, { timeless });
  expect(print(young, false)).not.toBe(print(old, false));
  expect(print(young, true)).toBe(print(old, true));
});

test("fingerprint tells how long a leader was not heard from while a vote may break a lease", () => {
  const print = (leaseReads: boolean, ticks: number, timeless = false): string => {
    const state = newState(1, [2, 3], { leaseReads, electionTimeoutTicks: 5 });
    state.ticks = ticks;
    return fingerprintOf(state, nothingHanded, { timeless });
  };
  expect(print(true, 1)).not.toBe(print(true, 2));
  expect(print(true, 1, true)).toBe(print(true, 2, true));
  expect(print(false, 1)).toBe(print(false, 2));
  expect(print(true, 4)).not.toBe(print(true, 5));
  // A promise that has ended does not end more.
  expect(print(true, 5)).toBe(print(true, 9));
});

test("fingerprint tells the roles and what they hold", () => {
  const follower = (): RaftState => newState(1, [2, 3], {});
  const prints = new Set<string>();
  const add: Change = (state) => prints.add(fingerprintOf(state, nothingHanded));
  add(follower());
  const changes: Change[] = [
    (state) => (state.role = { kind: "follower", leader: 2, reads: new Map() }),
    (state) => (state.role = { kind: "follower", leader: 2, reads: new Map([[7, 3]]) }),
    (state) => (state.role = { kind: "follower", leader: 2, reads: new Map([[8, 3]]) }),
    (state) => (state.role = { kind: "follower", leader: 2, reads: new Map([[8, 4]]) }),
    becomePreCandidate,
    (state) => (state.role = { kind: "pre-candidate", votes: new Map([[1, false]]) }),
    (state) => (state.role = { kind: "candidate", votes: new Map([[1, false]]) }),
    (state) => (state.role = { kind: "candidate", votes: new Map([[2, false]]) }),
  ];
  for (const change of changes) {
    const state = follower();
    change(state);
    add(state);
  }
  expect(prints.size).toBe(changes.length + 1);
});

test("fingerprint does not tell who joined when, and nor does what a leader sends", () => {
  const [grown, born] = [
    ["1 3", "1 2 3"],
    ["1 2 3", "1 2 3"],
  ].map((steps) => {
    const [first = [], last = []] = steps.map((ids) => ids.split(" ").map(Number));
    const state = newState(1, first, {});
    becomeCandidate(state);
    becomeLeader(state);
    configure(state, confStateOf(last), 0);
    for (const peer of roleOf(state).peers.values()) peer.progress = newProgress(1);
    sendHeartbeats(state, roleOf(state));
    return fingerprintOf(state, nothingHanded, { timeless: true });
  });
  expect(grown).toBe(born);
});

test("fingerprint counts ticks from now, so that the age of a node does not matter", () => {
  const older: Change = (state) => {
    state.ticks += 5;
    if (state.role.kind === "follower") state.role.reads.set(7, 8);
  };
  const younger = newState(1, [2], {});
  if (younger.role.kind === "follower") younger.role.reads.set(7, 3);
  const old = newState(1, [2], {});
  older(old);
  expect(fingerprintOf(old, nothingHanded)).toBe(fingerprintOf(younger, nothingHanded));
});

/** Accepted Readys with these hard states, numbered from 1. */
function pendingOf(...hardStates: readonly Ready["hardState"][]): Handed["pending"] {
  return hardStates.map((hardState, offset) => {
    return { number: offset + 1, lastNumber: offset + 1, hardState };
  });
}

test("fingerprint tells what the host was handed", () => {
  const state = leader();
  const hardState = { term: 2, vote: 1, commitIndex: 1 };
  const ready: Ready = {
    number: 1,
    messages: [heartbeat],
    snapshot: undefined,
    hardState,
    entries: [],
    mustSync: true,
    messagesAfterPersist: [],
    committed: [],
    reads: [],
  };
  const handed: Handed[] = [
    nothingHanded,
    { pending: pendingOf(undefined), offer: undefined },
    { pending: pendingOf(hardState), offer: undefined },
    { pending: pendingOf(hardState, { ...hardState, vote: 2 }), offer: undefined },
    { pending: [], offer: { ready, isCurrent: true } },
    { pending: [], offer: { ready, isCurrent: false } },
    { pending: [], offer: { ready: { ...ready, messages: [] }, isCurrent: false } },
    { pending: [], offer: { ready: { ...ready, hardState: undefined }, isCurrent: false } },
    { pending: [], offer: { ready: { ...ready, snapshot }, isCurrent: false } },
    {
      pending: [],
      offer: { ready: { ...ready, entries: state.log.unhanded() }, isCurrent: false },
    },
  ];
  const prints = new Set(handed.map((each) => fingerprintOf(state, each)));
  expect(prints.size).toBe(handed.length);
  // It changes nothing when a Ready with nothing to write is durable.
  const idle = { pending: pendingOf(hardState, undefined), offer: undefined };
  expect(fingerprintOf(state, idle)).toBe(
    fingerprintOf(state, { pending: pendingOf(hardState), offer: undefined }),
  );
  const renumbered = { ready: { ...ready, number: 9 }, isCurrent: false };
  expect(prints).toContain(fingerprintOf(state, { pending: [], offer: renumbered }));
});

test("fingerprint of renamed nodes is that of nodes with those names", () => {
  const nameOf = (id: number): number => [0, 3, 1, 2][id] ?? 0;
  const one = newState(1, [2, 3], {});
  one.role = {
    kind: "candidate",
    votes: new Map([
      [2, true],
      [1, false],
    ]),
  };
  one.vote = 2;
  one.outbox.messages.push(heartbeat);
  const other = newState(3, [1, 2], {});
  other.role = {
    kind: "candidate",
    votes: new Map([
      [3, false],
      [1, true],
    ]),
  };
  other.vote = 1;
  other.outbox.messages.push({ ...heartbeat, from: 3, to: 1 });
  const timeless = true;
  expect(fingerprintOf(one, nothingHanded, { timeless, nameOf })).toBe(
    fingerprintOf(other, nothingHanded, { timeless }),
  );
});

const id = { term: 1, index: 2 };
const some = [newEntry({ term: 1, index: 3 }, "command", new Uint8Array([7]))];
const other = [newEntry({ term: 1, index: 3 }, "command", new Uint8Array([8]))];
const envelope = { from: 1, to: 2, term: 3 } as const;
const messages: readonly Message[] = [
  { ...envelope, kind: "pre-vote", last: id },
  { ...envelope, kind: "request-vote", last: id },
  { ...envelope, kind: "request-vote", last: { term: 2, index: 2 } },
  { ...envelope, kind: "pre-vote-response", granted: true },
  { ...envelope, kind: "pre-vote-response", granted: false },
  { ...envelope, kind: "request-vote-response", granted: true },
  { ...envelope, kind: "append-entries", prev: id, entries: [], commitIndex: 1 },
  { ...envelope, kind: "append-entries", prev: id, entries: [], commitIndex: 2 },
  { ...envelope, kind: "append-entries", prev: id, entries: some, commitIndex: 1 },
  { ...envelope, kind: "append-entries", prev: id, entries: other, commitIndex: 1 },
  { ...envelope, kind: "append-entries-response", matchIndex: 1 },
  { ...envelope, kind: "append-entries-response", matchIndex: 2 },
  { ...envelope, kind: "append-entries-rejection", prevIndex: 1, hint: id },
  { ...envelope, kind: "append-entries-rejection", prevIndex: 2, hint: id },
  { ...envelope, kind: "request-vote", last: id, transfer: true },
  { ...envelope, kind: "install-snapshot", snapshot },
  { ...envelope, kind: "install-snapshot", snapshot: { ...snapshot, index: 3 } },
  { ...envelope, kind: "install-snapshot", snapshot: { ...snapshot, term: 2 } },
  { ...envelope, kind: "install-snapshot", snapshot: { ...snapshot, confState: joint } },
  { ...envelope, kind: "timeout-now" },
  { ...envelope, kind: "heartbeat", commitIndex: 1, readRound: 0 },
  { ...envelope, kind: "heartbeat", commitIndex: 1, readRound: 1 },
  { ...envelope, kind: "heartbeat-response", readRound: 1 },
  { ...envelope, kind: "propose", commands: [new Uint8Array([1])] },
  { ...envelope, kind: "propose", commands: [new Uint8Array([1]), new Uint8Array(0)] },
  { ...envelope, kind: "propose", commands: [] },
  { ...envelope, kind: "propose", commands: [new Uint8Array(0)] },
  { ...envelope, kind: "read-index", readId: 4 },
  { ...envelope, kind: "read-index-response", readId: 4, index: 1 },
  { ...envelope, kind: "read-index-response", readId: 4, index: 2 },
];

test("fingerprintMessage tells any two messages apart, and renames both ends", () => {
  const all = messages.flatMap((message) => [
    message,
    { ...message, term: 4 },
    { ...message, from: 3 },
    { ...message, to: 3 },
  ]);
  expect(new Set(all.map((message) => fingerprintMessage(message))).size).toBe(all.length);
  for (const message of messages) {
    const swapped = { ...message, from: 2, to: 1 };
    const text = fingerprintMessage(message, (node) => 3 - node);
    expect(text).toBe(fingerprintMessage(swapped));
  }
});

test("fingerprint tells of commands only how long they are, if that is asked for", () => {
  const print = (first: number, second: number, commandsByLength: boolean): string => {
    const entries = [
      newEntry({ term: 1, index: 1 }, "command", Uint8Array.of(first, 7)),
      newEntry({ term: 1, index: 2 }, "conf-change", Uint8Array.of(second)),
    ];
    const hardState = { term: 1, vote: 0, commitIndex: 0 };
    const state = newState(1, [2, 3], {
      storage: { hardState, base: { term: 0, index: 0 }, entries: entries.slice(0, 1) },
    });
    const [, change] = entries;
    if (change !== undefined) state.log.append(change);
    const way = { from: 1, to: 2, term: 1 };
    state.outbox.messages.push({ kind: "propose", ...way, commands: [Uint8Array.of(first)] });
    return fingerprintOf(state, nothingHanded, { commandsByLength });
  };
  expect(print(1, 3, false)).not.toBe(print(2, 3, false));
  expect(print(1, 3, true)).toBe(print(2, 3, true));
  expect(print(1, 3, true)).not.toBe(print(1, 4, true));
  expect(print(1, 3, true)).toContain("1/1command:2,1/2conf-change:03");
});
