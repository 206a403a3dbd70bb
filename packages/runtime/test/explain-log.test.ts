import {
  explain,
  explainIndex,
  type Finding,
  type Network,
  type Receiver,
  type ReplicaStatus,
} from "@quorate/runtime";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type Member } from "./cluster.ts";

function found({ replica }: Member): readonly Finding[] {
  return explain(replica.status());
}

function finding(findings: readonly Finding[], code: string): Finding {
  const one = findings.find((each) => each.code === code);
  const all = findings.map((each) => each.code).join(", ");
  return one ?? expect.unreachable(`${code} among ${all}`);
}

/** What becomes of the entry at `index`, as `member` knows. */
function about({ replica }: Member, index: number): Finding {
  return explainIndex(replica.status(), index)[0] ?? expect.unreachable();
}

test("an index names who holds it up: one is down, another silent, a third has a slow disk", async () => {
  const cluster = await Cluster.ready(5);
  const { leader } = cluster;
  const [down, silent, slow, good] = cluster.followers;
  if (down === undefined || silent === undefined || slow === undefined || good === undefined) {
    return expect.unreachable();
  }
  slow.disk.holdsSyncs = true;
  await cluster.crash(down.id);
  await cluster.run(200);
  cluster.hub.meddle(({ from }) => (from === silent.id ? 0 : 1));
  const call = cluster.propose(leader, "a");
  await cluster.run(3000);
  expect(call.isSettled).toBe(false);
  const { code, message, remedy, peers, index } = about(leader, 3);
  expect([code, index]).toEqual(["index_not_committed", 3]);
  expect(peers).toEqual([down.id, silent.id, slow.id].sort((a, b) => a - b));
  expect(message).toContain(
    "Entry 3 is not committed: 2 of 5 voters have it, and 3 must. Held up by: ",
  );
  expect(message).toContain(`node ${down.id}, 1 entry behind, not connected for 3 s: killed`);
  expect(message).toContain(`node ${silent.id}, 1 entry behind, connected and last heard 3 s ago`);
  expect(message).toMatch(
    new RegExp(`node ${slow.id}, 1 entry behind, answering and yet no nearer for [23] s: its disk`),
  );
  expect(remedy).toBe(
    `Start node ${down.id}, or mend the network. Or: See whether node ${silent.id} is paused, overloaded ` +
      `or waiting for its disk. Or: See to the disk of node ${slow.id}. What completes a majority suffices.`,
  );
  const findings = found(leader);
  expect(findings.map((each) => [each.code, each.peers])).toEqual([
    ["commit_stalled", peers],
    ["peer_unreachable", [down.id]],
    ["peer_silent", [silent.id]],
    ["peer_stalled", [slow.id]],
  ]);
  expect(findings[0]?.message).toMatch(
    /^Nothing was committed for [23](\.\d+)? s\. Entry 3 is not/,
  );
  // Others have it, and do not know more: they name whom to ask.
  expect(about(good, 3).peers).toEqual([leader.id]);
  expect(about(good, 3).remedy).toBe(`Ask node ${leader.id}, which leads, and knows who has it.`);
  expect(about(good, 9).message).toContain("its log ends with entry 3");
  expect(about(leader, 9).message).toContain("and it leads: nothing has that index yet");
  slow.disk.release();
  await cluster.until(() => call.isSettled);
  await cluster.run(500);
  expect(about(leader, 3).code).toBe("index_applied");
  expect(found(leader).map((each) => each.code)).toEqual(["peer_unreachable", "peer_silent"]);
  await cluster.close();
});

test("an entry of an earlier term waits for one of this term, and for both majorities", async () => {
  const cluster = await Cluster.ready(3);
  await cluster.write(cluster.leader, "a");
  const status = cluster.leader.replica.status();
  const match = (index: number): ReplicaStatus["progress"] =>
    status.progress.map((peer) => ({ ...peer, matchIndex: index }));
  // A new leader with entries 2 and 3 of before and its own entry 4, which nobody else has yet.
  const fresh = { ...status, term: 2, last: { term: 2, index: 4 }, persistedIndex: 4 };
  const waiting = { ...fresh, commitIndex: 1, appliedIndex: 1, progress: match(3) };
  const [first] = explainIndex(waiting, 2);
  expect(first?.message).toContain(
    "Entry 2 is not committed: it is of an earlier term, and is committed by the first entry of term 2 " +
      "that is (§5.4.2). Of entry 4: 1 of 3 voters have it, and 2 must.",
  );
  const others = status.progress.map(({ id }) => id);
  const confState = { ...status.confState, voters: [status.id], votersOutgoing: [...others] };
  const [joint] = explainIndex({ ...waiting, confState, progress: match(1) }, 2);
  expect(joint?.message).toContain(
    "1 of 1 incoming voters have it, and 1 must; 0 of 2 outgoing voters",
  );
  expect(joint?.peers).toEqual(others);
  const joined = explain({ ...status, confState });
  expect(finding(joined, "joint_configuration").message).toContain("a majority of node");
  await cluster.close();
});

test("a leader whose own disk is stuck is named like the others", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  for (const { disk } of cluster.members) disk.holdsSyncs = true;
  cluster.propose(leader, "a");
  await cluster.run(2000);
  expect(finding(found(leader), "disk_slow").message).toMatch(/has lasted 2 s|has lasted 1/);
  await cluster.run(3000);
  const findings = found(leader);
  expect(findings.map(({ code }) => code)).toEqual([
    "disk_stuck",
    "commit_stalled",
    "peer_stalled",
    "peer_stalled",
  ]);
  expect(finding(findings, "commit_stalled").message).toContain(
    `node ${leader.id}, 1 entry behind, its disk is stuck: a write has lasted`,
  );
  expect(finding(findings, "commit_stalled").remedy).toContain(
    `See to the disk of node ${leader.id}.`,
  );
  await cluster.close();
});

test("a state machine that does not end is named, with the reads that wait for it", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  leader.journal.holdsApplies = true;
  cluster.propose(leader, "a", 60_000);
  await cluster.run(100);
  const read = cluster.ask(leader, { timeoutMs: 60_000 });
  await cluster.run(2500);
  expect(read.isSettled).toBe(false);
  const { message, index } = finding(found(leader), "apply_stalled");
  expect(index).toBe(3);
  expect(message).toMatch(
    /Entry 3 is committed, .* up to 2: its state machine is behind, and has not moved for 2 s/,
  );
  expect(finding(found(leader), "reads_stalled").message).toMatch(
    /for 2 s, one of 1 pending read: node \d has applied entry 2, and 3 is committed\./,
  );
  expect(about(leader, 3).code).toBe("index_not_applied");
  leader.journal.holdsApplies = false;
  leader.journal.release();
  await cluster.run(100);
  expect(found(leader)).toEqual([]);
  await cluster.close();
});

test("entries that others committed are not applied where the disk does not have them", async () => {
  const cluster = await Cluster.ready(3);
  const [slow] = cluster.followers;
  if (slow === undefined) return expect.unreachable();
  slow.disk.holdsSyncs = true;
  await cluster.write(cluster.leader, "a");
  await cluster.run(2000);
  const { message, remedy } = about(slow, 3);
  expect(message).toContain(
    "the entries after that are not durable there, since they are being written",
  );
  expect(remedy).toBe(`See to the disk of node ${slow.id}.`);
  await cluster.close();
});

test("a full disk says what it refuses, and that it goes on by itself", async () => {
  const cluster = await Cluster.ready(1);
  const { leader } = cluster;
  leader.memory.intercept = ({ kind }) => (kind === "create" ? "full" : undefined);
  while (leader.replica.status().state === "running") {
    cluster.propose(leader, ".".repeat(1000), 60_000);
    await cluster.run(20);
  }
  await cluster.run(3000);
  const full = finding(found(leader), "disk_full");
  expect(full.severity).toBe("error");
  expect(full.message).toMatch(
    /^The disk of node 1 is full, for [23] s, and has no room for .+: it refuses writes/,
  );
  expect(finding(found(leader), "commit_stalled").message).toContain("its disk is full");
  leader.memory.intercept = () => undefined;
  await cluster.run(2000);
  expect(found(leader)).toEqual([]);
  await cluster.close();
});

test("limits that are reached say why writes are refused", async () => {
  const cluster = await Cluster.ready(3, {
    proposalCountMax: 1,
    unpersistedBytesMax: 10,
    raft: { uncommittedBytesMax: 20 },
  });
  const { leader } = cluster;
  for (const { disk } of cluster.members) disk.holdsSyncs = true;
  cluster.propose(leader, "a command of more than twenty bytes");
  await cluster.run(100);
  expect(cluster.propose(leader, "b").isSettled).toBe(false);
  const { message } = finding(found(leader), "writes_busy");
  expect(message.replaceAll(/\d+ bytes/g, "N bytes")).toContain(
    "refuses writes as busy: 1 proposal is pending, the most there may be; N bytes wait for the disk, and " +
      "10 may; N bytes are not committed, and 20 may be.",
  );
  await cluster.close();
});

test("a peer that is heard and cannot be reached is told apart from one that is gone", async () => {
  const cluster = new Cluster(3);
  let receiver: Receiver | undefined;
  const inner = cluster.hub.network(1);
  const network: Network = {
    open: (taken, incarnation) => {
      receiver = taken;
      return inner.open(taken, incarnation);
    },
    send: (to, chunks) => to !== 2 && inner.send(to, chunks),
    setPeers: (peers) => inner.setPeers(peers),
    setRemoved: (ids) => inner.setRemoved(ids),
    close: () => inner.close(),
  };
  await cluster.start(1, new MemoryDisk(), { network });
  for (const id of [2, 3]) await cluster.start(id);
  await cluster.run(500);
  receiver?.onDisconnected(2, "reset");
  receiver?.onConnectFailed?.(2, "no route to 10.0.0.2:7001");
  cluster.hub.cut(1, 3);
  await cluster.run(5000);
  const [one] = cluster.members;
  if (one === undefined) return expect.unreachable();
  const contact = one.replica.status().peers.find(({ id }) => id === 2);
  expect([contact?.connected, contact?.lostReason]).toEqual([false, "no route to 10.0.0.2:7001"]);
  expect(contact?.heardAgoMs).toBeLessThan(2500);
  const findings = explain({ ...one.replica.status(), leader: 3 });
  expect(finding(findings, "peer_one_way").message).toContain(
    "Node 1 hears node 2, and can send it nothing",
  );
  expect(finding(findings, "peer_unreachable").peers).toEqual([3]);
  await cluster.close();
});

test("what is under way is told: a change that waits, a hand-over, a late loop", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  const change = leader.replica.members.add({ id: 4, address: "d" });
  await cluster.run(2000);
  const { code, severity, message, peers } = finding(found(leader), "change_under_way");
  expect([code, severity, peers]).toEqual(["change_under_way", "info", [4]]);
  expect(message).toMatch(/changing the members \(add\) for 1 s|\(add\) for 2 s|\(add\) for 19/);
  expect(message).toContain("until node 4 has caught up; in round 1 of 10 node 4 has entry 0 of");
  await cluster.run(40_000);
  expect(finding(found(leader), "change_under_way").severity).toBe("warning");
  await Promise.all([expect(change).rejects.toThrow("catch_up_failed"), cluster.run(30_000)]);

  const [target] = cluster.followers;
  cluster.hub.meddle(() => 0);
  const transfer = leader.replica.transferLeadership(target?.id ?? 0);
  await cluster.run(50);
  expect(finding(found(leader), "transfer_under_way").peers).toEqual([target?.id]);
  cluster.hub.meddle(() => 1);
  await Promise.allSettled([transfer, cluster.run(5000)]);

  cluster.clock.pause(1800);
  await cluster.run(20);
  expect(finding(found(leader), "loop_late").message).toMatch(/was late by up to 1 s a moment ago/);
  await cluster.untilLed();
  await cluster.run(20_000);
  expect(found(leader).map((each) => each.code)).not.toContain("loop_late");
  await cluster.close();
});

test("a replica that has come to an end says so, and nothing else", async () => {
  const cluster = await Cluster.ready(1);
  const { leader } = cluster;
  leader.journal.failure = new Error("out of memory");
  cluster.propose(leader, "a");
  await cluster.run(100);
  expect(found(leader)).toEqual([
    {
      code: "replica_failed",
      severity: "error",
      message: "Node 1 stopped by itself: state_machine_failed: out of memory.",
      remedy:
        "Mend what the reason names, then start node 1 again. It does not come back by itself.",
    },
  ]);
  const status = leader.replica.status();
  const codeOf = (state: ReplicaStatus["state"], failure?: string): string | undefined =>
    explain({ ...status, state, failure })[0]?.code;
  expect(codeOf("closed")).toBe("replica_closed");
  expect(codeOf("removed")).toBe("replica_removed");
  expect(codeOf("failed", "diverged: the states differ")).toBe("state_diverged");
  await cluster.close();
});

test("states that differ are an error, unless a majority agrees with this node", async () => {
  const cluster = await Cluster.ready(3);
  const status = cluster.leader.replica.status();
  const [one = 0, two = 0] = cluster.followers.map(({ id }) => id);
  const digest = { index: 8, term: 1, digest: "0f", agree: [], differ: [one], unknown: [two] };
  const [alone] = explain({ ...status, digest });
  expect([alone?.code, alone?.severity, alone?.peers]).toEqual(["states_differ", "error", [one]]);
  expect(alone?.remedy).toContain("Nobody can say who is right");
  const [right] = explain({ ...status, digest: { ...digest, agree: [two], unknown: [] } });
  expect([right?.severity, right?.index]).toEqual(["warning", 8]);
  expect(right?.message).toContain(
    `that of node ${status.id}, which is that of node ${two}, as of entry 8`,
  );
  expect(explain({ ...status, digest: { ...digest, differ: [] } })).toEqual([]);
  await cluster.close();
});
