import { expect, test } from "vitest";
import { newConfChange } from "./conf-change.ts";
import { encodeConfChange } from "./conf-codec.ts";
import { confStateOf } from "./conf-state.ts";
import { type Entry, newEntry } from "./entry.ts";
import { checkStep } from "./invariants.ts";
import type { Message } from "./message.ts";
import type { RaftOptions } from "./options.ts";
import { RaftNode } from "./raft-node.ts";
import type { Ready } from "./ready.ts";
import type { Snapshot } from "./snapshot.ts";

const data = new Uint8Array(4);

function command(term: number, index: number): Entry {
  return newEntry({ term, index }, "command", data);
}

/** The entry that adds voter `id` to 1, 2 and 3. */
function addition(term: number, index: number, id = 4): Entry {
  const change = newConfChange([{ kind: "add-voter", id }]);
  const result = confStateOf([1, 2, 3, id]);
  return newEntry({ term, index }, "conf-change", encodeConfChange(change, result));
}

/** What node 2 says as leader of term 1 to node 1. */
function append(prevIndex: number, entries: readonly Entry[], commitIndex: number): Message {
  const prev = { term: prevIndex === 0 ? 0 : 1, index: prevIndex };
  return { kind: "append-entries", from: 2, to: 1, term: 1, prev, entries, commitIndex };
}

function install(index: number, ids: readonly number[] = [1, 2, 3]): Message {
  const snapshot: Snapshot = { term: 1, index, confState: confStateOf(ids) };
  return { kind: "install-snapshot", from: 2, to: 1, term: 1, snapshot };
}

/** Node 1, which follows node 2 and has entries 1 to 3 of term 1, the first one applied. */
function follower(options: RaftOptions = {}): RaftNode {
  const node = new RaftNode(1, [2, 3], options);
  node.step(append(0, [command(1, 1), command(1, 2), command(1, 3)], 1));
  node.advance(node.ready());
  node.advance(node.ready());
  expect(node.appliedIndex).toBe(1);
  return node;
}

/** What each Ready has: enough to see what is done when. */
function outline({ snapshot, hardState, entries, mustSync, committed }: Ready): unknown {
  return {
    snapshot: snapshot?.index,
    commit: hardState?.commitIndex,
    entries: entries.map(({ index }) => index),
    mustSync,
    committed: committed.map(({ index }) => index),
  };
}

test("a change is applied only after the disk knows that it is committed", () => {
  const node = follower();
  node.step(append(3, [addition(1, 4), command(1, 5)], 1));
  node.advance(node.ready());
  node.step(append(5, [], 5));
  const first = node.ready();
  expect(outline(first)).toEqual({
    snapshot: undefined,
    commit: 5,
    entries: [],
    mustSync: true,
    committed: [2, 3],
  });
  node.accept(first);
  node.applied(3);
  expect(node.hasReady).toBe(false);
  expect(node.ready().committed).toEqual([]);
  node.persisted(first.number);
  expect(outline(node.ready())).toEqual({
    snapshot: undefined,
    commit: undefined,
    entries: [],
    mustSync: false,
    committed: [4, 5],
  });
  expect(node.confState.voters).toEqual([1, 2, 3]);
  node.advance(node.ready());
  expect(node.confState.voters).toEqual([1, 2, 3, 4]);
});

test("a commit index that commits no change needs no sync", () => {
  const node = follower();
  node.step(append(3, [addition(1, 4)], 3));
  node.advance(node.ready());
  node.advance(node.ready());
  expect(node.commitIndex).toBe(3);
  node.step(append(4, [command(1, 5)], 4));
  node.advance(node.ready());
  node.step(append(5, [], 5));
  expect(outline(node.ready())).toMatchObject({ commit: 5, mustSync: false });
});

test("a node that restarts with a change that its disk knows to be committed applies it first", () => {
  const node = new RaftNode(1, [2, 3], {
    storage: {
      hardState: { term: 1, vote: 0, commitIndex: 2 },
      base: { term: 0, index: 0 },
      entries: [command(1, 1), addition(1, 2)],
    },
  });
  node.campaign();
  expect(node.role).toBe("follower");
  expect(node.ready().committed.map(({ index }) => index)).toEqual([1, 2]);
  node.advance(node.ready());
  node.campaign();
  expect(node.role).toBe("pre-candidate");
  expect(node.ready().messages.map(({ to }) => to)).toEqual([2, 3, 4]);
});

test("changes among the applied entries take effect one by one, in order", () => {
  const node = follower();
  const removal = newEntry(
    { term: 1, index: 5 },
    "conf-change",
    encodeConfChange(newConfChange([{ kind: "remove", id: 3 }]), confStateOf([1, 2, 4])),
  );
  node.step(append(3, [addition(1, 4), removal], 5));
  const ready = node.ready();
  node.accept(ready);
  node.persisted(ready.number);
  const next = node.ready();
  node.accept(next);
  node.applied(3);
  expect(node.confIndex).toBe(0);
  node.applied(4);
  expect([node.confIndex, ...node.confState.voters]).toEqual([4, 1, 2, 3, 4]);
  node.applied(5);
  expect([node.confIndex, ...node.confState.voters]).toEqual([5, 1, 2, 4]);
});

test("a snapshot is one Ready: the log begins anew, with what follows, and is acknowledged after", () => {
  const node = follower();
  node.step(install(10, [1, 2, 4]));
  node.step(append(10, [command(1, 11)], 10));
  const ready = node.ready();
  expect(outline(ready)).toEqual({
    snapshot: 10,
    commit: 10,
    entries: [11],
    mustSync: true,
    committed: [],
  });
  expect(ready.messagesAfterPersist).toMatchObject([{ matchIndex: 10 }, { matchIndex: 11 }]);
  expect(node.status()).toMatchObject({ firstIndex: 11, persistedIndex: 10, appliedIndex: 1 });
  expect(() => node.snapshotPoint()).toThrow("snapshot_failed");
  node.advance(ready);
  expect(node.status()).toMatchObject({ persistedIndex: 11, appliedIndex: 10, confIndex: 10 });
  expect(node.snapshotPoint()).toEqual({ term: 1, index: 10, confState: confStateOf([1, 2, 4]) });
});

test("what was handed out before a snapshot is reported after it, and counts for nothing", () => {
  const node = follower({ applyBytesMax: 40 });
  node.step(append(3, [addition(1, 4), command(1, 5)], 5));
  const writing = node.ready();
  node.accept(writing);
  expect(writing.committed.map(({ index }) => index)).toEqual([2, 3]);
  node.step(install(10));
  node.persisted(writing.number);
  expect(node.status()).toMatchObject({ persistedIndex: 10, commitIndex: 10 });
  node.applied(3);
  const restoring = node.ready();
  expect(outline(restoring)).toMatchObject({ snapshot: 10, committed: [] });
  node.accept(restoring);
  expect(node.hasReady).toBe(false);
  node.persisted(restoring.number);
  node.applied(10);
  node.check();
  // The room for applying is whole again.
  node.step(append(10, [command(1, 11), command(1, 12)], 12));
  node.advance(node.ready());
  expect(node.ready().committed.map(({ index }) => index)).toEqual([11, 12]);
});

test("a Ready that was offered before a snapshot may be accepted after it", () => {
  const node = follower();
  node.step(append(3, [command(1, 4), command(1, 5)], 3));
  const offered = node.ready();
  expect(outline(offered)).toMatchObject({ entries: [4, 5], committed: [2, 3] });
  const before = node.status();
  node.step(install(10));
  node.accept(offered);
  node.check();
  checkStep(before, node.status());
  node.persisted(offered.number);
  node.applied(3);
  node.check();
  expect(node.status()).toMatchObject({ appliedIndex: 3, persistedIndex: 10 });
  node.advance(node.ready());
  expect(node.status()).toMatchObject({ appliedIndex: 10, persistedIndex: 10 });
  expect(node.hasReady).toBe(false);
});

test("changes that were offered before a snapshot and accepted after it do not take effect again", () => {
  const node = follower();
  node.step(append(3, [addition(1, 4)], 4));
  node.advance(node.ready());
  const offered = node.ready();
  expect(outline(offered)).toMatchObject({ committed: [4] });
  node.step(install(10, [1, 2, 5]));
  node.accept(offered);
  node.persisted(offered.number);
  node.applied(4);
  expect([node.confIndex, ...node.confState.voters]).toEqual([10, 1, 2, 5]);
});

test("a newer snapshot takes the place of one that was offered", () => {
  const node = follower();
  node.step(install(10));
  const offered = node.ready();
  node.step(install(20, [1, 2]));
  node.accept(offered);
  node.check();
  const newer = node.ready();
  expect(outline(newer)).toMatchObject({ snapshot: 20, commit: 20 });
  node.persisted(offered.number);
  node.applied(10);
  expect(node.confIndex).toBe(20);
  node.advance(newer);
  expect(node.status()).toMatchObject({ appliedIndex: 20, snapshotIndex: 20 });
  expect(node.hasReady).toBe(false);
});

test("a newer snapshot takes the place of one that was not offered yet", () => {
  const node = follower();
  node.step(install(10));
  node.step(install(20));
  node.step(install(15));
  const ready = node.ready();
  expect(outline(ready)).toMatchObject({ snapshot: 20, commit: 20 });
  const matches = ready.messagesAfterPersist.map((each) => "matchIndex" in each && each.matchIndex);
  expect(matches).toEqual([10, 20, 20]);
  node.advance(ready);
  expect(node.hasReady).toBe(false);
});

test("entries are compacted while a Ready is offered, and the Ready stays good", () => {
  const node = follower();
  node.step(append(3, [command(1, 4)], 3));
  node.advance(node.ready());
  node.advance(node.ready());
  expect(node.appliedIndex).toBe(3);
  node.step(append(4, [command(1, 5)], 5));
  const offered = node.ready();
  node.compact(node.snapshotPoint());
  expect(node.status()).toMatchObject({ firstIndex: 4, snapshotIndex: 3 });
  node.advance(offered);
  node.check();
  node.advance(node.ready());
  expect(node.status()).toMatchObject({ appliedIndex: 5, persistedIndex: 5 });
});
