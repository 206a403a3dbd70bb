import { expect, test } from "vitest";
import { isSilent } from "./silence.ts";

test("isSilent for three election timeouts, and again after ten times as long", () => {
  const ticks = Array.from({ length: 1000 }, (_, tick) => tick);
  const silent = ticks.filter((tick) => isSilent(tick, 10));
  const expected = [0, 300, 600, 900].flatMap((start) => ticks.slice(start, start + 30));
  expect(silent).toEqual(expected);
});
