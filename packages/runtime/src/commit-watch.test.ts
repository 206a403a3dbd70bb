import type { Entry } from "@quorate/core";
import { expect, test } from "vitest";
import { CommitWatch } from "./commit-watch.ts";
import type { CommittedBatch } from "./replica-observer.ts";
import { ManualClock } from "./testing/manual-clock.ts";

function newWatch(): { clock: ManualClock; watch: CommitWatch; told: CommittedBatch[] } {
  const clock = new ManualClock();
  const told: CommittedBatch[] = [];
  return { clock, watch: new CommitWatch(clock, (batch) => told.push(batch)), told };
}

function entries(from: number, to: number, kind: Entry["kind"] = "command"): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => {
    return { term: 1, index: from + at, kind, data: new Uint8Array(0) };
  });
}

test("CommitWatch times each batch until the last of its commands is applied", () => {
  const { clock, watch, told } = newWatch();
  watch.written(entries(1, 3));
  clock.advance(10);
  watch.written([...entries(4, 5), ...entries(6, 6, "no-op")]);
  clock.advance(10);
  watch.committed(2);
  expect(told).toEqual([]);
  watch.committed(5);
  expect(told).toEqual([
    { entryCount: 3, ms: 20 },
    { entryCount: 3, ms: 10 },
  ]);
});

test("CommitWatch forgets what is overwritten, and what has no commands", () => {
  const { clock, watch, told } = newWatch();
  watch.written(entries(1, 1, "no-op"));
  watch.written(entries(2, 3));
  watch.written(entries(4, 9));
  clock.advance(5);
  watch.written(entries(4, 4));
  clock.advance(5);
  watch.committed(20);
  expect(told).toEqual([
    { entryCount: 2, ms: 10 },
    { entryCount: 1, ms: 5 },
  ]);
});

test("CommitWatch watches 64 batches at a time", () => {
  const { watch, told } = newWatch();
  for (let index = 1; index <= 100; index++) watch.written(entries(index, index));
  watch.committed(100);
  expect(told).toHaveLength(64);
  watch.written(entries(101, 101));
  watch.committed(101);
  expect(told).toHaveLength(65);
});
