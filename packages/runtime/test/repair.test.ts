import type { Mended } from "@quorate/runtime";
import type { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { type Cluster, type ClusterOptions, type Member, Watched } from "./cluster.ts";
import { followerOf, lastSegment, overwriteBatchOf, turnBitOf, written } from "./rot.ts";

/** Starts a node whose log must be mended, which takes time. */
async function startRotten(
  cluster: Cluster,
  id: number,
  memory: MemoryDisk,
  options: ClusterOptions = {},
): Promise<{ readonly start: Watched<Member>; readonly mended: readonly Mended[] }> {
  const mended: Mended[] = [];
  const start = new Watched(
    cluster.start(id, memory, { onMended: (one) => mended.push(one), ...options }),
  );
  for (let waited = 0; waited < 100 && !start.isSettled; waited++) await cluster.run(50);
  return { start, mended };
}

test("a command that went bad in a log is had from another member", async () => {
  const cluster = await written(20);
  const other = followerOf(cluster);
  const memory = await cluster.crash(other);
  await turnBitOf(memory, "command 7.", 3);
  const { start, mended } = await startRotten(cluster, other, memory);
  expect(start.value.id).toBe(other);
  expect(mended).toMatchObject([{ lent: { lastTerm: 0 } }]);
  await cluster.run(500);
  expect(start.value.journal.commands).toEqual(cluster.leader.journal.commands);
  // What it brought back is durable: the others may go.
  const again = await cluster.crash(other);
  const second = await startRotten(cluster, other, again);
  expect(second.mended).toEqual([]);
  expect(second.start.value.id).toBe(other);
  await cluster.close();
});

test("what a batch was, head and all, is had from another member", async () => {
  const cluster = await written(20);
  const other = followerOf(cluster);
  const memory = await cluster.crash(other);
  await overwriteBatchOf(memory, "command 9.");
  const { start, mended } = await startRotten(cluster, other, memory);
  expect(mended).toHaveLength(1);
  expect(mended[0]?.lent?.lastTerm).toBe(cluster.leader.replica.status().term);
  await cluster.run(500);
  expect(start.value.journal.commands).toEqual(cluster.leader.journal.commands);
  await cluster.close();
});

test("two members whose logs went bad are helped by the third", async () => {
  const cluster = await written(20);
  const [first = 0, second = 0] = cluster.voters.filter((id) => id !== cluster.leader.id);
  const lines = [...cluster.leader.journal.commands];
  const one = await cluster.crash(first);
  const two = await cluster.crash(second);
  await turnBitOf(one, "command 3.");
  await turnBitOf(two, "command 3.", 5);
  // Meanwhile the third leads nobody: whoever is asked lends, also a follower.
  await cluster.run(3000);
  await startRotten(cluster, first, one);
  const { start } = await startRotten(cluster, second, two);
  await cluster.untilLed();
  await cluster.write(start.value, "after.");
  expect(start.value.journal.commands.slice(0, lines.length)).toEqual(lines);
  await cluster.close();
});

test("a log that nobody can mend is refused when time is up, and nothing is left running", async () => {
  const cluster = await written(10);
  const other = followerOf(cluster);
  const memory = await cluster.crash(other);
  await turnBitOf(memory, "command 4.", 2);
  for (const id of cluster.voters) if (id !== other) await cluster.crash(id);
  const before = (await lastSegment(memory)).bytes;
  const { start } = await startRotten(cluster, other, memory, { repairTimeoutMs: 1000 });
  expect(start.error.code).toBe("corrupt");
  expect(start.error.message).toMatch(
    /a new id and an empty disk; of the other members none .* \(no member could be asked\)$/,
  );
  expect((await lastSegment(memory)).bytes).toEqual(before);
  await cluster.close();
});
