import { expect, test } from "vitest";
import { attackLivePorts, memoryGrowthMax } from "../src/live.ts";

test("nodes live through hostile peers and clients, serve on, and keep no memory for it", async () => {
  const reports = await attackLivePorts({ inputCount: 5_000 }, 1);
  expect(reports.length).toBe(9);
  for (const { name, inputCount, memoryBytes } of reports) {
    expect(inputCount, name).toBeGreaterThanOrEqual(50);
    const [before, after] = memoryBytes;
    expect(after - before, name).toBeLessThan(memoryGrowthMax);
  }
});
