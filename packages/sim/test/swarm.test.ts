import { expect, test } from "vitest";
import { coverageKinds, simulate } from "../src/index.ts";

// One seed draws everything. Every step is judged; then the healed cluster must converge.
// Run one again with SEED=<n>, and more of them with `npm run sim -- --seeds FROM-TO`.
const chosen = process.env["SEED"];
const batchCount = 12;
const batchSize = 100;

if (chosen !== undefined) {
  test(`swarm, seed ${chosen}`, () => {
    expect(simulate(Number(chosen)).seed).toBe(Number(chosen));
  });
} else {
  const seen = new Map<string, number>();

  for (let batch = 0; batch < batchCount; batch++) {
    const first = batch * batchSize + 1;
    test(`swarm, seeds ${first} to ${first + batchSize - 1}`, { timeout: 600_000 }, () => {
      for (let seed = first; seed < first + batchSize; seed++) {
        const { coverage } = simulate(seed);
        for (const [kind, count] of coverage) seen.set(kind, (seen.get(kind) ?? 0) + count);
      }
    });
  }

  test("swarm has seen every fault and every event", () => {
    expect(coverageKinds.filter((kind) => (seen.get(kind) ?? 0) === 0)).toEqual([]);
  });

  test("a seed gives the same run each time, and another seed another run", () => {
    const hashes = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      const { hash } = simulate(seed);
      expect(simulate(seed).hash).toBe(hash);
      hashes.add(hash);
    }
    expect(hashes.size).toBe(50);
  });
}
