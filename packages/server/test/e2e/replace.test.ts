import { expect, test } from "vitest";
import { Cluster, run } from "../cluster.ts";
import { Load } from "../load.ts";
import { until } from "../until.ts";

test("a node that lost its disk is refused under its old id, and replaced by one with a new id", async () => {
  const cluster = await Cluster.start(3);
  const leader = await cluster.leader();
  const load = new Load(cluster.endpoints);
  await load.progress(50);

  const lost = cluster.nodes.find((node) => node !== leader);
  if (lost === undefined) throw new Error("there is no follower");
  await lost.wipe();
  lost.start();
  await until("the wiped node is told the remedy", () => lost.hasLogged("replace"));
  await load.progress(20);
  expect((await lost.status())?.leader).toBe(0);
  await lost.kill();

  // The new one is where the old one was, as it is when the machine stays.
  const node = await cluster.joiner(4, lost);
  node.start(["--join"]);
  const voters = cluster.nodes.filter((each) => each !== lost).map(({ id }) => id);
  const replaced = await run([
    ...["member", "replace", String(lost.id), "4", lost.address],
    ...["--endpoints", cluster.endpoints.join(",")],
  ]);
  expect([replaced.exit.status, replaced.stderr]).toEqual([0, ""]);
  expect(replaced.stdout).toContain(`Removed, for good: ${lost.id}.`);
  await cluster.voters(voters);
  await load.progress(50);

  // The new one counts: without another, the group goes on.
  const other = cluster.nodes.find((each) => each.isRunning && each !== node);
  await other?.kill();
  await load.progress(20);
  other?.start();

  await load.stop();
  await cluster.settled();
  const running = cluster.nodes.filter((each) => each.isRunning).map(({ url }) => url);
  expect(running).toHaveLength(3);
  expect(await load.check(running)).toEqual([]);
});
