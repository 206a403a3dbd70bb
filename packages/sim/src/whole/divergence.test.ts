import { expect, test } from "vitest";
import { callOf } from "./app.ts";
import { parseDecision } from "./decision.ts";
import { uncaughtStray } from "./divergence.ts";
import { kvApp, type KvQuery } from "./kv-app.ts";
import { demandWholeLiveness } from "./whole-liveness.ts";
import { calmWholePlan } from "./whole-plan.ts";
import { WholeWorld } from "./whole-world.ts";

/** A calm world of three whose states are compared this often, in which that of node 2 becomes another. */
async function strayWorld(digestEveryCount: number): Promise<WholeWorld<KvQuery, number>> {
  const plan = { ...calmWholePlan, digestEveryCount };
  const calls = Array.from({ length: 60 }, (_, offset) => offset + 1)
    .filter((number) => callOf(kvApp, plan.seed, number).kind === "write")
    .map((number) => `@${400 + number * 10}ms call client=1 node=1 number=${number} timeoutMs=0`);
  const lines = ["@500ms stray node=2", ...calls];
  const world = new WholeWorld(plan, kvApp, { script: lines.map(parseDecision) });
  world.timeline.add(1_200_000, "world", () => {});
  while (world.timeline.now < 1_200_000) await world.advance();
  return world;
}

test("a replica whose state becomes another stops and stays down, and the others go on", async () => {
  const world = await strayWorld(8);
  expect(world.host(2).isRefused).toBe(true);
  expect(world.coverage.counts.get("diverged-stopped")).toBe(1);
  expect(world.coverage.counts.get("diverged-refused")).toBe(1);
  await demandWholeLiveness(world);
  for (const id of [1, 3]) expect(world.statuses.get(id)?.digest?.agree).toContain(4 - id);
});

test("a replica that goes on with a state of its own is found", async () => {
  const world = await strayWorld(2 ** 30);
  expect(world.log.isStray(2)).toBe(true);
  const found = await uncaughtStray(world, [1, 2, 3], 200_000);
  expect(found).toBe("node 2 serves on with a state of its own");
});

test("a replica that finds states to differ where none does is found", async () => {
  const world = new WholeWorld(calmWholePlan, kvApp);
  world.replicaEvent(1, { kind: "diverged", index: 8, term: 1, digests: [], wrong: [] });
  await expect(world.advance()).rejects.toThrow("node 1 finds states that differ, and none does");
});
