import { expect, test } from "vitest";
import { callOf } from "./app.ts";
import { checkDisks } from "./check-point.ts";
import { parseDecision } from "./decision.ts";
import { kvApp, type KvQuery } from "./kv-app.ts";
import { settleRot } from "./rot-verdict.ts";
import { usPerMs } from "./timeline.ts";
import { demandWholeLiveness } from "./whole-liveness.ts";
import { calmWholePlan } from "./whole-plan.ts";
import { WholeWorld } from "./whole-world.ts";

/** Calls that write, from 400 ms on. */
const writes = Array.from({ length: 40 }, (_, offset) => offset + 1)
  .filter((number) => callOf(kvApp, calmWholePlan.seed, number).kind === "write")
  .map((number) => {
    const node = (number % 3) + 1;
    return `@${400 + number * 10}ms call client=1 node=${node} number=${number} timeoutMs=0`;
  });

/** Somewhere in the log of node 2, while nothing is written any more. */
function rot(part: string, node = 2): string {
  return `@900ms rot node=${node} part=${part} perMillion=500000 bit=3 bytes=1 downMs=50`;
}

/** A world in which that happens while clients write, after so many milliseconds. */
async function worldAfter(
  ms: number,
  lines: readonly string[],
): Promise<WholeWorld<KvQuery, number>> {
  const script = [...writes, ...lines].map(parseDecision);
  const world = new WholeWorld({ ...calmWholePlan, repairTimeoutMs: 300 }, kvApp, { script });
  world.timeline.add(ms * usPerMs, "world", () => {});
  while (world.timeline.now < ms * usPerMs) await world.advance();
  return world;
}

test("a log that went bad while its node was down is mended with the help of others", async () => {
  for (const part of ["head", "payload"]) {
    const world = await worldAfter(1500, [rot(part)]);
    expect(world.coverage.counts.get("rot-mended-by-others")).toBe(1);
    expect(world.host(2).replica).toBeDefined();
    // From now on it is held to what it promised, as any other.
    expect(world.host(2).damage).toBe("none");
    await checkDisks(world);
    await demandWholeLiveness(world);
  }
});

test("a log that tells itself what belongs there is mended with nobody's help", async () => {
  const world = await worldAfter(1500, [rot("header")]);
  expect(world.coverage.counts.get("rot-mended-alone")).toBe(1);
  await demandWholeLiveness(world);
});

test("a node that finds nobody to help it starts once the others are back", async () => {
  const cut = "@900ms cut links=n1>n2,n2>n1,n3>n2,n2>n3 forMs=700";
  const world = await worldAfter(3000, [cut, rot("head")]);
  expect(world.coverage.counts.get("rot-mended-later")).toBe(1);
  expect(world.coverage.counts.has("rot-mended-by-others")).toBe(false);
  await demandWholeLiveness(world);
});

test("a majority whose disks went bad is helped by the rest before the group is to work", async () => {
  const world = await worldAfter(1000, [rot("head", 1), rot("head", 2)]);
  expect(world.coverage.counts.get("rot-of-majority")).toBe(1);
  await demandWholeLiveness(world);
  expect(world.hosts.map(({ damage }) => damage)).toEqual(["none", "none", "none"]);
  expect(world.coverage.counts.has("healed-without-majority")).toBe(false);
});

test("what nobody can prove to belong there is refused, and stays so", async () => {
  // The head of the last batch alone tells the last hard state.
  const tail = "@900ms rot node=2 part=tail perMillion=0 bit=3 bytes=1 downMs=50";
  const world = await worldAfter(1500, [tail]);
  await demandWholeLiveness(world);
  expect(world.coverage.counts.get("rot-refused")).toBe(1);
  expect(world.host(2).isRefused).toBe(true);
});

test("a node that stays down although it could be helped is found out", async () => {
  const world = await worldAfter(1000, [
    "@850ms cut links=n1>n2,n2>n1,n3>n2,n2>n3 forMs=60000",
    rot("head"),
  ]);
  // As if it were healed, with the network left as it is.
  await expect(settleRot(world, 60_000 * usPerMs)).rejects.toThrow(
    "contract: node 2 refuses its disk again and again, and those who run have all that it lacks",
  );
});
