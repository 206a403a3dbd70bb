import { expect, test } from "vitest";
import { Evidence } from "./evidence.ts";
import { ManualClock } from "./testing.ts";

const driftMax = 0.1;
const partingMsMax = 25;

function newBench() {
  const clock = new ManualClock();
  return { clock, evidence: new Evidence(clock, { driftMax, partingMsMax }) };
}

test("Evidence is as old as a slow clock may hide, and as two clocks may differ", () => {
  const { clock, evidence } = newBench();
  expect(evidence.newest()).toBeUndefined();
  const began = evidence.moment();
  clock.advance(90);
  evidence.note({ began, term: 3, index: 7 });
  expect(evidence.newest()).toEqual({ term: 3, index: 7, ageMs: 90 / 0.9 + 50 });
});

test("Evidence keeps the newest fact, in whatever order they are confirmed", () => {
  const { clock, evidence } = newBench();
  const first = evidence.moment();
  clock.advance(10);
  const second = evidence.moment();
  evidence.note({ began: second, term: 1, index: 2 });
  evidence.note({ began: first, term: 1, index: 1 });
  expect(evidence.newest()?.index).toBe(2);
});

test.each([
  ["a machine that was suspended", 26],
  ["a clock that was set back", -26],
])("Evidence is void after %s", (_, ms) => {
  const { clock, evidence } = newBench();
  const began = evidence.moment();
  evidence.note({ began, term: 1, index: 1 });
  clock.setWall(ms);
  expect(evidence.newest()).toBeUndefined();
  // Also if the clocks agree again later, and for what began before.
  clock.setWall(-ms);
  expect(evidence.newest()).toBeUndefined();
  clock.advance(1);
  evidence.note({ began, term: 1, index: 1 });
  expect(evidence.newest()).toBeUndefined();
  evidence.note({ began: evidence.moment(), term: 1, index: 2 });
  expect(evidence.newest()?.index).toBe(2);
});

test.each([25, -25])("Evidence stands clocks that differ by %d ms", (ms) => {
  const { clock, evidence } = newBench();
  evidence.note({ began: evidence.moment(), term: 1, index: 1 });
  clock.setWall(ms);
  expect(evidence.newest()?.index).toBe(1);
});

test("Evidence sums up short suspensions", () => {
  const { clock, evidence } = newBench();
  evidence.note({ began: evidence.moment(), term: 1, index: 1 });
  clock.suspend(20);
  expect(evidence.newest()).toBeDefined();
  clock.suspend(20);
  expect(evidence.newest()).toBeUndefined();
});

test("Evidence is void after a pause, also what was asked for before it", () => {
  const { clock, evidence } = newBench();
  const began = evidence.moment();
  evidence.note({ began, term: 1, index: 1 });
  clock.advance(1);
  evidence.onPause();
  expect(evidence.newest()).toBeUndefined();
  evidence.note({ began, term: 1, index: 2 });
  expect(evidence.newest()).toBeUndefined();
  evidence.note({ began: evidence.moment(), term: 1, index: 3 });
  expect(evidence.newest()?.index).toBe(3);
});
