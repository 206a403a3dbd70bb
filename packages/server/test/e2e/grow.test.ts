import { expect, test } from "vitest";
import { Cluster, run } from "../cluster.ts";
import { Load } from "../load.ts";

test("a group grows from 3 to 5 and shrinks to 3 others under load, and loses nothing", async () => {
  const cluster = await Cluster.start(3);
  await cluster.leader();
  const seeds = cluster.endpoints.join(",");
  const joiners = [await cluster.joiner(4), await cluster.joiner(5)];
  const load = new Load(cluster.endpoints);
  await load.progress(50);

  for (const node of joiners) node.start(["--join", seeds]);
  await cluster.voters([1, 2, 3, 4, 5]);
  for (const node of joiners) await load.readsAt(node.url, 5);
  await load.progress(50);

  // The leader is among those who stay, or among those who go; either way writes go on.
  for (const [id, node] of cluster.nodes.slice(0, 2).entries()) {
    const removed = await run([
      ...["member", "remove", String(id + 1)],
      ...["--endpoints", cluster.endpoints.join(",")],
    ]);
    expect([removed.exit.status, removed.stderr]).toEqual([0, ""]);
    expect(await node.process.exited).toEqual({ status: 5, signal: null });
    expect(node.hasLogged("this node was removed from its group, for good")).toBe(true);
    await load.progress(20);
  }
  await cluster.voters([3, 4, 5]);

  // A removed node that is started again learns that it was, and ends as before.
  const [first] = cluster.nodes;
  first?.start();
  expect(await first?.process.exited).toEqual({ status: 5, signal: null });

  await load.stop();
  await cluster.settled();
  expect(await load.check(cluster.endpoints.slice(2))).toEqual([]);
});
