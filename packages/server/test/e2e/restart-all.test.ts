import { expect, test } from "vitest";
import { Cluster } from "../cluster.ts";
import { Load } from "../load.ts";

const roundCount = 3;

test("kill -9 of all nodes at once loses no acknowledged write", async () => {
  const cluster = await Cluster.start(3);
  const load = new Load(cluster.endpoints);
  for (let round = 0; round < roundCount; round++) {
    await load.progress(50);
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    for (const node of cluster.nodes) node.start();
  }
  await load.progress(10);
  await load.stop();
  await cluster.settled();
  expect(await load.check()).toEqual([]);
});
