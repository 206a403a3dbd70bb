import { expect, test } from "vitest";
import { Cluster, type ClusterNode } from "../cluster.ts";
import { Load } from "../load.ts";

test("every node is restarted once under load, and no request fails that may not be repeated", async () => {
  const cluster = await Cluster.start(3);
  await cluster.leader();
  const load = new Load(cluster.endpoints);
  await load.progress(50);

  // The leader is among them, and is the last of them as often as not.
  for (const node of cluster.nodes) {
    expect(await node.stop()).toEqual({ status: 0, signal: null });
    await load.progress(10);
    node.start();
    await cluster.settled();
    await load.readsAt(node.url, 5);
  }

  await load.stop();
  expect(load.unknownWrites).toEqual([]);
  expect(await load.check()).toEqual([]);
});

/** Stops the node that leads. One that lost leadership just before is started again, and another tried. */
async function stopLeader(cluster: Cluster): Promise<ClusterNode> {
  for (;;) {
    const leader = await cluster.leader();
    expect(await leader.stop()).toEqual({ status: 0, signal: null });
    const farewell = leader.log.slice(leader.log.lastIndexOf('"message":"stopping"'));
    if (farewell.includes('"reason":"shutting-down","message":"leads no more"')) return leader;
    expect(farewell).not.toContain("leads no more");
    leader.start();
    await cluster.settled();
  }
}

test("a leader that is stopped hands over first: the next one is there before it is gone", async () => {
  const cluster = await Cluster.start(3);
  await cluster.settled();
  const load = new Load(cluster.endpoints);
  await load.progress(20);
  const leader = await stopLeader(cluster);
  await load.stop();
  expect(load.unknownWrites).toEqual([]);
  expect(await load.check(cluster.endpoints.filter((url) => url !== leader.url))).toEqual([]);
});
