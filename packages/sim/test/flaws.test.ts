import { expect, test } from "vitest";
import { type Flaw, SimFailure, simulate, Violation } from "@quorate/sim";

/** Which invariants break among the first seeds if every host has a flaw. */
function broken(flaw: Flaw): ReadonlySet<string> {
  const invariants = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    try {
      simulate(seed, { flaw });
    } catch (error) {
      if (!(error instanceof SimFailure) || !(error.cause instanceof Violation)) throw error;
      expect(error.message).toContain(`npm run sim -- --seed ${seed}`);
      invariants.add(error.cause.invariant);
    }
  }
  return invariants;
}

test("a disk that reports what it does not hold is found out", { timeout: 0 }, () => {
  const found = broken("lying-disk");
  expect(found).toContain("I10");
  expect(found).toContain("I13");
});

test("a node that forgets its vote in a crash is found out", { timeout: 0 }, () => {
  expect(broken("forgets-vote")).toEqual(new Set(["I7"]));
});

test("a host that sends promises before they are durable is found out", { timeout: 0 }, () => {
  const found = broken("sends-early");
  expect(found).toContain("I6");
  expect(found).toContain("I13");
});
