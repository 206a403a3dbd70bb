import { newEntry } from "@quorate/core";
import type { DurableSnapshots, MemorySnapshots, StateMachine } from "@quorate/runtime";
import { expect, test } from "vitest";
import { Trace } from "../trace.ts";
import { durable, DurableStore } from "./durable-store.ts";
import { type Life, Timeline } from "./timeline.ts";

/** Keeps the last byte that it was given. */
function newMachine(): StateMachine<undefined, number> & { readonly snapshots: MemorySnapshots } {
  let state = 0;
  return {
    apply: (entries) =>
      entries.map(({ data }) => {
        state = data[0] ?? 0;
        return new Uint8Array(0);
      }),
    query: () => state,
    snapshots: {
      kind: "memory",
      save: () => [Uint8Array.of(state)],
      restore: async (chunks) => {
        for await (const [byte = 0] of chunks) state = byte;
      },
    },
  };
}

/** A process over `store`. `choice` is what it always chooses: 0 to sync, and to restore over nothing. */
function start(store: DurableStore, choice: number) {
  const timeline = new Timeline(new Trace(undefined));
  const life: Life = { node: 1, isAlive: true, isPaused: false };
  const inner = newMachine();
  const host = { store, timeline, life, syncUs: 5, choose: () => choice };
  const machine = durable(inner, inner.snapshots, host);
  const { snapshots } = machine;
  if (snapshots?.kind !== "durable") throw new Error("it is durable");
  const apply = (index: number, byte: number): unknown =>
    machine.apply([newEntry({ term: 1, index }, "command", Uint8Array.of(byte))]);
  return { timeline, life, machine, apply, snapshots };
}

async function indexAndState(store: DurableStore): Promise<readonly unknown[]> {
  const { machine, snapshots } = start(store, 1);
  return [await snapshots.appliedIndex(), await machine.query(undefined)];
}

test("what was synced outlives the power, and what was written the process", async () => {
  const store = new DurableStore();
  await start(store, 0).apply(3, 30);
  const second = start(store, 1);
  expect(await second.snapshots.appliedIndex()).toBe(3);
  await second.apply(4, 40);
  store.crash("kill", false);
  expect(await indexAndState(store)).toEqual([4, 40]);
  await start(store, 1).apply(5, 50);
  store.crash("power", false);
  expect(await indexAndState(store)).toEqual([4, 40]);
  await start(store, 1).apply(6, 60);
  store.crash("power", true);
  expect(await indexAndState(store)).toEqual([6, 60]);
});

test("asked how far it is, it goes on to sync, and a process that is over changes nothing", async () => {
  const store = new DurableStore();
  const { timeline, life, apply, snapshots } = start(store, 1);
  expect(await snapshots.appliedIndex()).toBe(0);
  await apply(3, 30);
  expect(await snapshots.appliedIndex()).toBe(0);
  await timeline.advance();
  expect(await snapshots.appliedIndex()).toBe(3);
  life.isAlive = false;
  await apply(4, 40);
  expect(store.written.index).toBe(3);
});

async function* chunksOf(byte: number): AsyncGenerator<Uint8Array, void> {
  yield Uint8Array.of(byte);
}

test("a restore that is cut short leaves nothing, and one that is not leaves all", async () => {
  const store = new DurableStore();
  await start(store, 0).apply(3, 30);
  const restoring = (from: DurableSnapshots): Promise<void> => from.restore(chunksOf(90), 9);
  void restoring(start(store, 0).snapshots);
  expect(await indexAndState(store)).toEqual([0, 0]);
  const { timeline, snapshots } = start(store, 1);
  const restored = restoring(snapshots);
  for (let turn = 0; turn < 40; turn++) await Promise.resolve();
  await timeline.advance();
  await restored;
  store.crash("power", false);
  expect(await indexAndState(store)).toEqual([9, 90]);
});

test("a pinned state stays what it was, and counts until it is released", async () => {
  const store = new DurableStore();
  const { apply, snapshots } = start(store, 1);
  await apply(3, 30);
  const pinned = await snapshots.pin();
  await apply(4, 40);
  const bytes: number[] = [];
  for await (const chunk of pinned.chunks()) bytes.push(...chunk);
  expect([bytes, store.pinCount]).toEqual([[30], 1]);
  await pinned.release();
  expect(store.pinCount).toBe(0);
});
