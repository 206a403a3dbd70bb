import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { Client } from "../../src/client.ts";
import { Cluster, type ClusterNode, run } from "../cluster.ts";
import { Load } from "../load.ts";
import { until } from "../until.ts";

/** All files in `directory`, with what is in them. */
async function filesOf(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(directory)).sort()) {
    const path = join(directory, name);
    const isFile = (await stat(path)).isFile();
    files.set(name, isFile ? (await readFile(path)).toString("latin1") : "");
  }
  return files;
}

/** What is under `keys` at `url`, by key. */
async function readAll(url: string, keys: readonly string[]): Promise<Map<string, string>> {
  const client = new Client({ endpoints: [url] });
  try {
    const found = new Map<string, string>();
    for (const key of keys) {
      const answer = await client.get(Buffer.from(key), { timeoutMs: 30_000 });
      if (answer.value !== undefined) found.set(key, Buffer.from(answer.value).toString());
    }
    return found;
  } finally {
    client.close();
  }
}

/** Writes `count` keys, each of which is acknowledged, and returns what was written. */
async function writeSome(url: string, count: number): Promise<Map<string, string>> {
  const client = new Client({ endpoints: [url] });
  try {
    const written = new Map<string, string>();
    for (let at = 0; at < count; at++) {
      await client.put(Buffer.from(`key-${at}`), Buffer.from(`value ${at}`), { timeoutMs: 30_000 });
      written.set(`key-${at}`, `value ${at}`);
    }
    return written;
  } finally {
    client.close();
  }
}

/** What there is when a majority was lost. */
interface Scene {
  readonly cluster: Cluster;
  /** The node whose disk is left. */
  readonly survivor: ClusterNode;
  /** One that is lost, and comes back later. */
  readonly lost: ClusterNode;
  readonly directory: string;
  /** What was acknowledged, and had reached all. */
  readonly written: Map<string, string>;
}

/** Three nodes, of which two are lost. While they run, none of them is recovered from. */
async function loseMajority(options: readonly string[]): Promise<Scene> {
  const cluster = await Cluster.start(3, options);
  const written = await writeSome((await cluster.leader()).url, 150);
  await cluster.settled();
  const [survivor, lost, wiped] = cluster.nodes;
  if (survivor === undefined || lost === undefined || wiped === undefined) {
    throw new Error("there are three nodes");
  }
  const directory = dirname(survivor.dataDir);
  const into = join(directory, "early");
  const early = await run(["recover", "--data-dir", survivor.dataDir, "--into", into, "--yes"]);
  expect(early.exit.status).toBe(2);
  expect(early.stderr).toContain(`is in use by process ${survivor.process.pid}: stop it first`);
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await wiped.wipe();
  return { cluster, survivor, lost, directory, written };
}

/** Recovers from what is left into `into`, and says how the new group is called. */
async function recover({ survivor, directory }: Scene, into: string): Promise<string> {
  const before = await filesOf(survivor.dataDir);
  const names = await readdir(directory);
  const command = ["recover", "--data-dir", survivor.dataDir, "--into", into, "--reason", "a fire"];
  const refused = await run(command, { input: Buffer.from("docs\n") });
  expect(refused.exit.status).toBe(1);
  expect(await readdir(directory)).toEqual(names);
  const done = await run(command, { input: Buffer.from("default\n") });
  expect([done.exit.status, done.stderr]).toEqual([0, ""]);
  expect(done.stdout).toContain("Lost: 2 of 3 voters, 2, 3.");
  expect(await filesOf(survivor.dataDir)).toEqual(before);
  const verified = await run(["log", "verify", into]);
  expect(verified.stdout).toContain("verdict  a start takes it");
  return /--cluster-id (default-r1-[0-9a-f]{8}) /.exec(done.stdout)?.[1] ?? "";
}

/** Lets node `id` join the new group with an empty disk; where another was, if that is given. */
async function joinGroup(
  { cluster, directory }: Scene,
  first: ClusterNode,
  joiner: { readonly id: number; readonly clusterId: string; readonly place?: ClusterNode },
): Promise<ClusterNode> {
  const { id, clusterId, place } = joiner;
  const node = await cluster.joiner(id, place);
  const dataDir = join(directory, `joined-${id}`);
  node.start(["--data-dir", dataDir, "--cluster-id", clusterId, "--join", first.url]);
  await until(
    `node ${id} votes`,
    async () => (await first.status())?.confState.voters.includes(id) === true,
    60_000,
  );
  return node;
}

/** Waits until two nodes have dialled each other, and each was refused for its group. */
async function refuseEachOther(
  nodes: readonly ClusterNode[],
  groups: readonly string[],
): Promise<void> {
  const signs = [
    ...["incoming", "outgoing"].map((way) => `"direction":"${way}"`),
    ...groups.map((name) => `cluster \\"${name}\\"`),
  ];
  await until("each was refused by the other", () => {
    return nodes.every((node) => signs.every((sign) => refusals(node).includes(sign)));
  });
}

for (const [what, options] of [
  ["a log", []],
  ["a snapshot and a log", ["--snapshot-every-count", "60", "--snapshot-tail-count", "5"]],
] as const) {
  test(`two of three disks are lost, and the group goes on from ${what}`, async () => {
    const scene = await loseMajority(options);
    const { cluster, survivor, lost, directory, written } = scene;
    const into = join(directory, "recovered");
    const clusterId = await recover(scene, into);
    const next = await goOn(cluster, { survivor, into, clusterId });
    expect(await readAll(next.url, [...written.keys()])).toEqual(written);

    // Under ids that the group before had; one of them where the node was that comes back.
    const second = await joinGroup(scene, next, { id: 2, clusterId, place: lost });
    const third = await joinGroup(scene, next, { id: 3, clusterId });
    const load = new Load([next, second, third].map(({ url }) => url));
    await load.progress(50);
    await load.stop();
    expect(await load.check()).toEqual([]);

    await second.kill();
    lost.start();
    await refuseEachOther([next, lost], [clusterId, "default"]);
    expect(await readAll(next.url, [...written.keys()])).toEqual(written);
    expect((await next.status())?.confState.voters).toEqual([1, 2, 3]);
    expect((await lost.status())?.leader).toBe(0);
  });
}

/** Starts the recovered node, where the survivor was. */
async function goOn(
  cluster: Cluster,
  of: { readonly survivor: ClusterNode; readonly into: string; readonly clusterId: string },
): Promise<ClusterNode> {
  const node = await cluster.joiner(1, of.survivor);
  node.start(["--data-dir", of.into, "--cluster-id", of.clusterId]);
  await until("it leads", async () => (await node.status())?.role === "leader");
  return node;
}

/** What a node logged of connections that were refused. */
function refusals(node: ClusterNode): string {
  return node.log
    .split("\n")
    .filter((line) => line.includes("connection refused"))
    .join("\n");
}
