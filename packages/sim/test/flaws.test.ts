import { expect, test } from "vitest";
import { type Flaw, SimFailure, simulate, Violation } from "@quorate/sim";

/** Which invariants break if every host has a flaw, until all `expected` are among them. */
function broken(flaw: Flaw, ...expected: readonly string[]): ReadonlySet<string> {
  const invariants = new Set<string>();
  for (let seed = 0; seed < 600; seed++) {
    try {
      simulate(seed, { flaw });
    } catch (error) {
      if (!(error instanceof SimFailure) || !(error.cause instanceof Violation)) throw error;
      expect(error.message).toContain(`npm run sim -- --seed ${seed}`);
      invariants.add(error.cause.invariant);
    }
    if (expected.every((invariant) => invariants.has(invariant))) break;
  }
  return invariants;
}

test("a disk that reports what it does not hold is found out", { timeout: 0 }, () => {
  const expected = ["I6", "I10", "I13"];
  expect([...broken("lying-disk", ...expected)].sort()).toEqual(expect.arrayContaining(expected));
});

test("a node that forgets its vote in a crash is found out", { timeout: 0 }, () => {
  expect(broken("forgets-vote", "I7")).toEqual(new Set(["I7"]));
});

test("a host that sends promises before they are durable is found out", { timeout: 0 }, () => {
  const expected = ["I6", "I13"];
  expect([...broken("sends-early", ...expected)].sort()).toEqual(expect.arrayContaining(expected));
});

test("a failure tells the end of its trace, but not to one who has read it all", () => {
  const [seed, flaw] = [5, "forgets-vote"] as const;
  const failureOf = (writer?: (line: string) => void): string => {
    try {
      simulate(seed, { flaw, writer });
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
    return "";
  };
  const told = failureOf();
  const lines: string[] = [];
  const [what = ""] = told.split("\n");
  expect(failureOf((line) => lines.push(line))).toBe(what);
  const tail = lines.slice(-40).join("\n");
  expect(told).toBe(`${what}\n${tail}\nrepeat it with: npm run sim -- --seed 5 --print`);
});
