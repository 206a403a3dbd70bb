import { expect, test } from "vitest";
import { countWorse, formatHistory } from "./history.ts";
import type { Landing } from "./landing.ts";

function landing(commit: string, counts: Readonly<Record<string, number>>): Landing {
  const figures = Object.entries(counts).map(([name, count]) => ({ name, unit: "syncs", count }));
  return { date: "2026-01-02T03:04:05.000Z", commit, node: "v20.19.0", figures };
}

test("formatHistory puts counts side by side, and marks what grew by more than a tenth", () => {
  const landings = [
    landing("old", { gone: 1 }),
    landing("before", { same: 4, better: 10, little: 100, worse: 100, zero: 0 }),
    landing("now", { same: 4, better: 9, little: 109, worse: 111, zero: 1, fresh: 7 }),
  ];
  expect(formatHistory(landings, 2)).toBe(
    [
      "| count  | unit  | before 2026-01-02 | now 2026-01-02 | change       |",
      "|--------|-------|-------------------|----------------|--------------|",
      "| same   | syncs | 4                 | 4              |              |",
      "| better | syncs | 10                | 9              | −10 %        |",
      "| little | syncs | 100               | 109            | +9 %         |",
      "| worse  | syncs | 100               | 111            | +11 % WORSE  |",
      "| zero   | syncs | 0                 | 1              | from 0 WORSE |",
      "| fresh  | syncs |                   | 7              |              |",
    ].join("\n"),
  );
  expect(countWorse(landings)).toBe(2);
});
