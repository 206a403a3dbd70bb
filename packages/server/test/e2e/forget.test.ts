import { expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client.ts";
import { Cluster, run, type ClusterNode } from "../cluster.ts";

/** Slow enough that nobody notices by itself that the leader is gone before it is forgotten. */
const tickMs = 300;

test("a leader that lives, hangs or is gone is forgotten, and the group goes on", async () => {
  const cluster = await Cluster.start(3, ["--tick-ms", String(tickMs)]);
  const first = await cluster.leader();
  const client = new Client({ endpoints: cluster.endpoints, timeoutMs: 60_000 });
  onTestFinished(() => client.close());
  await client.put(Buffer.from("before"), Buffer.from("1"));
  await cluster.settled();

  const refused = await forgetAt(first);
  expect([refused.exit.status, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toContain("is_leader");
  const follower = otherThan(cluster, first);
  const forgot = await forgetAt(follower);
  expect([forgot.exit.status, forgot.stdout]).toEqual([
    ...[0, `${follower.url} forgot node ${first.id}\n`],
  ]);
  await cluster.settled();

  for (const signal of ["SIGSTOP", "SIGKILL"] as const) {
    const old = await cluster.leader();
    old.process.signal(signal);
    const asked = otherThan(cluster, old);
    expect(await client.forgetLeader(asked.url)).toBe(old.id);
    const next = await cluster.leader((node) => node !== old);
    const others = cluster.endpoints.filter((url) => url !== old.url);
    const survivors = new Client({ endpoints: others, timeoutMs: 60_000 });
    onTestFinished(() => survivors.close());
    await survivors.put(Buffer.from(signal), Buffer.from(String(next.id)));
    if (signal === "SIGSTOP") old.process.signal("SIGCONT");
    else await old.process.exited;
    await cluster.settled();
  }
});

function forgetAt({ url }: ClusterNode): ReturnType<typeof run> {
  return run(["forget-leader", "--endpoints", url]);
}

function otherThan({ nodes }: Cluster, leader: ClusterNode): ClusterNode {
  const other = nodes.find((node) => node !== leader);
  if (other === undefined) throw new Error("there are followers");
  return other;
}
