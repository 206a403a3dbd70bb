import { readFile } from "node:fs/promises";
import { RaftError } from "quorate";
import { expect, test } from "vitest";
import { Client } from "../src/client.ts";
import { NodeMetrics } from "../src/node-metrics.ts";
import { Cluster, type ClusterNode } from "./cluster.ts";
import { confStateOf, MemoryReplica } from "./memory-replica.ts";
import { until } from "./until.ts";

/** The value of a metric, with its labels as they are written; NaN if it is not there. */
async function metric(node: ClusterNode, name: string): Promise<number> {
  const response = await fetch(`${node.url}/metrics`);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=/);
  const line = (await response.text()).split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

test("metrics tell what nodes do: writes, snapshots, a change of leader", async () => {
  const cluster = await Cluster.start(3);
  const first = await cluster.leader();
  const client = new Client({ endpoints: cluster.endpoints });
  for (let number = 0; number < 20; number++) {
    await client.put(Buffer.from("key"), Buffer.alloc(100, number));
  }
  await cluster.settled();
  const info = `quorate_info{node="${first.id}",cluster="default",version="0.1.0"}`;
  expect(await metric(first, info)).toBe(1);
  expect(await metric(first, 'quorate_role{role="leader"}')).toBe(1);
  expect(await metric(first, 'quorate_role{role="follower"}')).toBe(0);
  expect(await metric(first, "quorate_leader")).toBe(first.id);
  expect(await metric(first, "quorate_voters")).toBe(3);
  expect(await metric(first, "quorate_connected_peers")).toBe(2);
  expect(await metric(first, "quorate_applied_commands_total")).toBeGreaterThanOrEqual(20);
  expect(await metric(first, "quorate_log_written_bytes_total")).toBeGreaterThan(2000);
  expect(await metric(first, "quorate_disk_sync_seconds_count")).toBeGreaterThan(10);
  const applied = 'quorate_proposal_stage_seconds_count{stage="applied"}';
  expect(await metric(first, applied)).toBeGreaterThan(0);
  expect(await metric(first, "quorate_elections_won_total")).toBe(1);
  expect(await metric(first, "quorate_elections_started_total")).toBeGreaterThanOrEqual(1);
  expect(await metric(first, "quorate_commit_seconds_count")).toBeGreaterThan(0);
  expect(await metric(first, "quorate_sent_bytes_total")).toBeGreaterThan(2 * 2000);
  expect(await metric(first, "quorate_received_frames_total")).toBeGreaterThan(0);
  expect(await metric(first, "quorate_log_bytes")).toBeGreaterThan(2000);
  for (const peer of cluster.nodes) {
    if (peer === first) continue;
    expect(await metric(first, `quorate_peer_lag_entries{peer="${peer.id}"}`)).toBe(0);
    expect(await metric(first, `quorate_peer_active{peer="${peer.id}"}`)).toBe(1);
    expect(await metric(first, `quorate_peer_lag_bytes{peer="${peer.id}"}`)).toBe(0);
    expect(await metric(peer, `quorate_peer_connected{peer="${first.id}"}`)).toBe(1);
    expect(await metric(peer, `quorate_peer_queue_bytes{peer="${first.id}"}`)).toBe(0);
    expect(await metric(peer, `quorate_peer_lag_bytes{peer="${first.id}"}`)).toBeNaN();
    expect(await metric(peer, "quorate_apply_lag_entries")).toBe(0);
    expect(await metric(peer, `quorate_peer_active{peer="${first.id}"}`)).toBeNaN();
  }
  await client.takeSnapshot(first.url);
  expect(await metric(first, 'quorate_snapshots_total{what="taken"}')).toBe(1);
  expect(await metric(first, "quorate_snapshot_index")).toBeGreaterThan(20);

  const next = await client.transferLeadership();
  await until("the first follows", async () => (await metric(first, "quorate_leader")) === next);
  const ended = 'quorate_leaderships_ended_total{reason="transferred"}';
  expect(await metric(first, ended)).toBe(1);
  expect(await metric(first, 'quorate_role{role="leader"}')).toBe(0);
  client.close();
});

test("what strangers do is counted under one label, whatever they call themselves", async () => {
  const metrics = new NodeMetrics();
  const replica = new MemoryReplica();
  replica.state = { confState: { ...confStateOf([1, 2]), votersOutgoing: [3], learners: [4] } };
  metrics.watch(replica);
  const error = new RaftError("malformed", "it is noise");
  for (let peer = 2; peer < 500; peer++) {
    replica.emit({ kind: "peer-connected", peer });
    replica.emit({ kind: "message-refused", peer, error });
    replica.emit({ kind: "peer-disconnected", peer, reason: "reset" });
  }
  const { text } = await metrics.text();
  for (const name of ["quorate_messages_refused_total", "quorate_peer_disconnects_total"]) {
    expect(text.match(new RegExp(`^${name}.*`, "gm"))).toEqual([
      `${name}{peer="2"} 1`,
      `${name}{peer="3"} 1`,
      `${name}{peer="4"} 1`,
      `${name}{peer="other"} 495`,
    ]);
  }
});

test("the guide lists the metrics that there are, and no others", async () => {
  const guide = await readFile(new URL("../../../docs/guides/operate.md", import.meta.url), "utf8");
  const listed = [...guide.matchAll(/^\| `(quorate_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$/gm)];
  const metrics = await new NodeMetrics().registry.getMetricsAsJSON();
  const found = metrics
    .filter(({ name }) => name.startsWith("quorate_"))
    .map(({ name, type, help }) => `${name} ${String(type)}: ${help}`);
  const said = listed.map(([, name, type, , help = ""]) => `${name} ${type}: ${help.trim()}`);
  expect(said.toSorted()).toEqual(found.toSorted());
});
