import { readFile } from "node:fs/promises";
import { findingCodes } from "quorate";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Client } from "../src/client.ts";
import type { NodeStatus } from "../src/node-status.ts";
import { Cluster, type ClusterNode, run } from "./cluster.ts";
import { errorOf, HttpFixture } from "./http-fixture.ts";
import { until } from "./until.ts";

let http: HttpFixture;

beforeEach(async () => {
  http = await HttpFixture.start();
});

afterEach(() => http.close());

/** The lines that `quorate status` prints below the table, of all nodes of `cluster`. */
async function below(cluster: Cluster, options: readonly string[] = []): Promise<string[]> {
  const result = await run(["status", "--endpoints", cluster.endpoints.join(","), ...options]);
  expect(result.exit.status).toBe(0);
  const lines = result.stdout.trimEnd().split("\n");
  return lines.slice(lines.findIndex((line) => line.startsWith("voters ")) + 1);
}

async function statusOf(node: ClusterNode, index?: number): Promise<NodeStatus> {
  const client = new Client({ endpoints: [node.url] });
  try {
    return await client.status(node.url, { index });
  } finally {
    client.close();
  }
}

/** A cluster that has a leader and agrees, and its followers. */
async function settled(
  count: number,
  options: readonly string[] = [],
): Promise<{ cluster: Cluster; leader: ClusterNode; followers: readonly ClusterNode[] }> {
  const cluster = await Cluster.start(count, options);
  await cluster.settled();
  const leader = await cluster.leader();
  return { cluster, leader, followers: cluster.nodes.filter((node) => node !== leader) };
}

test("GET /v1/status has findings, and answers about an index", async () => {
  const status = (await (await http.send("GET", "/v1/status")).json()) as NodeStatus;
  expect(status.findings).toEqual([]);
  expect(status.indexFindings).toBeUndefined();
  http.replica.state = { state: "full" };
  const about = (await (await http.send("GET", "/v1/status?index=9")).json()) as NodeStatus;
  expect(about.findings.map(({ code }) => code)).toEqual(["disk_full"]);
  expect(about.indexFindings?.map(({ code, index }) => [code, index])).toEqual([
    ["index_not_in_log", 9],
  ]);
  for (const [query, message] of [
    ["index=0", "index is 0, must be at least 1"],
    ["index=x", 'index is "x", must be an integer of at least 0'],
    ["entry=1", 'unknown parameter "entry"'],
  ]) {
    const refused = await http.send("GET", `/v1/status?${query}`);
    expect(await errorOf(refused)).toMatchObject({ status: 400, message });
  }
  expect((await http.send("GET", "/healthz?index=1")).status).toBe(400);
});

test("the survivor of three says that no majority is there, who is missing and what to do", async () => {
  const { cluster, leader, followers } = await settled(3);
  await until("nothing is found", async () => (await below(cluster)).length === 0);
  await Promise.all(followers.map((node) => node.kill()));
  const missing = followers.map(({ id }) => id);
  await until("the survivor knows", async () => {
    const { findings } = await statusOf(leader);
    // Each reason is that of the last attempt, in vain by now.
    return (
      findings[0]?.code === "no_majority" && findings[0].message.split("ECONNREFUSED").length > 2
    );
  });
  const lines = await below(cluster);
  const why = (node: ClusterNode | undefined): string =>
    `node ${node?.id}, not connected for \\d+ m?s: connect ECONNREFUSED ${node?.address}`;
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(
    new RegExp(
      `^error no_majority: There is no leader: node ${leader.id} and those it is connected to are 1 of ` +
        `3 voters, and 2 are needed\\. Missing: ${why(followers[0])}; ${why(followers[1])}\\.$`,
    ),
  );
  expect(lines[1]).toBe(
    `  to do: Start any 1 of nodes ${missing.join(", ")}, or mend the network. No data is lost as long as ` +
      `the disks of a majority come back.`,
  );
  // The log has the same words, once; and tells when it is over.
  await until("it is logged", () => leader.hasLogged('"code":"no_majority"'));
  followers[0]?.start();
  await until("it is over", () => leader.hasLogged("no more: There is no leader"));
  const told = leader.log.split("\n").filter((line) => line.includes('"code":"no_majority"'));
  expect(told).toHaveLength(2);
  expect(told[0]).toContain(`Missing: node ${followers[0]?.id}, not connected for`);
  expect(told[0]).toContain('"level":"error"');
  await until("only one is missed", async () => {
    const [line] = await below(cluster);
    return line?.startsWith(`warning peer_unreachable: `) === true;
  });
});

test.each([
  [3, 1],
  [5, 2],
])("of %d nodes with %d down, a paused one holds an index up", async (count, downCount) => {
  // Long enough to be asked before the leader steps down.
  const { cluster, leader, followers } = await settled(count, ["--election-timeout-ticks", "60"]);
  const down = followers.slice(0, downCount);
  const paused = followers[downCount] ?? expect.unreachable();
  await Promise.all(down.map((node) => node.kill()));
  await until("the leader misses them", async () => {
    return (await statusOf(leader)).connected.length === count - 1 - downCount;
  });
  paused.process.signal("SIGSTOP");
  const index = (await statusOf(leader)).last.index + 1;
  const url = `${leader.url}/v1/kv/a`;
  const put = fetch(url, { method: "PUT", body: "1" });
  await until("the entry is known to wait", async () => {
    const [first] = (await statusOf(leader, index)).indexFindings ?? [];
    return first?.code === "index_not_committed" && first.peers?.length === downCount + 1;
  });
  const [finding] = (await statusOf(leader, index)).indexFindings ?? [];
  const missing = [...down, paused].map(({ id }) => id).sort((a, b) => a - b);
  const needed = (count + 1) / 2;
  expect([finding?.code, finding?.index, finding?.peers]).toEqual([
    "index_not_committed",
    index,
    missing,
  ]);
  expect(finding?.message).toContain(
    `Entry ${index} is not committed: ${needed - 1} of ${count} voters have it, and ${needed} must.`,
  );
  expect(finding?.message).toMatch(
    new RegExp(`node ${paused.id}, 1 entry behind, .*connected and last heard \\d+ m?s ago`),
  );
  for (const { id } of down) {
    expect(finding?.message).toMatch(new RegExp(`node ${id}, \\d+ \\w+ behind, not connected for`));
  }
  // The paused one keeps its connection until others notice that it says nothing.
  await until("there is no majority", async () => {
    const lines = await below(cluster, ["--index", String(index)]);
    const root = lines.find((line) => line.startsWith("error no_majority"));
    return root?.includes(`node ${paused.id}, not connected`) === true;
  });
  paused.process.signal("SIGCONT");
  await put;
  await until("the group is led again, and the entry committed", async () => {
    const [about, ...lines] = await below(cluster, ["--index", String(index)]);
    const codes = lines.filter((line) => !line.startsWith("  to do"));
    return (
      about?.startsWith("info index_applied: ") === true &&
      codes.length === downCount &&
      codes.every((line) => line.startsWith("warning peer_unreachable: "))
    );
  });
});

test("the guide explains every code there is, once, and no other", async () => {
  const path = new URL("../../../docs/guides/operate.md", import.meta.url);
  const guide = await readFile(path, "utf8");
  const section = guide.split("\n## ").find((text) => text.startsWith("What status says")) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const cells = rows.map((row) => row.split("|").slice(1, -1));
  expect(cells.map(([code = ""]) => code.trim().slice(1, -1))).toEqual([...findingCodes]);
  for (const [, meaning = "", remedy = ""] of cells) {
    expect(meaning.trim().length).toBeGreaterThan(10);
    expect(remedy.trim()).not.toBe("");
  }
});
