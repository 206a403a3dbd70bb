import { expect, test } from "vitest";
import { SequenceWindow } from "./sequence-window.ts";
import { sessionResultCountMax } from "./session-table.ts";

test("the floor is the least number that has not ended", () => {
  const window = new SequenceWindow();
  expect(window.floor).toBe(1);
  expect([window.begin(), window.begin(), window.begin()]).toEqual([1, 2, 3]);
  window.end(2);
  expect(window.floor).toBe(1);
  window.end(1);
  expect(window.floor).toBe(3);
  window.end(3);
  window.end(3);
  expect(window.floor).toBe(4);
  expect(window.begin()).toBe(4);
});

test("no number is given that is too far from the floor", () => {
  const window = new SequenceWindow();
  for (let count = 0; count < sessionResultCountMax; count++) window.begin();
  window.end(2);
  expect(window.begin()).toBeUndefined();
  window.end(1);
  expect(window.begin()).toBe(sessionResultCountMax + 1);
  expect(window.floor).toBe(3);
});
