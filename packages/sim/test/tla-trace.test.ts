import { type Message, newEntry, RaftError, RaftNode, type Status } from "@quorate/core";
import { expect, test } from "vitest";
import { calmPlan, drawPlan, type Plan } from "../src/plan.ts";
import type { TlaEvent, TlaEventName } from "../src/tla/tla-event.ts";
import { TlaTrace } from "../src/tla/tla-trace.ts";
import { World } from "../src/world.ts";
import { check, read, trace } from "./tla-run.ts";

/** One event as a short line. */
function brief({ name, nid, state, log, message }: TlaEvent): string {
  const at = `${nid} t${state.term} v${state.vote} c${state.commit} l${log}`;
  return message === undefined
    ? `${name} ${at}`
    : `${name} ${at} ${message.from}>${message.to} ${message.type}`;
}

/** The election of node 1, and its first entry, as the specification hears of it. */
const election = `
BecomeCandidate 1 t2 v1 c3 l3
SendRequestVoteResponse 1 t2 v1 c3 l3 1>1 MsgVoteResp
SendRequestVoteRequest 1 t2 v1 c3 l3 1>2 MsgVote
SendRequestVoteRequest 1 t2 v1 c3 l3 1>3 MsgVote
Ready 1 t2 v1 c3 l3
ReceiveRequestVoteResponse 1 t2 v1 c3 l3 1>1 MsgVoteResp
ReceiveRequestVoteRequest 2 t1 v0 c3 l3 1>2 MsgVote
BecomeFollower 2 t2 v0 c3 l3
SendRequestVoteResponse 2 t2 v1 c3 l3 2>1 MsgVoteResp
Ready 2 t2 v1 c3 l3
ReceiveRequestVoteRequest 3 t1 v0 c3 l3 1>3 MsgVote
BecomeFollower 3 t2 v0 c3 l3
ReceiveRequestVoteResponse 1 t2 v1 c3 l3 2>1 MsgVoteResp
BecomeLeader 1 t2 v1 c3 l3
Replicate 1 t2 v1 c3 l3
SendAppendEntriesResponse 1 t2 v1 c3 l4 1>1 MsgAppResp
SendRequestVoteResponse 3 t2 v1 c3 l3 3>1 MsgVoteResp
Ready 3 t2 v1 c3 l3
SendAppendEntriesRequest 1 t2 v1 c3 l4 1>2 MsgApp
SendAppendEntriesRequest 1 t2 v1 c3 l4 1>3 MsgApp
Ready 1 t2 v1 c3 l4
ReceiveAppendEntriesRequest 2 t2 v1 c3 l3 1>2 MsgApp
SendAppendEntriesResponse 2 t2 v1 c3 l4 2>1 MsgAppResp
Ready 2 t2 v1 c3 l4
ReceiveAppendEntriesResponse 1 t2 v1 c3 l4 1>1 MsgAppResp
ReceiveRequestVoteResponse 1 t2 v1 c3 l4 3>1 MsgVoteResp
ReceiveAppendEntriesRequest 3 t2 v1 c3 l3 1>3 MsgApp
ReceiveAppendEntriesResponse 1 t2 v1 c3 l4 2>1 MsgAppResp
Commit 1 t2 v1 c4 l4`;

test("a calm run is told event by event", () => {
  const { events, stopped } = trace(calmPlan(1, 3, {}), 60);
  expect(stopped).toBeUndefined();
  // Five lines for each node: its start, its term, and three voters.
  const lines = events.slice(15).map(brief);
  const end = lines.findIndex((line) => line.startsWith("Commit"));
  expect(lines.slice(0, end + 1)).toEqual(election.trim().split("\n"));
});

test("every node begins with one configuration entry for each voter, as etcd's do", () => {
  const { events } = trace(calmPlan(1, 3, {}), 60);
  const start = events.filter(({ nid }) => nid === "2").slice(0, 5);
  expect(start.map(({ name }) => name)).toEqual([
    "InitState",
    "BecomeFollower",
    "ApplyConfChange",
    "ApplyConfChange",
    "ApplyConfChange",
  ]);
  expect(start[4]).toEqual({
    name: "ApplyConfChange",
    nid: "2",
    state: { term: 1, vote: "0", commit: 3 },
    role: "StateFollower",
    log: 3,
    conf: [["1", "2"], []],
    prop: { cc: { newconf: ["1", "2", "3"] } },
  });
});

test("lines are numbered so that sorting them as text keeps their order", () => {
  const { lines } = trace(calmPlan(2, 3, {}), 300);
  expect(lines.length).toBeGreaterThan(100);
  expect(lines.toSorted()).toEqual(lines);
  expect(lines.every((line) => /^\{"tag":"trace","line":1\d{9},"event":\{/u.test(line))).toBe(true);
});

test("a message carries what the specification compares, and nothing it does not know", () => {
  const { events } = trace(calmPlan(1, 3, {}), 60);
  const append = events.find(({ message }) => message?.type === "MsgApp");
  expect(append?.message).toEqual({
    type: "MsgApp",
    term: 2,
    from: "1",
    to: "2",
    entries: 1,
    logTerm: 1,
    index: 3,
    commit: 3,
    vote: "0",
    reject: false,
    rejectHint: 0,
  });
});

test("the same run gives the same trace", () => {
  expect(trace(drawPlan(7), 800).lines).toEqual(trace(drawPlan(7), 800).lines);
});

test("a run with pre-vote is refused", () => {
  const write = (): void => {};
  for (const raft of [{}, { preVote: true }]) {
    const make = (): TlaTrace => new TlaTrace({ raft, write });
    expect(make).toThrow(RaftError);
    expect(make).toThrow("a run with preVote: false");
  }
});

const names: readonly TlaEventName[] = [
  "ApplyConfChange",
  "BecomeCandidate",
  "BecomeFollower",
  "BecomeLeader",
  "Commit",
  "InitState",
  "Ready",
  "ReceiveAppendEntriesRequest",
  "ReceiveAppendEntriesResponse",
  "ReceiveRequestVoteRequest",
  "ReceiveRequestVoteResponse",
  "Replicate",
  "SendAppendEntriesRequest",
  "SendAppendEntriesResponse",
  "SendRequestVoteRequest",
  "SendRequestVoteResponse",
];

test("runs under faults follow the rules, and use every word", () => {
  const seen = new Set<string>();
  const types = new Set<string>();
  let restartCount = 0;
  let completeCount = 0;
  const seeds = Array.from({ length: 30 }, (_, offset) => offset + 1);
  for (const seed of seeds) {
    const { events, stopped } = trace(untouched(drawPlan(seed)), 1000);
    expect(() => check(events), `seed ${seed}`).not.toThrow();
    if (stopped === undefined) completeCount += 1;
    for (const { name, message, log } of events) {
      seen.add(name);
      if (message !== undefined) types.add(message.type);
      if (name === "InitState" && log > 0) restartCount += 1;
    }
  }
  expect([...seen].toSorted()).toEqual(names);
  expect(types.size).toBe(6);
  expect(restartCount).toBeGreaterThan(10);
  expect(completeCount).toBeGreaterThan(seeds.length / 2);
});

/** A plan without what the specification has no words for: snapshots, changes and transfers. */
function untouched(plan: Plan): Plan {
  const host = { ...plan.host, compactPerMille: 0 };
  return { ...plan, spareCount: 0, host, operator: { kinds: [], periodMax: 0 } };
}

test("a request that the network repeats is told as sent twice", () => {
  const calm = calmPlan(3, 3, {});
  const network = { ...calm.network, duplicatePerMille: 1000, lateDelayMax: 100 };
  const { events, stopped } = trace({ ...calm, network }, 600);
  expect(stopped).toBeUndefined();
  const isAppend = ({ message }: TlaEvent): boolean => message?.type === "MsgApp";
  const told = events.filter((event) => isAppend(event) && event.name.startsWith("Send"));
  expect(told.length).toBeGreaterThan(
    new Set(told.map((event) => JSON.stringify(event.message))).size,
  );
  check(events);
});

test("a node that ignores a request for its vote, loyal to its leader, did not receive it", () => {
  const { events, stopped } = trace(calmPlan(1, 3, { checkQuorum: true }), 400, (world) => {
    const follower = world.nodes.find(({ status }) => status?.role === "follower");
    const [leader] = world.leaders;
    const isEarly = leader?.status?.commitIndex === 1 && leader.status.term === 1;
    if (isEarly && follower?.status?.leader === leader.id) {
      world.take({ kind: "campaign", node: follower.id });
    }
  });
  expect(stopped).toBeUndefined();
  const asked = events.filter(({ name }) => name === "SendRequestVoteRequest").length;
  const heard = events.filter(({ name }) => name === "ReceiveRequestVoteRequest").length;
  expect(heard).toBeLessThan(asked);
  check(events);
});

test("the trace ends where a node lost what others had heard of", () => {
  let isDone = false;
  const { lines, events, stopped } = trace(calmPlan(1, 3, {}), 400, (world) => {
    const [leader] = world.leaders;
    if (isDone || leader === undefined || leader.status?.commitIndex !== 1) return;
    isDone = true;
    // The entry leaves for the others at once, and is lost here before the disk has it.
    world.fate(leader.id).diskSlowness = 1000;
    world.take({ kind: "propose", node: leader.id, command: 1, bytes: 4 });
    const isHeard = (): boolean =>
      world.nodes.some(({ status }) => status?.last.index === 2 && status.role !== "leader");
    while (!isHeard()) world.advance();
    world.take({ kind: "crash", node: leader.id, kept: 0 });
    world.start(leader.id);
  });
  expect(stopped).toBe("node 1 lost in a crash what others had heard of");
  const line = 1_000_000_001 + events.length;
  expect(lines.at(-1)).toBe(JSON.stringify({ tag: "stopped", line, reason: stopped }));
  check(events);
});

test("a run that breaks the protocol is told as it was, and refused", () => {
  const lines: string[] = [];
  const observer = new TlaTrace({ raft: { preVote: false }, write: (line) => lines.push(line) });
  const follower = new RaftNode(1, [1, 2, 3]).status();
  const candidate: Status = { ...follower, role: "candidate", term: 1, vote: 1 };
  observer.started(follower, []);
  observer.stepped(follower, candidate);
  observer.stepped(candidate, { ...candidate, role: "leader", last: { term: 1, index: 1 } });
  observer.finish();
  expect(() => check(lines.map(read).map(({ event }) => event))).toThrow("a leader has a majority");
});

test("a node that ran before the trace began cannot be told", () => {
  const lines: string[] = [];
  const observer = new TlaTrace({ raft: { preVote: false }, write: (line) => lines.push(line) });
  observer.started({ ...new RaftNode(1, [1, 2, 3]).status(), term: 1 }, []);
  observer.finish();
  expect(observer.stopped).toBe("node 1 ran before the trace began");
  expect(lines).toHaveLength(1);
});

const status = new RaftNode(1, [1, 2, 3]).status();
const heartbeat: Message = {
  kind: "heartbeat",
  from: 1,
  to: 2,
  term: 1,
  commitIndex: 1,
  readRound: 0,
};

test.for<[string, (observer: TlaTrace) => void, string]>([
  [
    "moved by what has no word",
    (observer) => {
      const after: Status = { ...status, term: 1 };
      observer.stepped(status, after);
      const envelope = { from: 2, to: 1, term: 1 };
      observer.received(status, after, {
        ...envelope,
        kind: "read-index-response",
        readId: 1,
        index: 0,
      });
    },
    "node 1 was moved by a read-index-response that the specification lacks",
  ],
  [
    "speaking as a leader that it is not",
    (observer) => {
      observer.readied(status, {
        number: 1,
        messages: [heartbeat],
        snapshot: undefined,
        hardState: undefined,
        entries: [],
        mustSync: false,
        messagesAfterPersist: [],
        committed: [],
        reads: [],
      });
    },
    "node 1 sends a heartbeat that no leader would",
  ],
  [
    "with another configuration",
    (observer) => {
      observer.appended(status, [newEntry({ term: 1, index: 1 }, "conf-change")], 0);
    },
    "node 1 appended a change of the configuration",
  ],
])("the trace ends at a node %s", ([, happen, reason]) => {
  const lines: string[] = [];
  const observer = new TlaTrace({ raft: { preVote: false }, write: (line) => lines.push(line) });
  observer.started(status, []);
  happen(observer);
  expect(observer.stopped).toBe(reason);

  observer.crashed(1);
  observer.started(status, []);
  observer.finish();

  // What it began with, and why it ends.
  expect(lines).toHaveLength(5 + 1);
});

test("a trace is finished once", () => {
  const lines: string[] = [];
  const observer = new TlaTrace({ raft: { preVote: false }, write: (line) => lines.push(line) });
  const plan = calmPlan(1, 3, { preVote: false });
  const world = new World(plan, { observers: [observer] });
  while (world.eventCount < 50) world.advance();
  expect(lines).toEqual([]);
  observer.finish();
  const { length } = lines;
  observer.finish();
  expect(lines.length).toBe(length);
});
