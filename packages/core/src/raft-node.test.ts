import { expect, test } from "vitest";
import { newEntry } from "./entry.ts";
import type { RaftError } from "./errors.ts";
import type { Message } from "./message.ts";
import type { RaftOptions } from "./options.ts";
import { RaftNode } from "./raft-node.ts";

const x = Uint8Array.of(0x78);

const stale = expect.objectContaining({ code: "stale_ready" }) as RaftError;

/** Performs Readys until there is nothing to do. */
function settle(node: RaftNode): void {
  for (let turn = 0; node.hasReady; turn++) {
    expect(turn, "how many Readys it takes").toBeLessThan(100);
    node.advance(node.ready());
  }
}

/** A node that leads itself in term 1, with its empty entry committed and applied. */
function alone(options: RaftOptions = {}): RaftNode {
  const node = new RaftNode(1, [], options);
  node.campaign();
  settle(node);
  return node;
}

/** Node 1, which leads nodes 2 and 3 in term 1, with its empty entry committed and applied. */
function leader(options: RaftOptions = {}): RaftNode {
  const node = new RaftNode(1, [2, 3], { preVote: false, ...options });
  node.campaign();
  settle(node);
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 1, granted: true });
  settle(node);
  node.step({ kind: "append-entries-response", from: 2, to: 1, term: 1, matchIndex: 1 });
  settle(node);
  return node;
}

/** Node 2, which follows node 1 in term 1 and has entry 1. */
function follower(options: RaftOptions = {}): RaftNode {
  const node = new RaftNode(2, [1, 3], options);
  node.step(append(1, 0, 0, 1));
  settle(node);
  return node;
}

/** An append of one no-op of term `entryTerm`, after `prev`. */
function append(term: number, prevTerm: number, prevIndex: number, entryTerm: number): Message {
  return {
    kind: "append-entries",
    from: term === 2 ? 3 : 1,
    to: 2,
    term,
    prev: { term: prevTerm, index: prevIndex },
    entries: [newEntry({ term: entryTerm, index: prevIndex + 1 }, "no-op")],
    commitIndex: 0,
  };
}

test("getters say the same as status", () => {
  for (const node of [new RaftNode(1, [2, 3]), leader(), follower(), alone()]) {
    const { id, term, role, leader: lead, commitIndex, appliedIndex, last } = node.status();
    expect([node.id, node.term, node.role, node.leader]).toEqual([id, term, role, lead]);
    expect([node.commitIndex, node.appliedIndex, node.lastIndex]).toEqual([
      commitIndex,
      appliedIndex,
      last.index,
    ]);
  }
});

test("status is a copy that later changes do not touch", () => {
  const node = leader();
  const before = node.status();
  const copy = structuredClone(before);
  node.propose(x);
  settle(node);
  expect(before).toEqual(copy);
  expect(node.status()).not.toEqual(copy);
});

test("ready gives the same object until something changes, and changes nothing itself", () => {
  const node = leader();
  node.propose(x);
  const before = node.status();
  const first = node.ready();
  expect(node.ready()).toBe(first);
  expect(node.status()).toEqual(before);
  expect(node.hasReady).toBe(true);
});

test("ready after a change is a new one, with the work of the old", () => {
  const node = leader();
  node.propose(x);
  const first = node.ready();
  node.propose(x);
  const second = node.ready();
  expect(second).not.toBe(first);
  expect(second.number).toBeGreaterThan(first.number);
  expect(second.entries.slice(0, 1)).toEqual(first.entries);
  expect(second.entries).toHaveLength(2);
  // The first is a value: it did not change.
  expect(first.entries).toHaveLength(1);
});

test("looking at Readys and throwing them away loses nothing", () => {
  const looked = leader();
  const plain = leader();
  for (const node of [looked, plain]) {
    for (let turn = 0; turn < 5; turn++) {
      node.propose(x);
      node.tick();
      if (node === looked) node.ready();
    }
  }
  const { number: _, ...seen } = looked.ready();
  const { number: __, ...unseen } = plain.ready();
  expect(seen).toEqual(unseen);
});

test("a node with nothing to do has an empty Ready", () => {
  const node = leader();
  expect(node.hasReady).toBe(false);
  expect(node.ready()).toEqual({
    number: expect.any(Number) as number,
    messages: [],
    hardState: undefined,
    entries: [],
    mustSync: false,
    messagesAfterPersist: [],
    committed: [],
    reads: [],
  });
});

test("advance takes the newest Ready once", () => {
  const node = alone();
  node.propose(x);
  const old = node.ready();
  node.propose(x);
  const newest = node.ready();
  const before = node.status();
  expect(() => node.advance(old)).toThrow(stale);
  expect(node.status()).toEqual(before);
  node.advance(newest);
  const after = node.status();
  expect(() => node.advance(newest)).toThrow(stale);
  expect(() => node.accept(newest)).toThrow(stale);
  expect(node.status()).toEqual(after);
});

test("accept refuses a Ready that this node never made", () => {
  const node = alone();
  node.propose(x);
  const ready = node.ready();
  expect(() => node.accept({ ...ready })).toThrow(stale);
  expect(() => node.accept(alone().ready())).toThrow(stale);
  node.accept(ready);
});

test("accept takes the newest Ready even if something happened since", () => {
  const node = leader();
  node.propose(x);
  const ready = node.ready();
  node.propose(x);
  node.tick();
  node.step({ kind: "append-entries-response", from: 3, to: 1, term: 1, matchIndex: 1 });
  node.accept(ready);
  node.check();
  const next = node.ready();
  expect(next.entries.map(({ index }) => index)).toEqual([3]);
  // The first append to node 2 is on its way; only newer entries follow it.
  const toNode2 = next.messages.filter(({ kind, to }) => kind === "append-entries" && to === 2);
  expect(toNode2).toEqual([
    expect.objectContaining({ prev: { term: 1, index: 2 }, entries: next.entries }),
  ]);
});

test("accept of a Ready whose leader stepped down since starts nothing anew", () => {
  const node = leader();
  node.propose(x);
  const ready = node.ready();
  node.step({ kind: "heartbeat", from: 2, to: 1, term: 2, commitIndex: 0, readRound: 0 });
  node.advance(ready);
  node.check();
  expect(node.role).toBe("follower");
  expect(node.status().persistedIndex).toBe(2);
  expect(node.ready().messages.map(({ kind }) => kind)).toEqual(["heartbeat-response"]);
});

test("accept takes an append that is not the next one any more for a repetition", () => {
  const entries = [1, 2, 3].map((index) => newEntry({ term: 1, index }, "no-op"));
  const hardState = { term: 1, vote: 0, commitIndex: 0 };
  const storage = { hardState, base: { term: 0, index: 0 }, entries };
  const node = new RaftNode(1, [2, 3], { preVote: false, storage });
  node.campaign();
  settle(node);
  node.step({ kind: "request-vote-response", from: 2, to: 1, term: 2, granted: true });
  const ready = node.ready();
  const rejection = { kind: "append-entries-rejection", from: 3, to: 1, term: 2 } as const;
  node.step({ ...rejection, prevIndex: 3, hint: { term: 0, index: 0 } });
  node.accept(ready);
  node.check();
  // Node 3 is probed from where the rejection left it, whatever the accepted Ready sent.
  expect(node.ready().messages).toMatchObject([{ to: 3, prev: { term: 0, index: 0 } }]);
});

test("accept of an append of an earlier term starts nothing in the current one", () => {
  const node = leader();
  node.reportUnreachable(2);
  const ready = node.ready();
  expect(ready.messages).toMatchObject([{ kind: "append-entries", to: 2, prev: { index: 1 } }]);
  // Deposed and elected again, with the votes of both others, before the Ready was accepted.
  node.step({ kind: "heartbeat", from: 2, to: 1, term: 2, commitIndex: 0, readRound: 0 });
  node.campaign();
  for (const from of [2, 3]) {
    node.step({ kind: "request-vote-response", from, to: 1, term: 3, granted: true });
  }
  expect(node.status()).toMatchObject({ role: "leader", term: 3 });
  node.accept(ready);
  const appends = node.ready().messages.filter(({ kind }) => kind === "append-entries");
  expect(appends).toMatchObject([
    { to: 2, term: 3, prev: { index: 1 } },
    { to: 3, term: 3, prev: { index: 1 } },
  ]);
});

test("persisted refuses what was not accepted, and what was reported before", () => {
  const node = leader();
  node.propose(x);
  const ready = node.ready();
  expect(() => node.persisted(ready.number)).toThrow(stale);
  node.accept(ready);
  const before = node.status();
  for (const bad of [0, -1, 0.5, Number.NaN, ready.number + 1, ready.number - 1]) {
    // A number before the last that was reported durable, or after the last that was accepted.
    expect(() => node.persisted(bad), String(bad)).toThrow(stale);
  }
  expect(node.status()).toEqual(before);
  node.persisted(ready.number);
  expect(() => node.persisted(ready.number)).toThrow(stale);
  expect(node.status().persistedIndex).toBe(2);
});

test("persisted covers all Readys up to its number", () => {
  const node = leader();
  const numbers = [1, 2, 3].map(() => {
    node.propose(x);
    const ready = node.ready();
    node.accept(ready);
    return ready.number;
  });
  node.persisted(numbers[1] ?? 0);
  expect(node.status().persistedIndex).toBe(3);
  expect(() => node.persisted(numbers[0] ?? 0)).toThrow(stale);
  node.persisted(numbers[2] ?? 0);
  expect(node.status().persistedIndex).toBe(4);
});

test("applied refuses what was not handed out, and what is older than reported", () => {
  const node = alone();
  node.propose(x);
  node.propose(x);
  const written = node.ready();
  node.accept(written);
  node.persisted(written.number);
  const ready = node.ready();
  expect(ready.committed.map(({ index }) => index)).toEqual([2, 3]);
  expect(() => node.applied(2)).toThrow(stale);
  node.accept(ready);
  const before = node.status();
  for (const bad of [0, 4, -1, 2.5, Number.NaN]) expect(() => node.applied(bad)).toThrow(stale);
  expect(node.status()).toEqual(before);
  node.applied(2);
  expect(() => node.applied(1)).toThrow(stale);
  node.applied(2);
  node.applied(3);
  expect(node.appliedIndex).toBe(3);
});

test("what was handed out for applying is not handed out again", () => {
  const node = alone();
  node.propose(x);
  const handed: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const ready = node.ready();
    node.accept(ready);
    node.persisted(ready.number);
    handed.push(...ready.committed.map(({ index }) => index));
  }
  expect(handed).toEqual([2]);
  expect(node.appliedIndex).toBe(1);
});

test("a message that waits for the disk is in the Ready whose write it waits for", () => {
  const node = follower();
  node.step(append(1, 1, 1, 1));
  const ready = node.ready();
  expect(ready.entries.map(({ index }) => index)).toEqual([2]);
  expect(ready.messagesAfterPersist).toEqual([
    { kind: "append-entries-response", from: 2, to: 1, term: 1, matchIndex: 2 },
  ]);
  expect(ready.messages).toEqual([]);
  expect(ready.mustSync).toBe(true);
});

test("a commit index alone needs no data sync", () => {
  const node = follower();
  const heartbeat = { from: 1, to: 2, term: 1, commitIndex: 1, readRound: 0 } as const;
  node.step({ kind: "heartbeat", ...heartbeat });
  const ready = node.ready();
  expect(ready.hardState).toEqual({ term: 1, vote: 0, commitIndex: 1 });
  expect(ready.mustSync).toBe(false);
});

test("propose returns the index of the entry", () => {
  const node = alone();
  expect(node.propose(x)).toBe(2);
  expect(node.propose(x)).toBe(3);
  expect(node.entries(2, 3).map(({ kind, data }) => [kind, data])).toEqual([
    ["command", x],
    ["command", x],
  ]);
});

test.each([undefined, null, "x", [1], new ArrayBuffer(1)])("propose refuses %s", (data) => {
  const node = alone();
  expect(() => node.propose(data as unknown as Uint8Array)).toThrow(
    expect.objectContaining({ code: "invalid_argument" }),
  );
  expect(node.hasReady).toBe(false);
});

test("propose on a follower names the leader, or forwards the command", () => {
  expect(() => follower().propose(x)).toThrow(
    expect.objectContaining({ code: "not_leader", leader: 1 }),
  );
  const forwarding = follower({ forwardProposals: true });
  expect(forwarding.propose(x)).toBe(0);
  expect(forwarding.ready().messages).toEqual([
    { kind: "propose", from: 2, to: 1, term: 0, commands: [x] },
  ]);
});

test("campaign on a leader changes nothing", () => {
  const node = leader();
  const before = node.status();
  node.campaign();
  expect(node.status()).toEqual(before);
  expect(node.hasReady).toBe(false);
});

test("campaign in the last term does not go beyond it", () => {
  const termMax = Number.MAX_SAFE_INTEGER - 1;
  const hardState = { term: termMax, vote: 0, commitIndex: 0 };
  const storage = { hardState, base: { term: 0, index: 0 }, entries: [] };
  for (const preVote of [true, false]) {
    const node = new RaftNode(1, [2, 3], { storage, preVote });
    node.campaign();
    expect(node.status()).toMatchObject({ role: "follower", term: termMax });
    expect(node.hasReady).toBe(false);
  }
});

test("reportUnreachable makes a leader probe, and means nothing for anyone else", () => {
  const node = leader();
  expect(node.status().progress[0]).toMatchObject({ id: 2, kind: "replicate" });
  node.propose(x);
  node.accept(node.ready());
  node.reportUnreachable(2);
  expect(node.status().progress[0]).toMatchObject({ kind: "probe", matchIndex: 1, nextIndex: 2 });
  const before = node.status();
  node.reportUnreachable(9);
  expect(node.status()).toEqual(before);
  const other = follower();
  other.reportUnreachable(1);
  expect(other.hasReady).toBe(false);
});

test("entries gives a part of the log, and refuses what is outside", () => {
  const node = alone();
  node.propose(x);
  expect(node.entries(1, 2).map(({ index }) => index)).toEqual([1, 2]);
  expect(node.entries(3, 2)).toEqual([]);
  for (const [from, to] of [
    [0, 1],
    [1, 3],
    [1.5, 2],
    [1, Number.NaN],
  ] as const) {
    expect(() => node.entries(from, to)).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  }
});
