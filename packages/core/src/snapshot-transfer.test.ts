import { expect, test } from "vitest";
import { newConfChange } from "./conf-change.ts";
import { encodeConfChange } from "./conf-codec.ts";
import { confStateOf } from "./conf-state.ts";
import { type Entry, newEntry } from "./entry.ts";
import type { Message } from "./message.ts";
import { RaftNode } from "./raft-node.ts";
import { joiningSnapshot, type Snapshot } from "./snapshot.ts";
import { emptyStorage } from "./storage.ts";

const three = confStateOf([1, 2, 3]);

function entry(index: number, term = 1): Entry {
  return newEntry({ term, index }, "command", new Uint8Array(2));
}

function snapshotAt(index: number, term = 1): Snapshot {
  return { term, index, confState: three };
}

function install(index: number, term = 1): Message {
  const snapshot = snapshotAt(index, term);
  return { kind: "install-snapshot", from: 2, to: 1, term: 2, snapshot };
}

/** Node 1, with `count` entries of term 1 from node 2, all but the last two applied. */
function follower(count: number): RaftNode {
  const node = new RaftNode(1, [2, 3]);
  const entries = Array.from({ length: count }, (_, offset) => entry(1 + offset));
  const prev = { term: 0, index: 0 };
  const commitIndex = count - 2;
  node.step({ kind: "append-entries", from: 2, to: 1, term: 1, prev, entries, commitIndex });
  node.advance(node.ready());
  node.advance(node.ready());
  expect(node.appliedIndex).toBe(commitIndex);
  return node;
}

test("snapshotPoint is what is applied: its term, its index, its configuration", () => {
  expect(new RaftNode(1, [2, 3]).snapshotPoint()).toEqual(snapshotAt(0, 0));
  expect(follower(5).snapshotPoint()).toEqual(snapshotAt(3));
});

test("snapshotPoint still knows the term of an entry that is compacted itself", () => {
  const node = follower(5);
  node.compact(node.snapshotPoint());
  expect(node.status().firstIndex).toBe(4);
  expect(node.snapshotPoint()).toEqual(snapshotAt(3));
});

test("a node that joins has no snapshot to take before it has a configuration", () => {
  const node = new RaftNode(4, [], { storage: { ...emptyStorage, snapshot: joiningSnapshot } });
  expect(() => node.snapshotPoint()).toThrow("snapshot_failed");
  const change = newConfChange([{ kind: "add-voter", id: 4 }]);
  const data = encodeConfChange(change, confStateOf([1, 4]));
  const entries = [entry(1), newEntry({ term: 1, index: 2 }, "conf-change", data)];
  const prev = { term: 0, index: 0 };
  node.step({ kind: "append-entries", from: 1, to: 4, term: 1, prev, entries, commitIndex: 1 });
  node.advance(node.ready());
  node.advance(node.ready());
  expect(node.appliedIndex).toBe(1);
  expect(() => node.snapshotPoint()).toThrow("snapshot_failed");
  expect(() => node.compact({ ...snapshotAt(1), confState: joiningSnapshot.confState })).toThrow(
    "invalid_argument",
  );
  node.step({ kind: "heartbeat", from: 1, to: 4, term: 1, commitIndex: 2, readRound: 0 });
  node.advance(node.ready());
  node.advance(node.ready());
  expect(node.snapshotPoint()).toEqual({ term: 1, index: 2, confState: confStateOf([1, 4]) });
});

test("compact forgets what a snapshot stands in for, as far as it is told", () => {
  const node = follower(6);
  const snapshot = node.snapshotPoint();
  node.compact(snapshot, 2);
  expect(node.snapshot).toBe(snapshot);
  expect(node.status()).toMatchObject({ firstIndex: 3, snapshotIndex: 4 });
  node.compact(snapshot);
  expect(node.status()).toMatchObject({ firstIndex: 5, snapshotIndex: 4 });
  node.check();
});

test("compact with an older snapshot, or to an older index, takes nothing back", () => {
  const node = follower(6);
  node.compact(node.snapshotPoint(), 3);
  node.compact(snapshotAt(2), 1);
  expect(node.status()).toMatchObject({ firstIndex: 4, snapshotIndex: 4 });
  node.compact(snapshotAt(3));
  expect(node.status()).toMatchObject({ firstIndex: 4, snapshotIndex: 4 });
});

test.each<[string, Snapshot, number | undefined]>([
  ["what is not applied", snapshotAt(4), undefined],
  ["less than what is to be forgotten", snapshotAt(2), 3],
  ["another entry than this log has", snapshotAt(2, 2), undefined],
  ["a fraction of the log", snapshotAt(3), 1.5],
])("compact refuses a snapshot of %s, and changes nothing", (_, snapshot, index) => {
  const node = follower(5);
  const before = node.fingerprint();
  expect(() => node.compact(snapshot, index)).toThrow("invalid_argument");
  expect(node.fingerprint()).toBe(before);
});

test("a snapshot whose entry the log lacks, or has of another term, replaces the log", () => {
  for (const message of [install(9), install(5, 2)]) {
    const node = follower(5);
    node.step(message);
    const { last, firstIndex, commitIndex, snapshotIndex } = node.status();
    expect(firstIndex).toBe(last.index + 1);
    expect([commitIndex, snapshotIndex]).toEqual([last.index, last.index]);
    expect(node.ready().snapshot).toBe(node.snapshot);
  }
});

test("a snapshot whose entry the log holds commits it, keeps the rest, and is the one to send", () => {
  const node = follower(6);
  node.step(install(5));
  expect(node.status()).toMatchObject({
    firstIndex: 1,
    last: { term: 1, index: 6 },
    commitIndex: 5,
    snapshotIndex: 5,
  });
  expect(node.ready().snapshot).toBeUndefined();
  node.advance(node.ready());
  expect(node.appliedIndex).toBe(5);
});

test("a snapshot of what is committed already is the one to send as well, if it is newer", () => {
  const node = follower(6);
  node.step(install(3));
  expect(node.status()).toMatchObject({ commitIndex: 4, snapshotIndex: 3 });
  node.step(install(2));
  expect(node.snapshot?.index).toBe(3);
  expect(node.ready().messagesAfterPersist).toMatchObject([{ matchIndex: 4 }, { matchIndex: 4 }]);
});

test("reportSnapshot is for a leader that sends one", () => {
  const node = follower(5);
  const before = node.fingerprint();
  node.reportSnapshot(2, true);
  expect(node.fingerprint()).toBe(before);
});
