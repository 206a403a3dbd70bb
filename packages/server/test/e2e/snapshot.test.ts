import { expect, test } from "vitest";
import { Cluster } from "../cluster.ts";
import { Load } from "../load.ts";
import { until } from "../until.ts";

const options = ["--snapshot-every-count", "150", "--snapshot-tail-count", "20"];

test("a follower that is far behind catches up by a snapshot while writes go on", async () => {
  const cluster = await Cluster.start(3, options);
  const leader = await cluster.leader();
  const load = new Load(cluster.endpoints);
  await load.progress(50);
  const follower = cluster.nodes.find((node) => node !== leader);
  if (follower === undefined) throw new Error("there is no follower");
  const last = (await follower.status())?.last.index ?? 0;
  await follower.kill();

  await until(
    "the logs of the others have forgotten where it was",
    async () => {
      const others = cluster.nodes.filter((node) => node !== follower);
      const statuses = await Promise.all(others.map((node) => node.status()));
      // What the follower had last may be a little more than what it said last.
      return statuses.every((status) => (status?.firstIndex ?? 0) > last + 100);
    },
    120_000,
  );
  follower.start();
  await until("it got a snapshot", () => follower.hasLogged('"message":"snapshot received"'));
  await load.readsAt(follower.url, 10);
  await load.progress(20);

  await load.stop();
  await cluster.settled();
  expect(await load.check()).toEqual([]);
});

test("kill -9 of nodes that take snapshots loses nothing, and they start from them", async () => {
  const cluster = await Cluster.start(3, options);
  await cluster.leader();
  const load = new Load(cluster.endpoints);
  for (let round = 0; round < 3; round++) {
    await load.progress(200);
    const node = cluster.nodes[round];
    await node?.kill();
    node?.start();
  }
  await load.stop();
  await cluster.settled();
  const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
  for (const status of statuses) expect(status?.snapshotIndex).toBeGreaterThan(0);
  expect(await load.check()).toEqual([]);
});
