import { expect, test } from "vitest";
import { Farewell } from "./farewell.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const stepMs = 10;

/** A farewell of a leader that another follows after 40 ms, with so many calls pending. */
function newFarewell(): { farewell: Farewell; clock: ManualClock; pending: { count: number } } {
  const clock = new ManualClock();
  const pending = { count: 2 };
  const handOver = (timeoutMs: number): Promise<void> | undefined =>
    timeoutMs === 0 ? undefined : new Promise((resolve) => clock.setTimer(40, resolve));
  const farewell = new Farewell({
    clock,
    leadership: { handOver },
    pendingCount: () => pending.count,
  });
  return { farewell, clock, pending };
}

async function run(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(stepMs);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

test("Farewell waits for another leader and then for the last answer", async () => {
  const { farewell, clock, pending } = newFarewell();
  let isOver = false;
  void farewell.begin(500)?.then(() => (isOver = true));
  await run(clock, 30);
  expect(farewell.isWaiting).toBe(false);
  await run(clock, 20);
  expect(farewell.isWaiting).toBe(true);
  pending.count = 1;
  farewell.observe();
  await run(clock, 20);
  expect(isOver).toBe(false);
  pending.count = 0;
  farewell.observe();
  await run(clock, stepMs);
  expect([isOver, farewell.isWaiting]).toEqual([true, false]);
});

test("Farewell waits for nobody if no call is pending when another leads", async () => {
  const { farewell, clock, pending } = newFarewell();
  let isOver = false;
  void farewell.begin(500)?.then(() => (isOver = true));
  pending.count = 0;
  farewell.observe();
  await run(clock, 30);
  expect(isOver).toBe(false);
  await run(clock, 20);
  expect([isOver, farewell.isWaiting]).toEqual([true, false]);
});

test("Farewell takes no longer than it may, all told", async () => {
  const { farewell, clock } = newFarewell();
  let isOver = false;
  void farewell.begin(100)?.then(() => (isOver = true));
  await run(clock, 90);
  expect(isOver).toBe(false);
  await run(clock, stepMs);
  expect([isOver, farewell.isWaiting]).toEqual([true, false]);
});

test("Farewell is none where nothing is handed over", () => {
  const { farewell } = newFarewell();
  expect(farewell.begin(0)).toBeUndefined();
  expect(farewell.isWaiting).toBe(false);
});
