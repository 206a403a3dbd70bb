import { expect, test } from "vitest";
import { Cluster, type ClusterNode, CommandProcess, run } from "../cluster.ts";
import { Load } from "../load.ts";
import { until } from "../until.ts";

/** Waits until the group knows node 4, as a learner at least: the change is under way, or made. */
async function isAdded(cluster: Cluster): Promise<void> {
  await until("node 4 is in the group", async () => {
    const leader = await cluster.leader();
    const confState = (await leader.status())?.confState;
    return confState?.learners.includes(4) === true || confState?.voters.includes(4) === true;
  });
}

test.each<[string, (cluster: Cluster, joiner: ClusterNode) => Promise<ClusterNode>]>([
  ["the leader", (cluster) => cluster.leader()],
  ["the node that joins", (_, joiner) => Promise.resolve(joiner)],
])("kill -9 of %s during a change leaves it to be made by asking again", async (_, victimOf) => {
  const cluster = await Cluster.start(3);
  await cluster.leader();
  const load = new Load(cluster.endpoints);
  await load.progress(50);
  const joiner = await cluster.joiner(4);
  const endpoints = ["--endpoints", cluster.endpoints.slice(0, 3).join(",")];
  const add = ["member", "add", "4", joiner.address, ...endpoints, "--timeout-ms", "10000"];

  // Nothing of the change can be finished before the node runs.
  const asking = new CommandProcess(add);
  await isAdded(cluster);
  joiner.start(["--join"]);
  const victim = await victimOf(cluster, joiner);
  await victim.kill();
  const { status } = await asking.exited;
  expect([0, 1, 3, 4]).toContain(status);
  await load.progress(10);
  victim.start(victim === joiner ? ["--join"] : []);

  await until("asking again succeeds", async () => (await run(add)).exit.status === 0, 120_000);
  await cluster.voters([1, 2, 3, 4]);
  await load.progress(20);
  await load.stop();
  await cluster.settled();
  expect(await load.check(cluster.endpoints)).toEqual([]);
});
