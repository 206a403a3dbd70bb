import { createHash } from "node:crypto";
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

/** All files of `node`, by what is in them. */
async function filesOf({ dataDir }: ClusterNode): Promise<Map<string, string>> {
  const found = await readdir(dataDir, { withFileTypes: true });
  const names = found.filter((file) => file.isFile()).map(({ name }) => name);
  const hashOf = async (name: string): Promise<[string, string]> => {
    const bytes = await readFile(join(dataDir, name));
    return [name, createHash("sha256").update(bytes).digest("hex")];
  };
  return new Map(await Promise.all(names.toSorted().map(hashOf)));
}

/** The lines with `event` that `node` has logged in its present life. */
function eventsOf({ process }: ClusterNode, event: string): unknown[] {
  const lines = process.stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line): unknown => JSON.parse(line)).filter((line) => isEvent(line, event));
}

function isEvent(line: unknown, event: string): boolean {
  return typeof line === "object" && line !== null && "event" in line && line.event === event;
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

test("a node that waits for others to mend its log says so, and a signal ends it at once", async () => {
  const cluster = await Cluster.start(3);
  const client = new Client({ endpoints: cluster.endpoints });
  for (let number = 0; number < 20; number++) {
    await client.put(Buffer.from(`key-${number}`), Buffer.from(`value-${number}.`));
  }
  client.close();
  await cluster.settled();
  const [rotten, ...others] = cluster.nodes;
  if (rotten === undefined) throw new Error("there is no node");
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await rot(rotten, "value-7.", 4);
  const before = await filesOf(rotten);

  const place: unknown = expect.stringMatching(/^[0-9a-f]{16}\.wal, byte \d+$/);
  const index: unknown = expect.any(Number);
  const damaged = { level: "warn", node: rotten.id, place, first: index, last: index };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    rotten.start();
    await until("it asks", () => rotten.hasLogged("asking the other members for them"));
    expect(eventsOf(rotten, "log-damaged")).toMatchObject([damaged]);
    rotten.process.signal(signal);
    // Left alone it would ask for a minute, and end with another status.
    await until("it ends", () => !rotten.isRunning);
    expect(rotten.process.exit).toEqual({ status: 0, signal: null });
    expect(rotten.process.stderr).toBe("");
    expect(rotten.process.stdout).toMatch(
      new RegExp(`"reason":"${signal}","message":"stopped before the start was over"`),
    );
    expect(await filesOf(rotten)).toEqual(before);
  }

  for (const node of [rotten, ...others]) node.start();
  await cluster.settled();
  expect(eventsOf(rotten, "log-damaged")).toMatchObject([damaged]);
  expect(eventsOf(rotten, "log-mended")).toMatchObject([{ ...damaged, by: index }]);
});
