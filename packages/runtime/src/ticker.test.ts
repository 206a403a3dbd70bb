import { expect, test } from "vitest";
import { ManualClock } from "./testing.ts";
import { Ticker } from "./ticker.ts";

test("Ticker ticks once per tickMs, without drift", () => {
  const clock = new ManualClock();
  const ticks: number[] = [];
  const ticker = new Ticker(clock, 100, 2, (count) => ticks.push(count));
  for (let ms = 0; ms < 1000; ms += 33) clock.advance(33);
  expect(clock.now()).toBe(1023);
  expect(ticks).toEqual(Array.from({ length: 10 }, () => 1));
  ticker.stop();
});

test("Ticker makes up for two late ticks at most, however long the pause", () => {
  const clock = new ManualClock();
  const ticks: number[] = [];
  const lateMs: number[] = [];
  const ticker = new Ticker(clock, 100, 2, (count, late) => {
    ticks.push(count);
    lateMs.push(late);
  });
  clock.pause(60_050);
  clock.advance(0);
  expect(ticks).toEqual([2]);
  clock.advance(100);
  expect(ticks).toEqual([2, 1]);
  expect(lateMs).toEqual([59_950, 0]);
  ticker.stop();
});

test("Ticker counts after the events that are already waiting", () => {
  const clock = new ManualClock();
  const order: string[] = [];
  const ticker = new Ticker(clock, 100, 2, () => order.push("tick"));
  clock.defer(() => order.push("frame"));
  clock.advance(100);
  expect(order).toEqual(["frame", "tick"]);
  ticker.stop();
});

test("Ticker.stop ends the ticks, also one that is being counted", () => {
  const clock = new ManualClock();
  let count = 0;
  const ticker = new Ticker(clock, 100, 2, () => count++);
  clock.defer(() => ticker.stop());
  clock.advance(1000);
  expect(count).toBe(0);
  expect(clock.timerCount).toBe(0);
});
