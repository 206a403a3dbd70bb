import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Client } from "../../src/client.ts";
import { Cluster, type ClusterNode } from "../cluster.ts";
import { until } from "../until.ts";

/** Turns one bit over `shift` bytes after the place where `text` stands last in the log of `node`. */
async function rot(node: ClusterNode, text: string, shift: number): Promise<void> {
  const names = (await readdir(node.dataDir)).filter((name) => name.endsWith(".wal")).toSorted();
  for (const name of names.toReversed()) {
    const file = join(node.dataDir, name);
    const bytes = await readFile(file);
    const place = bytes.lastIndexOf(text);
    if (place < 0) continue;
    bytes[place + shift] = (bytes[place + shift] ?? 0) ^ 0x10;
    await writeFile(file, bytes);
    return;
  }
  throw new Error(`"${text}" is in no log`);
}

test("a byte that went bad in a log is mended by other nodes, or else refused", async () => {
  const cluster = await Cluster.start(3);
  const leader = await cluster.leader();
  const client = new Client({ endpoints: cluster.endpoints });
  for (let number = 0; number < 50; number++) {
    await client.put(Buffer.from(`key-${number}`), Buffer.from(`value-${number}.`));
  }
  await cluster.settled();
  const rotten = cluster.nodes.find((node) => node !== leader);
  if (rotten === undefined) throw new Error("nobody follows");

  await rotten.kill();
  await rot(rotten, "value-20.", 4);
  rotten.start();
  await cluster.settled();
  expect(rotten.log).toMatch(
    /"place":"[0-9a-f]{16}\.wal, byte \d+".*a part of the log was damaged/,
  );
  const [other = leader] = cluster.nodes.filter((node) => node !== rotten && node !== leader);
  // What it got back is its own: with one of the others gone, it makes up the majority.
  await other.kill();
  await cluster.leader();
  for (let number = 0; number < 50; number++) {
    const { value } = await client.get(Buffer.from(`key-${number}`));
    expect(value).toEqual(Buffer.from(`value-${number}.`));
  }
  other.start();
  await cluster.settled();

  // The head of the last batch alone tells what this node promised last: that nobody else can know.
  await rotten.kill();
  await rot(rotten, "BTCH", 20);
  rotten.start();
  await until("it gives up", async () => !rotten.isRunning);
  const { exit, stderr } = rotten.process;
  expect(exit?.status).toBe(1);
  expect(stderr).toMatch(/\.wal, byte \d+: .*remove this node from the cluster and add one/);
  await client.put(Buffer.from("after"), Buffer.from("all"));
  client.close();
});
