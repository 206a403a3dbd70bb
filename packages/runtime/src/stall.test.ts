import { expect, test } from "vitest";
import { Stall } from "./stall.ts";

test("Stall counts from the first look that saw it where it is", () => {
  const stall = new Stall();
  expect(stall.lastedMs(50)).toBe(0);
  stall.look(7, 100);
  stall.look(7, 200);
  expect(stall.lastedMs(250)).toBe(150);
  stall.look(8, 300);
  expect(stall.lastedMs(310)).toBe(10);
});

test("Stall with nothing to do does not stand still, however long", () => {
  const stall = new Stall();
  stall.look(7, 100);
  stall.look(undefined, 200);
  stall.look(undefined, 300);
  expect(stall.lastedMs(900)).toBe(0);
  stall.look(7, 1000);
  expect(stall.lastedMs(1000)).toBe(0);
});
