import { expect, test } from "vitest";
import { simulateWhole, wholeCoverageKinds } from "@quorate/sim";

// Production code over simulated disks, network, clocks and randomness; one seed draws everything.
// Run one again with SEED=<n>.
const chosen = process.env["SEED"];
const batchCount = 4;
const batchSize = 50;

if (chosen !== undefined) {
  test(`whole swarm, seed ${chosen}`, async () => {
    expect((await simulateWhole(Number(chosen))).seed).toBe(Number(chosen));
  });
} else {
  const seen = new Set<string>();

  for (let batch = 0; batch < batchCount; batch++) {
    const first = batch * batchSize + 1;
    test(`whole swarm, seeds ${first} to ${first + batchSize - 1}`, { timeout: 0 }, async () => {
      for (let seed = first; seed < first + batchSize; seed++) {
        const { coverage } = await simulateWhole(seed);
        for (const kind of coverage.keys()) seen.add(kind);
      }
    });
  }

  test("the whole swarm has seen every fault and every event", () => {
    expect(wholeCoverageKinds.filter((kind) => !seen.has(kind))).toEqual([]);
  });

  test("a seed gives the same whole run each time, and another seed another", async () => {
    const hashes = new Set<string>();
    for (let seed = 1; seed <= 10; seed++) {
      const { hash } = await simulateWhole(seed);
      expect((await simulateWhole(seed)).hash).toBe(hash);
      hashes.add(hash);
    }
    expect(hashes.size).toBe(10);
  });

  test("runs that take turns do not change one another", async () => {
    const alone = [(await simulateWhole(1)).hash, (await simulateWhole(2)).hash];
    const together = await Promise.all([simulateWhole(1), simulateWhole(2)]);
    expect(together.map(({ hash }) => hash)).toEqual(alone);
  });
}
