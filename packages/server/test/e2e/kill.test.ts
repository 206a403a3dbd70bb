import { expect, test } from "vitest";
import { Cluster, type ClusterNode } from "../cluster.ts";
import { Load } from "../load.ts";

const roundCount = 3;

test("kill -9 of leader and follower in turn loses no write and makes no read stale", async () => {
  const cluster = await Cluster.start(3);
  await cluster.leader();
  const load = new Load(cluster.endpoints);
  await load.progress(50);

  for (let round = 0; round < roundCount; round++) {
    const leader = await cluster.leader();
    await killAndRestart(leader, load);
    const next = await cluster.leader();
    const follower = cluster.nodes.find((node) => node !== next);
    if (follower !== undefined) await killAndRestart(follower, load);
  }

  await load.stop();
  await cluster.settled();
  expect(await load.check()).toEqual([]);
  expect(load.writeCount).toBeGreaterThan(100 * roundCount);
});

/** The cluster goes on without `node`, and takes it back. */
async function killAndRestart(node: ClusterNode, load: Load): Promise<void> {
  await node.kill();
  expect(node.process.exit?.signal).toBe("SIGKILL");
  await load.progress(50);
  node.start();
  await load.readsAt(node.url, 10);
  await load.progress(10);
}
