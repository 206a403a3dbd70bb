import { expect, test } from "vitest";
import type { Mutant, Property } from "./mutant.ts";
import { pageOf } from "./page.ts";
import {
  fateOf,
  isAlarming,
  lineOf,
  lineOfUnmutated,
  type MutantResult,
  summaryOf,
} from "./result.ts";
import type { StartReport } from "./seeds-process.ts";
import type { Verdict } from "./verdict.ts";

const mutant = (property: Property): Mutant => ({
  id: "E1-early",
  rows: ["E1"],
  property,
  level: "core",
  explored: false,
  patches: [],
  why: "A vote | leaves early.",
});
const failure = { name: "Violation", message: "", label: "I7" };
const found: StartReport = { start: 1, seedCount: 3, failure };
const nothing: StartReport = { start: 1, seedCount: 200, failure: undefined };
const result = (starts: readonly StartReport[], property: Property = "ES"): MutantResult => ({
  mutant: mutant(property),
  verdict: { kind: "seeds", starts },
  exploration: undefined,
});
const other = (verdict: Verdict): MutantResult => ({
  mutant: mutant("ES"),
  verdict,
  exploration: undefined,
});

test("a bug that can harm a user must be caught from every start; another may survive", () => {
  expect(fateOf(result([found, found]))).toBe("caught");
  expect(isAlarming(result([found, found]))).toBe(false);
  expect(fateOf(result([found, nothing]))).toBe("survived");
  expect(isAlarming(result([found, nothing]))).toBe(true);
  expect(isAlarming(result([nothing], "LIVE"))).toBe(false);
  expect(isAlarming(result([nothing], "AVAIL"))).toBe(false);
  expect(isAlarming(result([nothing], "CRASH"))).toBe(true);
});

test("a mutant for the exhaustive search must be found by that too", () => {
  const missed = { ...result([found]), exploration: { kind: "seeds", starts: [nothing] } } as const;
  expect(fateOf(missed)).toBe("survived");
  expect(lineOf(missed)).toMatch(/I7; search: nobody$/);
  const both = { ...result([found]), exploration: { kind: "seeds", starts: [found] } } as const;
  expect(fateOf(both)).toBe("caught");
  const later = { ...result([found]), exploration: { kind: "absent" } } as const;
  expect([fateOf(later), lineOf(later)]).toEqual(["caught", lineOf(result([found]))]);
});

test("a mutant that does not run is an alarm, and one without a level is none", () => {
  expect(isAlarming(other({ kind: "broken", reason: "TypeError" }))).toBe(true);
  expect(isAlarming(other({ kind: "absent" }))).toBe(false);
});

test("lineOf tells fate, seeds and judges", () => {
  expect(lineOf(result([found, found])).split(/ {2,}/)).toEqual([
    "caught",
    "E1-early",
    "ES",
    "core",
    "3 (≤ 3)",
    "I7",
  ]);
  expect(lineOf(result([found, nothing]))).toMatch(/^SURVIVED .* 3 \(≤ 3\) in 1 of 2 +I7$/);
  expect(lineOf(result([nothing], "LIVE"))).toMatch(/^survived .* nobody$/);
  expect(lineOf(other({ kind: "tests", failed: "votes once" }))).toMatch(/test “votes once”$/);
});

test("lineOfUnmutated says which seed found what in the code as it is", () => {
  const message = { ...failure, message: "I7: two votes" };
  const starts = [nothing, { start: 1001, seedCount: 3, failure: message }];
  const line = (verdict: Verdict): string => lineOfUnmutated({ what: "level core", verdict });
  expect(line({ kind: "seeds", starts })).toBe(
    "FAILED   the code as it is, level core: seed 1003: I7: two votes",
  );
  expect(line({ kind: "seeds", starts: [nothing] })).toBe("clean    the code as it is, level core");
  expect(line({ kind: "tests", failed: "votes once" })).toMatch(/level core: votes once$/);
  expect(line({ kind: "broken", reason: "it hangs" })).toMatch(/level core: it hangs$/);
  expect(line({ kind: "absent" })).toBe("absent   level core");
});

test("summaryOf counts fates", () => {
  const results = [result([found]), result([nothing]), result([found])];
  expect(summaryOf(results)).toBe("3 mutants: 2 caught, 1 survived");
});

test("pageOf shows every mutant, and every row with its mutants or the reason why it has none", () => {
  const rows = [
    { id: "E1", bug: "a vote leaves early", absence: undefined },
    { id: "S1", bug: "a snapshot is old", absence: "There are none." },
  ] as const;
  const page = pageOf([result([found])], rows, { starts: [1, 2], seedCountMax: 200 });
  expect(page).toContain("| `E1-early` | ES | A vote \\| leaves early. | caught | I7 | 3 (≤ 3) |");
  expect(page).toContain("| E1 | a vote leaves early | `E1-early` |");
  expect(page).toContain("| S1 | a snapshot is old | Later. There are none. |");
  expect(page).toContain("2 starts (1, 2), at most 200 from each");
});
