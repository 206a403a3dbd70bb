import { expect, test } from "vitest";
import { newEntry, RaftNode } from "../src/index.ts";
import { ack, append, elect, grant, logOf, requestVote, sent, settle, start, x } from "./paper.ts";

// The claims of the extended Raft paper, one by one, on a node 1 among peers 2, 3 …; what several nodes
// do together is told in the scenarios. "Thesis" is Ongaro's dissertation.

test("§5.3: a leader appends a command to its log and sends it to every other server", () => {
  const node = elect(start(""));
  settle(node);
  node.step(ack(2, 1, 1));
  node.step(ack(3, 1, 1));
  settle(node);
  expect(node.propose(x)).toBe(2);
  expect(
    sent(node, "append-entries").map(({ to, prev, entries }) => [to, prev, entries.length]),
  ).toEqual([
    [2, { term: 1, index: 1 }, 1],
    [3, { term: 1, index: 1 }, 1],
  ]);
});

test("§5.3: an entry is committed once a majority has replicated it", () => {
  const cases: [number, number, boolean][] = [
    [1, 0, true],
    [3, 0, false],
    [3, 1, true],
    [5, 1, false],
    [5, 2, true],
  ];
  for (const [size, acks, isCommitted] of cases) {
    const peers = Array.from({ length: size - 1 }, (_, offset) => offset + 2);
    const node = new RaftNode(1, peers, { preVote: false });
    node.campaign();
    settle(node);
    for (const peer of peers) if (node.role === "candidate") node.step(grant(peer, 1));
    settle(node);
    for (const peer of peers.slice(0, acks)) node.step(ack(peer, 1, 1));
    expect(node.commitIndex, `${acks} of ${size}`).toBe(isCommitted ? 1 : 0);
  }
});

test("§5.3: committing an entry commits all before it, also those of earlier leaders", () => {
  const node = elect(start("1/1 2/2"));
  settle(node);
  node.step(ack(2, 3, 3));
  const applied = settle(node).flatMap(({ committed }) => committed.map(({ index }) => index));
  expect(applied).toEqual([1, 2, 3]);
});

test("§5.3: the leader tells followers what is committed, and they apply it in log order", () => {
  const leader = elect(start(""));
  settle(leader);
  leader.step(ack(2, 1, 1));
  settle(leader);
  leader.propose(x);
  expect(sent(leader, "append-entries").map(({ commitIndex }) => commitIndex)).toEqual([1]);

  const follower = start("");
  follower.step(append(2, 1, "0/0", "1/1 1/2 1/3", 2));
  const applied = settle(follower).flatMap(({ committed }) => committed.map(({ index }) => index));
  expect(applied).toEqual([1, 2]);
});

test("§5.3: a follower refuses an append whose preceding entry it does not have", () => {
  const cases: [string, string, number][] = [
    ["3/3", "the log is too short", 3],
    ["2/2", "the term differs", 2],
  ];
  for (const [prev, why, prevIndex] of cases) {
    const node = start("1/1 1/2");
    node.step(append(2, 3, prev, `3/${prevIndex + 1}`));
    expect(sent(node, "append-entries-rejection"), why).toMatchObject([
      { prevIndex, hint: { term: 1, index: 2 } },
    ]);
    expect(logOf(node)).toBe("1/1 1/2");
  }
});

test("§5.3: a rejection skips all entries that are newer than what was asked for", () => {
  const node = start("1/1 3/2 3/3 3/4");
  node.step(append(2, 5, "2/4", ""));
  expect(sent(node, "append-entries-rejection")).toMatchObject([
    { prevIndex: 4, hint: { term: 1, index: 1 } },
  ]);
});

test("§5.3: a conflicting entry and all that follow it are deleted", () => {
  const node = start("1/1 1/2 1/3 1/4");
  node.step(append(2, 2, "1/1", "1/2 2/3"));
  expect(logOf(node)).toBe("1/1 1/2 2/3");
});

test("§5.3: entries that do not conflict stay, though the append does not mention them", () => {
  const node = start("1/1 1/2 1/3 1/4");
  node.step(append(2, 2, "1/1", "1/2"));
  node.step(append(2, 2, "1/1", ""));
  expect(logOf(node)).toBe("1/1 1/2 1/3 1/4");
  const acks = sent(node, "append-entries-response").map(({ matchIndex }) => matchIndex);
  expect(acks).toEqual([2, 1]);
});

test("§5.3: a leader never overwrites or deletes entries of its own log", () => {
  const node = elect(start("1/1 1/2"));
  const before = logOf(node);
  expect(() => node.step(append(2, 2, "1/1", "2/2"))).toThrow("claims to lead term 2");
  node.step(append(2, 1, "0/0", "1/1"));
  expect(logOf(node)).toBe(before);
});

test("§5.3: a leader initializes nextIndex to just after the last entry of its log", () => {
  const node = elect(start("1/1 1/2 1/3"));
  expect(node.status().progress).toEqual([
    expect.objectContaining({ id: 2, matchIndex: 0, nextIndex: 4 }),
    expect.objectContaining({ id: 3, matchIndex: 0, nextIndex: 4 }),
  ]);
});

test("§5.3: after a rejection the leader goes back, and in the end the logs match", () => {
  const node = elect(start("1/1 1/2 3/3 3/4"));
  settle(node);
  const rejection = { kind: "append-entries-rejection", from: 2, to: 1, term: 4 } as const;
  node.step({ ...rejection, prevIndex: 4, hint: { term: 2, index: 4 } });
  expect(sent(node, "append-entries").map(({ prev }) => prev)).toEqual([{ term: 1, index: 2 }]);
  node.step({ ...rejection, prevIndex: 2, hint: { term: 0, index: 0 } });
  expect(sent(node, "append-entries").map(({ prev, entries }) => [prev, entries.length])).toEqual([
    [{ term: 0, index: 0 }, 5],
  ]);
});

test("§5.3: what a follower has acknowledged is not sent again, whatever it rejects late", () => {
  const node = elect(start("1/1"));
  settle(node);
  node.step(ack(2, 2, 2));
  const hint = { term: 0, index: 0 };
  const late = { kind: "append-entries-rejection", from: 2, to: 1, term: 2, hint } as const;
  node.step({ ...late, prevIndex: 1 });
  node.step({ ...late, prevIndex: 2 });
  expect(node.status().progress[0]).toMatchObject({ matchIndex: 2, nextIndex: 3 });
});

test("§5.4.2: only entries of the leader's current term are committed by counting", () => {
  const node = elect(start("1/1 2/2"));
  settle(node);
  node.step(ack(2, 3, 1));
  node.step(ack(3, 3, 2));
  node.step(ack(2, 3, 2));
  expect(node.commitIndex).toBe(0);
  node.step(ack(3, 3, 3));
  expect(node.commitIndex).toBe(3);
});

test("§5.5: requests are idempotent: a repeated append or vote changes nothing more", () => {
  const node = start("1/1");
  for (const message of [append(2, 2, "1/1", "2/2", 1), requestVote(3, 3, "2/2")]) {
    node.step(message);
    settle(node);
    const { electionTimeoutTicks: _, ...once } = node.status();
    const log = logOf(node);
    node.step(message);
    settle(node);
    expect(node.status()).toMatchObject(once);
    expect(logOf(node)).toBe(log);
  }
});

test("Figure 2: term, vote and entries are durable before a request is answered", () => {
  const node = start("1/1");
  node.step(requestVote(2, 2, "1/1"));
  const ready = node.ready();
  expect(ready.messages).toEqual([]);
  expect(ready.messagesAfterPersist.map(({ kind }) => kind)).toEqual(["request-vote-response"]);
  expect(ready.hardState).toEqual({ term: 2, vote: 2, commitIndex: 0 });
  node.advance(ready);
  node.step(append(2, 2, "1/1", "2/2"));
  const next = node.ready();
  expect(next.messages).toEqual([]);
  expect(next.messagesAfterPersist.map(({ kind }) => kind)).toEqual(["append-entries-response"]);
  expect(next.entries.map(({ index }) => index)).toEqual([2]);
});

test("Figure 2: a follower's commitIndex is at most the index of the last new entry", () => {
  const node = start("1/1 1/2 1/3");
  node.step(append(2, 2, "1/1", "1/2", 9));
  expect(node.commitIndex).toBe(2);
});

test("§8: a leader commits an entry of no meaning at the start of its term", () => {
  const node = elect(start("1/1"));
  expect(node.entries(2, 2)).toEqual([newEntry({ term: 2, index: 2 }, "no-op")]);
  const appends = sent(node, "append-entries");
  expect(appends.map(({ to, entries }) => [to, entries.length])).toEqual([
    [2, 1],
    [3, 1],
  ]);
});

test("§8: a leader refuses reads until it has committed in its term", () => {
  const node = elect(start("1/1", { commitIndex: 1 }));
  settle(node);
  expect(() => node.readIndex()).toThrow(expect.objectContaining({ code: "leader_not_ready" }));
  node.step(ack(2, 2, 2));
  expect(() => node.readIndex()).not.toThrow();
});

test("§8: a leader checks that it was not deposed before it answers a read", () => {
  const node = elect(start(""));
  settle(node);
  node.step(ack(2, 1, 1));
  settle(node);
  const readId = node.readIndex();
  expect(settle(node).flatMap(({ reads }) => reads)).toEqual([]);
  node.step({ kind: "heartbeat-response", from: 3, to: 1, term: 1, readRound: 1 });
  expect(settle(node).flatMap(({ reads }) => reads)).toEqual([{ readId, index: 1 }]);
});

test("thesis §6.4: a read waits for a heartbeat round that began after it", () => {
  const node = elect(start(""));
  settle(node);
  node.step(ack(2, 1, 1));
  settle(node);
  const confirm = { kind: "heartbeat-response", from: 2, to: 1, term: 1 } as const;
  const first = node.readIndex();
  settle(node);
  const second = node.readIndex();
  settle(node);
  node.step({ ...confirm, readRound: 1 });
  expect(settle(node).flatMap(({ reads }) => reads)).toEqual([{ readId: first, index: 1 }]);
  node.step({ ...confirm, readRound: 2 });
  expect(settle(node).flatMap(({ reads }) => reads)).toEqual([{ readId: second, index: 1 }]);
});

test("thesis §6.4: a read that joins an open round sees what was committed by then", () => {
  const node = elect(start(""));
  settle(node);
  node.step(ack(2, 1, 1));
  settle(node);
  node.propose(x);
  settle(node);
  // Both reads begin before a heartbeat of their round is handed out; between them entry 2 commits.
  const first = node.readIndex();
  node.step(ack(2, 1, 2));
  const second = node.readIndex();
  settle(node);
  node.step({ kind: "heartbeat-response", from: 3, to: 1, term: 1, readRound: 1 });
  expect(settle(node).flatMap(({ reads }) => reads)).toEqual([
    { readId: first, index: 2 },
    { readId: second, index: 2 },
  ]);
});

test("thesis §6.4: a late answer to an older round takes nothing back", () => {
  const node = new RaftNode(1, [2, 3, 4, 5], { preVote: false });
  node.campaign();
  settle(node);
  for (const from of [2, 3]) node.step(grant(from, 1));
  settle(node);
  for (const from of [2, 3]) node.step(ack(from, 1, 1));
  settle(node);
  const reads = [1, 2].map(() => {
    const readId = node.readIndex();
    settle(node);
    return { readId, index: 1 };
  });
  const confirm = { kind: "heartbeat-response", to: 1, term: 1 } as const;
  node.step({ ...confirm, from: 2, readRound: 2 });
  node.step({ ...confirm, from: 2, readRound: 1 });
  node.step({ ...confirm, from: 3, readRound: 2 });
  expect(settle(node).flatMap((ready) => ready.reads)).toEqual(reads);
});

test("thesis §6.4: a follower asks the leader for a read index", () => {
  const node = start("");
  node.step(append(2, 1, "0/0", "1/1"));
  settle(node);
  const readId = node.readIndex();
  const question = { kind: "read-index", from: 1, to: 2, term: 0, readId };
  expect(sent(node, "read-index")).toEqual([question]);
  node.step({ kind: "read-index-response", from: 2, to: 1, term: 1, readId, index: 1 });
  expect(settle(node).flatMap(({ reads }) => reads)).toEqual([{ readId, index: 1 }]);
});

test("thesis §10.2.1: a leader writes to its disk in parallel with its followers", () => {
  const node = elect(start(""));
  const ready = node.ready();
  expect(ready.entries).toHaveLength(1);
  expect(ready.messages.filter(({ kind }) => kind === "append-entries")).toHaveLength(2);
  expect(ready.messagesAfterPersist).toEqual([]);
});

test("thesis §10.2.1: a leader may commit before its own disk has the entry, and counts it after", () => {
  const early = elect(start(""));
  early.accept(early.ready());
  early.step(ack(2, 1, 1));
  expect(early.commitIndex).toBe(0);
  early.step(ack(3, 1, 1));
  expect(early.commitIndex).toBe(1);

  const late = elect(start(""));
  const ready = late.ready();
  late.accept(ready);
  late.step(ack(2, 1, 1));
  expect(late.commitIndex).toBe(0);
  late.persisted(ready.number);
  expect(late.commitIndex).toBe(1);
});

test("thesis §10.2.1: appends are pipelined, without waiting for their answers", () => {
  const node = elect(start(""));
  settle(node);
  node.step(ack(2, 1, 1));
  settle(node);
  const prevs = [1, 2, 3].flatMap(() => {
    node.propose(x);
    return sent(node, "append-entries").map(({ to, prev }) => [to, prev.index]);
  });
  expect(prevs).toEqual([
    [2, 1],
    [2, 2],
    [2, 3],
  ]);
});
