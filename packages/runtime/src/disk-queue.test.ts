import {
  confStateOf,
  type Entry,
  type Message,
  newEntry,
  RaftError,
  type Ready,
} from "@quorate/core";
import { expect, test } from "vitest";
import { type Append, DiskQueue, heldMessageCountMax } from "./disk-queue.ts";
import { ManualClock } from "./testing.ts";

const retryMs = 100;

/** A disk queue over a log that does what the test says, and what was told of it. */
class Bench {
  readonly clock = new ManualClock();
  readonly appends: Append[] = [];
  /** "persisted 3", "sent 4", "failed". */
  readonly told: string[] = [];
  readonly queue: DiskQueue;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor() {
    this.queue = new DiskQueue(this.clock, retryMs, {
      append: (append) => {
        this.appends.push({ ...append, entries: [...append.entries] });
        return new Promise((resolve, reject) => {
          this.#settle = { resolve, reject };
        });
      },
      onPersisted: (number, messages) => {
        this.told.push(`persisted ${number}`);
        for (const { to } of messages) this.told.push(`sent ${to}`);
      },
      onFailed: () => this.told.push("failed"),
      resume: (work) => work(),
    });
  }

  /** Gives the queue a Ready and lets it write. */
  take(ready: Partial<Ready> & { number: number }): void {
    this.queue.accept(newReady(ready));
    this.queue.flush();
  }

  async written(): Promise<void> {
    this.#settle?.resolve();
    await turns();
    this.queue.flush();
  }

  async refused(error: unknown): Promise<void> {
    this.#settle?.reject(error);
    await turns();
  }

  /** The indexes and terms of each append, as "1:2" for index 1 of term 2. */
  get indexes(): string[] {
    return this.appends.map(({ entries }) =>
      entries.map(({ index, term }) => `${index}:${term}`).join(" "),
    );
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

function newReady(ready: Partial<Ready> & { number: number }): Ready {
  return {
    messages: [],
    snapshot: undefined,
    hardState: undefined,
    entries: [],
    mustSync: (ready.entries?.length ?? 0) > 0,
    messagesAfterPersist: [],
    committed: [],
    reads: [],
    ...ready,
  };
}

function entries(from: number, to: number, term = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, offset) =>
    newEntry({ index: from + offset, term }, "command", Uint8Array.of(1, 2, 3, 4)),
  );
}

function message(to: number): Message {
  return { kind: "append-entries-response", from: 1, to, term: 1, matchIndex: 1 };
}

test("DiskQueue writes one batch at a time, and all that waits in the next", async () => {
  const bench = new Bench();
  bench.take({ number: 1, entries: entries(1, 1) });
  bench.take({ number: 2, entries: entries(2, 3) });
  bench.take({ number: 3, entries: entries(4, 4) });
  expect(bench.indexes).toEqual(["1:1"]);
  expect(bench.queue.unpersistedBytes).toBe(4 * 20);
  await bench.written();
  expect(bench.told).toEqual(["persisted 1"]);
  expect(bench.indexes).toEqual(["1:1", "2:1 3:1 4:1"]);
  await bench.written();
  expect(bench.told).toEqual(["persisted 1", "persisted 3"]);
  expect(bench.queue.unpersistedBytes).toBe(0);
});

test("DiskQueue lets later entries replace what waits, from their first index on", async () => {
  const bench = new Bench();
  bench.take({ number: 1, entries: entries(1, 5) });
  bench.take({ number: 2, entries: entries(6, 9) });
  bench.take({ number: 3, entries: entries(8, 8, 2) });
  bench.take({ number: 4, entries: entries(9, 10, 2) });
  await bench.written();
  expect(bench.indexes[1]).toBe("6:1 7:1 8:2 9:2 10:2");
  expect(bench.queue.unpersistedBytes).toBe(5 * 20);
  // Also before the first that waits: the log replaces what it holds.
  bench.take({ number: 5, entries: entries(11, 12, 2) });
  bench.take({ number: 6, entries: entries(4, 4, 3) });
  await bench.written();
  expect(bench.indexes[2]).toBe("4:3");
  expect(bench.queue.unpersistedBytes).toBe(20);
});

test("DiskQueue holds messages until their Ready and all before it are durable", async () => {
  const bench = new Bench();
  bench.take({ number: 1, messagesAfterPersist: [message(2)] });
  expect(bench.told).toEqual(["persisted 1", "sent 2"]);
  bench.take({ number: 2, entries: entries(1, 1), messagesAfterPersist: [message(3)] });
  // Nothing of its own to write: it waits for the write in flight, and for no other.
  bench.take({ number: 3, messagesAfterPersist: [message(4)] });
  bench.take({ number: 4, entries: entries(2, 2), messagesAfterPersist: [message(5)] });
  bench.take({ number: 5, messagesAfterPersist: [message(6)] });
  expect(bench.told).toHaveLength(2);
  await bench.written();
  expect(bench.told.slice(2)).toEqual(["persisted 3", "sent 3", "sent 4"]);
  await bench.written();
  expect(bench.told.slice(5)).toEqual(["persisted 5", "sent 5", "sent 6"]);
});

test("DiskQueue writes a commit index with the next batch, and the newest one", async () => {
  const bench = new Bench();
  const hardState = (commitIndex: number) => ({ term: 1, vote: 1, commitIndex });
  bench.take({ number: 1, hardState: hardState(1) });
  bench.take({ number: 2, hardState: hardState(2) });
  expect(bench.appends).toEqual([]);
  expect(bench.told).toEqual(["persisted 1", "persisted 2"]);
  bench.take({ number: 3, entries: entries(1, 1) });
  bench.take({ number: 4, hardState: hardState(3) });
  await bench.written();
  expect(bench.appends.map((append) => append.hardState)).toEqual([hardState(2)]);
  bench.take({ number: 5, entries: entries(2, 2) });
  bench.take({ number: 6, entries: entries(3, 3), hardState: hardState(4) });
  await bench.written();
  expect(bench.appends.map((append) => append.hardState?.commitIndex)).toEqual([2, 3, 4]);
});

test("DiskQueue writes a hard state that must be synced, without entries", () => {
  const bench = new Bench();
  const hardState = { term: 2, vote: 1, commitIndex: 0 };
  bench.take({ number: 1, hardState, mustSync: true, messagesAfterPersist: [message(2)] });
  expect(bench.appends).toEqual([{ entries: [], hardState }]);
  expect(bench.told).toEqual([]);
});

test("DiskQueue tries again while the disk is full, with all that came meanwhile", async () => {
  const bench = new Bench();
  const hardState = { term: 1, vote: 1, commitIndex: 0 };
  const noRoom = new RaftError("disk_full", "no room");
  bench.take({ number: 1, entries: entries(1, 2), hardState, messagesAfterPersist: [message(2)] });
  bench.take({ number: 2, entries: entries(2, 3, 2) });
  await bench.refused(noRoom);
  bench.take({ number: 3, messagesAfterPersist: [message(3)] });
  expect(bench.appends).toHaveLength(1);
  bench.clock.advance(retryMs);
  await bench.refused(noRoom);
  bench.clock.advance(retryMs);
  expect(bench.indexes).toEqual(["1:1 2:1", "1:1 2:2 3:2", "1:1 2:2 3:2"]);
  expect(bench.appends.map((append) => append.hardState)).toEqual([
    hardState,
    hardState,
    hardState,
  ]);
  expect(bench.told).toEqual([]);
  await bench.written();
  expect(bench.told).toEqual(["persisted 3", "sent 2", "sent 3"]);
  expect(bench.queue.unpersistedBytes).toBe(0);
});

test("DiskQueue holds a bounded number of messages", async () => {
  const bench = new Bench();
  bench.take({ number: 1, entries: entries(1, 1) });
  const many = Array.from({ length: 1000 }, () => message(2));
  for (let number = 2; number < 100; number++) bench.take({ number, messagesAfterPersist: many });
  await bench.written();
  expect(bench.told).toHaveLength(1 + heldMessageCountMax);
});

test("DiskQueue gives up after any other error, and writes nothing more", async () => {
  const bench = new Bench();
  bench.take({ number: 1, entries: entries(1, 1) });
  await bench.refused(new RaftError("storage_failed", "input/output error"));
  bench.take({ number: 2, entries: entries(2, 2) });
  bench.clock.advance(10_000);
  expect(bench.told).toEqual(["failed"]);
  expect(bench.appends).toHaveLength(1);
});

test("DiskQueue.stop waits for the write in flight, and tells nothing of it", async () => {
  const bench = new Bench();
  bench.take({ number: 1, entries: entries(1, 1) });
  bench.take({ number: 2, entries: entries(2, 2) });
  let stopped = false;
  const stopping = bench.queue.stop().then(() => (stopped = true));
  await turns();
  expect(stopped).toBe(false);
  await bench.written();
  await stopping;
  expect(bench.told).toEqual([]);
  expect(bench.appends).toHaveLength(1);
});

test("a log that begins anew forgets what waited before it, and not what follows", async () => {
  const bench = new Bench();
  bench.take({ number: 1, entries: entries(1, 2) });
  bench.take({ number: 2, entries: entries(3, 5) });
  const snapshot = { index: 9, term: 2, confState: confStateOf([1, 2]) };
  bench.take({ number: 3, snapshot, mustSync: true });
  bench.take({ number: 4, entries: entries(10, 11, 2) });
  expect(bench.queue.unpersistedBytes).toBe(4 * 20);
  await bench.written();
  expect(bench.indexes).toEqual(["1:1 2:1", "10:2 11:2"]);
  expect(bench.appends.map(({ reset }) => reset)).toEqual([undefined, { index: 9, term: 2 }]);
});

test("a log that is to begin anew on a full disk does so once there is room", async () => {
  const bench = new Bench();
  bench.take({ number: 1, entries: entries(1, 2) });
  const snapshot = { index: 9, term: 2, confState: confStateOf([1, 2]) };
  bench.take({ number: 2, snapshot, mustSync: true, entries: entries(10, 10, 2) });
  await bench.refused(new RaftError("disk_full", "no room"));
  bench.clock.advance(retryMs);
  expect(bench.indexes).toEqual(["1:1 2:1", "10:2"]);
  expect(bench.appends[1]?.reset).toEqual({ index: 9, term: 2 });
});
