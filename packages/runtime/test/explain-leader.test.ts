import { decodeBatch } from "@quorate/wire";
import {
  explain,
  explainGroup,
  explainIndex,
  type Finding,
  type GroupReport,
} from "@quorate/runtime";
import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type Member } from "./cluster.ts";

/** What `member` finds now. */
function found({ replica }: Member): readonly Finding[] {
  return explain(replica.status());
}

/** The codes of what `member` finds now. */
function codes(member: Member): readonly string[] {
  return found(member).map(({ code }) => code);
}

/** The finding of `member` with `code`. */
function finding(member: Member, code: string): Finding {
  const one = found(member).find((each) => each.code === code);
  return one ?? expect.unreachable(`${code} among ${codes(member).join(", ")}`);
}

function reportOf(member: Member): GroupReport {
  const status = { ...member.replica.status(), findings: found(member) };
  return { kind: "reached", endpoint: `http://node-${member.id}`, status };
}

/** A cluster of three, its leader, and the others. */
async function three(): Promise<{ cluster: Cluster; leader: Member; one: Member; two: Member }> {
  const cluster = await Cluster.ready(3);
  const [one, two] = cluster.followers;
  if (one === undefined || two === undefined) return expect.unreachable();
  return { cluster, leader: cluster.leader, one, two };
}

test("nothing is found where all is well", async () => {
  const { cluster } = await three();
  for (const member of cluster.members) expect(found(member)).toEqual([]);
  expect(explainGroup(cluster.members.map(reportOf))).toEqual([]);
  await cluster.write(cluster.leader, "a");
  expect(explainIndex(cluster.leader.replica.status(), 3)).toEqual([
    {
      code: "index_applied",
      severity: "info",
      message: `Entry 3 is committed, and applied on node ${cluster.leader.id}.`,
      remedy: "",
      index: 3,
    },
  ]);
  await cluster.close();
});

test("the survivor of three says that no majority is there, who is missing, since when and why", async () => {
  const { cluster, leader, one, two } = await three();
  await cluster.crash(one.id);
  await cluster.crash(two.id);
  await cluster.run(12_000);
  const all = [one.id, two.id].sort((a, b) => a - b);
  const [first, second] = all;
  const expected = {
    code: "no_majority",
    severity: "error",
    message:
      `There is no leader: node ${leader.id} and those it is connected to are 1 of 3 voters, and 2 are ` +
      `needed. Missing: node ${first}, not connected for 12 s: killed; node ${second}, not connected for ` +
      `12 s: killed.`,
    remedy:
      `Start any 1 of nodes ${first}, ${second}, or mend the network. No data is lost as long as the disks ` +
      `of a majority come back.`,
    peers: all,
  };
  expect(found(leader)).toEqual([expected]);
  const away = all.map((id): GroupReport => {
    return { kind: "unreachable", endpoint: `http://node-${id}`, reason: "refused" };
  });
  // Who does not answer is who is missing: said once.
  expect(explainGroup([reportOf(leader), ...away])).toEqual([{ ...expected, saidBy: [leader.id] }]);
  await cluster.close();
});

test("a candidate that is refused for its log names who is ahead, and that one its disk", async () => {
  const { cluster, leader, one: behind, two: ahead } = await three();
  cluster.hub.isolate(behind.id);
  await cluster.run(500);
  await cluster.write(leader, "a");
  await cluster.crash(leader.id);
  ahead.disk.holdsSyncs = true;
  cluster.hub.join(behind.id, ahead.id);
  cluster.propose(ahead, "b");
  await cluster.run(20_000);
  const { message, remedy, peers, severity } = finding(behind, "log_behind");
  expect([severity, peers]).toEqual(["error", [ahead.id]]);
  expect(message).toContain(
    `node ${behind.id} was refused: node ${ahead.id} has newer entries than its last, 2 of term 1.`,
  );
  expect(message).toContain(`refused: node ${ahead.id}, whose log is ahead; no answer: `);
  expect(message).toContain(`node ${leader.id}, not connected for`);
  expect(remedy).toContain(`See what keeps node ${ahead.id} from being elected`);
  // Its disk is the reason, and nothing else is said to be.
  expect(codes(ahead)).toEqual(["disk_stuck"]);
  ahead.disk.release();
  await cluster.close();
});

test("a voter that hears nobody, and is heard by all, is told that votes are withheld", async () => {
  const { cluster, leader, one: deaf, two } = await three();
  cluster.hub.meddle(({ to }) => (to === deaf.id ? 0 : 1));
  await cluster.run(1100);
  const silent = found(deaf);
  expect(silent.map(({ code }) => code)).toContain(
    deaf.replica.status().leader === 0 ? "election_under_way" : "leader_silent",
  );
  await cluster.run(10_000);
  const { message, peers } = finding(deaf, "votes_withheld");
  expect(peers).toEqual([leader.id, two.id].sort((a, b) => a - b));
  expect(message).toMatch(
    /There has been no leader for \d+ s\. In its attempt \d+ to lead, for term 2/,
  );
  // All say the same to somebody who asks all: there is a leader, which does not hear from one of them.
  expect(explainGroup(cluster.members.map(reportOf))).toEqual([]);
  await cluster.close();
});

test("an election that has just begun is information, and passes", async () => {
  const { cluster, leader, one, two } = await three();
  for (const { disk } of [one, two]) disk.holdsSyncs = true;
  await cluster.crash(leader.id);
  const leaderless = (): Member | undefined =>
    [one, two].find(({ replica }) => replica.status().leader === 0);
  await cluster.until(() => leaderless() !== undefined);
  expect(finding(leaderless() ?? one, "election_under_way").severity).toBe("info");
  for (const { disk } of [one, two]) disk.release();
  await cluster.untilLed();
  await cluster.run(3000);
  for (const member of [one, two]) {
    expect(found(member)).toEqual([
      expect.objectContaining({
        code: "peer_unreachable",
        severity: "warning",
        peers: [leader.id],
      }),
    ]);
    expect(found(member)[0]?.message).toContain("the group tolerates 0 more failures of voters");
  }
  expect(explainGroup([one, two].map(reportOf))).toEqual([
    expect.objectContaining({ code: "peer_unreachable", saidBy: [one.id, two.id] }),
  ]);
  await cluster.close();
});

test("a voter that keeps a promise to a leader says for how long", async () => {
  const cluster = new Cluster(3, { raft: { leaseReads: true } });
  for (const id of cluster.voters) await cluster.start(id);
  await cluster.run(300);
  expect(finding(cluster.member(1), "lease_promised")).toEqual({
    code: "lease_promised",
    severity: "info",
    message:
      "Node 1 grants no vote for 7 more ticks: with lease reads, the last leader may still count on it.",
    remedy: "",
  });
  await cluster.untilLed();
  await cluster.run(500);
  expect(found(cluster.leader)).toEqual([]);
  await cluster.close();
});

test("a voter with a change of members to apply says that it does not campaign", async () => {
  const { cluster, leader, one: slow, two } = await three();
  slow.journal.holdsApplies = true;
  await cluster.write(leader, "a");
  const change = leader.replica.members.update({ id: two.id, priority: 7 });
  await cluster.run(500);
  await change;
  await cluster.run(500);
  two.disk.holdsSyncs = true;
  cluster.propose(two, "b");
  await cluster.crash(leader.id);
  await cluster.run(6000);
  const { severity, message, index } = finding(slow, "change_not_applied");
  expect([severity, index]).toEqual(["warning", 3]);
  expect(message).toContain(`Node ${slow.id} does not campaign: a change of members is committed`);
  expect(codes(slow)).toContain("apply_stalled");
  await cluster.close();
});

test("one that joins, and a learner without a leader, say that they cannot lead", async () => {
  const { cluster, leader, one, two } = await three();
  const joiner = await cluster.start(4, new MemoryDisk(), { voters: [], join: true });
  await cluster.run(1000);
  expect(finding(joiner, "not_a_voter").remedy).toContain("quorate member add 4");
  const added = leader.replica.members.add({ id: 4, address: "d", as: "learner" });
  await cluster.run(2000);
  await added;
  expect(found(joiner)).toEqual([]);
  await cluster.crash(leader.id);
  await cluster.crash(one.id);
  await cluster.run(5000);
  const { message, peers } = finding(joiner, "not_a_voter");
  expect(peers).toEqual([1, 2, 3]);
  expect(message).toBe(
    "Node 4 is a learner, so it cannot lead, and no leader is known to it. It is connected to 1 of 3 voters.",
  );
  expect(codes(two)).toEqual(["no_majority"]);
  await cluster.close();
});

test("a node whose time stands still goes on following a leader that it does not hear", async () => {
  const { cluster, leader, one, two } = await three();
  one.disk.holdsSyncs = true;
  cluster.propose(leader, "a");
  await cluster.run(6000);
  expect(codes(one)).toEqual(["disk_stuck"]);
  cluster.hub.isolate(leader.id);
  await cluster.run(6000);
  const { severity, peers, message } = finding(one, "leader_silent");
  expect([severity, peers]).toEqual(["warning", [leader.id]]);
  expect(message).toMatch(/has heard nothing from it for [56] s\./);
  // The other cannot win without the one whose disk is stuck.
  expect(finding(two, "votes_withheld").peers).toContain(one.id);
  await cluster.close();
});

test("nodes that answer and do not see one another are partitioned, with or without a leader", async () => {
  const { cluster, leader, one, two } = await three();
  cluster.hub.isolate(one.id);
  await cluster.run(5000);
  const cut = explainGroup(cluster.members.map(reportOf));
  expect(cut.map(({ code, saidBy, peers }) => [code, saidBy, peers])).toEqual([
    ["partitioned", [], [one.id]],
    ["peer_unreachable", [leader.id, two.id].sort((a, b) => a - b), [one.id]],
  ]);
  expect(cut[0]?.severity).toBe("warning");
  cluster.hub.isolate(two.id);
  await cluster.run(5000);
  const [root, ...rest] = explainGroup(cluster.members.map(reportOf));
  expect([root?.code, root?.severity, root?.peers]).toEqual([
    "no_majority",
    "error",
    expect.anything(),
  ]);
  expect(rest.map(({ code }) => code)).toContain("partitioned");
  await cluster.close();
});

test("votes that are counted are those of the present election", async () => {
  const { cluster, leader, one, two } = await three();
  // What a voter answers is lost, and so is what the leader says.
  cluster.hub.meddle(({ from, to, frame }) => {
    if (from === leader.id || to === leader.id) return 0;
    if (frame.type !== "raft") return 1;
    return decodeBatch(frame.payload).some(({ kind }) => kind === "pre-vote-response") ? 0 : 1;
  });
  await cluster.until(() => (one.replica.status().election?.count ?? 0) > 2);
  const report = one.replica.status().election;
  expect([report?.kind, report?.granted, report?.refused, report?.silent]).toEqual([
    "pre-vote",
    [],
    [],
    [leader.id, two.id].sort((a, b) => a - b),
  ]);
  cluster.hub.meddle(() => 1);
  await cluster.untilLed();
  await cluster.run(500);
  expect(one.replica.status().election?.count).toBe(0);
  await cluster.close();
});

test("a candidate whose own disk keeps its vote back is not told that others withheld theirs", async () => {
  const cluster = new Cluster(3);
  for (const id of cluster.voters) (await cluster.start(id)).disk.holdsSyncs = true;
  // Whoever is a candidate would have won, as the others said before.
  const waiting = (): readonly Member[] =>
    cluster.members.filter((member) => {
      const { role, strain } = member.replica.status();
      return role === "candidate" && strain.leaderlessMs > 3000 && codes(member)[0] === "disk_slow";
    });
  await cluster.until(() => waiting().length > 0);
  for (const member of waiting()) {
    expect(codes(member)).toEqual(["disk_slow", "election_under_way"]);
    const { remedy } = finding(member, "election_under_way");
    expect(remedy).toContain("a vote counts once it is durable");
  }
  await cluster.run(8000);
  expect(codes(cluster.member(1))).toEqual(["disk_stuck"]);
  for (const { disk } of cluster.members) disk.release();
  await cluster.untilLed();
  await cluster.close();
});
