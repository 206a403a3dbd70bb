import { expect, test } from "vitest";
import type { FailureReport, StartReport } from "./seeds-process.ts";
import { isCaught, isClean, isDeliberate, judgeOf, judgesOf, medianSeedCount } from "./verdict.ts";

const failure = (name: string, message = "", label?: string): FailureReport => ({
  name,
  message,
  label,
});
const found = (seedCount: number, invariant = "I7"): StartReport => ({
  start: 1,
  seedCount,
  failure: failure("Violation", "", invariant),
});
const nothing: StartReport = { start: 1, seedCount: 200, failure: undefined };

test("judgeOf names who saw a failure", () => {
  const cases: readonly (readonly [FailureReport, string])[] = [
    [failure("Violation", "I7: two votes", "I7"), "I7"],
    [failure("Violation", "contract: rude", "contract"), "contract"],
    [failure("AssertionError", "I10: only what was handed out"), "assertion I10"],
    [failure("AssertionError", "an entry is appended"), "assertion: an entry is appended"],
    [failure("LivenessFailure", "", "no-leader"), "liveness no-leader"],
    [failure("WholeLivenessFailure", "", "no-leader"), "liveness no-leader"],
    [failure("AppDefect", "the answer was 1"), "clients"],
    [failure("RaftError", "", "stale_ready"), "refusal stale_ready"],
  ];
  for (const [report, judge] of cases) {
    expect(judgeOf(report)).toBe(judge);
    expect(isDeliberate(report)).toBe(true);
  }
});

test("an error that nobody meant catches nothing", () => {
  expect(isDeliberate(failure("ReferenceError", "x is not defined"))).toBe(false);
  expect(isDeliberate(failure("TypeError"))).toBe(false);
});

test("a mutant is caught only if every start found it, and the code is clean only if none did", () => {
  const some = { kind: "seeds", starts: [found(3), nothing] } as const;
  expect([isCaught(some), isClean(some)]).toEqual([false, false]);
  const all = { kind: "seeds", starts: [found(3), found(1)] } as const;
  expect([isCaught(all), isClean(all)]).toEqual([true, false]);
  const none = { kind: "seeds", starts: [nothing] } as const;
  expect([isCaught(none), isClean(none)]).toEqual([false, true]);
  const failed = { kind: "tests", failed: "a test" } as const;
  expect([isCaught(failed), isClean(failed)]).toEqual([true, false]);
  const passed = { kind: "tests", failed: undefined } as const;
  expect([isCaught(passed), isClean(passed)]).toEqual([false, true]);
  const broken = { kind: "broken", reason: "it does not start" } as const;
  expect([isCaught(broken), isClean(broken)]).toEqual([false, false]);
});

test("medianSeedCount is of the starts that found something", () => {
  expect(medianSeedCount([found(9), nothing, found(1), found(4)])).toBe(4);
  expect(medianSeedCount([found(9), found(1)])).toBe(1);
  expect(medianSeedCount([nothing])).toBeUndefined();
});

test("judgesOf names each judge once, the most frequent first", () => {
  expect(judgesOf([found(1, "I4"), found(1), nothing, found(2)])).toEqual(["I7", "I4"]);
});
