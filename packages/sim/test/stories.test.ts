import { expect, test } from "vitest";
import { cluster, type Cluster, type CoverageKind } from "@quorate/sim";

// Stories told by hand. Every judge watches every step, so most of them need few words at the end.

const role = (t: Cluster, id: number) => t.node(id).status?.role;
const term = (t: Cluster, id: number) => t.node(id).status?.term ?? 0;
const commit = (t: Cluster, id: number) => t.node(id).status?.commitIndex ?? 0;
const seen = (t: Cluster, kind: CoverageKind) => t.world.coverage.counts.get(kind) ?? 0;

test("an acknowledged write survives the crash of its leader", () => {
  const t = cluster();
  t.elect(1);
  const index = t.propose("leader");
  t.until("the write is acknowledged", () => seen(t, "proposal-acknowledged") === 1);

  t.crash("leader");

  t.until("another node leads", () => t.world.leaders.length === 1);
  const next = t.propose("leader");
  t.until("both know of both writes", () => next > index && t.isCommitted(next, [2, 3]));
});

test("an acknowledged write survives when the power of all nodes fails at once", () => {
  const t = cluster({ voters: 5 });
  t.elect(3);
  const index = t.propose("leader");
  t.until("the write is acknowledged", () => seen(t, "proposal-acknowledged") === 1);

  for (const id of t.world.ids) t.crash(id);
  for (const id of t.world.ids) t.restart(id);

  t.until("all know of it again", () => t.isCommitted(index));
});

test("a node alone elects itself, commits, and leads again after a crash", () => {
  const t = cluster({ voters: 1 });
  t.elect(1);
  const index = t.propose(1);
  t.until("it commits alone", () => t.isCommitted(index));

  t.crash(1);
  t.restart(1);

  t.elect(1);
  expect(commit(t, 1)).toBeGreaterThan(index);
});

test("a leader that hears nobody steps down, though all hear it", () => {
  const t = cluster();
  t.elect(1);
  t.cut(2, 1);
  t.cut(3, 1);
  t.until("node 1 gives up", () => role(t, 1) !== "leader", 25);
  t.until("another leads", () => t.world.leaders.some(({ id }) => id !== 1), 60);
});

test("a leader that reaches only a bridge does not hold up the majority behind it", () => {
  const t = cluster({ voters: 5 });
  t.elect(1);
  for (const far of [3, 4, 5]) t.world.network.partition([[1], [far]]);
  t.until("the majority has a leader", () => t.world.leaders.some(({ id }) => id !== 1), 100);
  const index = t.propose("leader");
  t.until("and commits", () => t.isCommitted(index, [3, 4, 5]));
});

test("a node that comes back from a partition deposes nobody, with pre-vote", () => {
  const t = cluster();
  t.elect(1);
  const reign = term(t, 1);
  t.partition([1, 2], [3]);
  t.ticks(100);

  t.heal();
  t.ticks(50);

  expect(role(t, 1)).toBe("leader");
  expect([term(t, 1), term(t, 3)]).toEqual([reign, reign]);
});

test("a node that comes back with a newer term is taken in, without pre-vote", () => {
  const t = cluster({ raft: { preVote: false } });
  t.elect(1);
  t.partition([1, 2], [3]);
  t.ticks(100);
  const campaigned = term(t, 3);

  t.heal();

  t.until("all are in its term or a later one", () =>
    t.world.ids.every((id) => term(t, id) >= campaigned),
  );
  t.until("one leads", () => t.world.leaders.length === 1);
  const index = t.propose("leader");
  t.until("all commit", () => t.isCommitted(index));
});

test("a long log in an old term and a short one in a new term can elect a leader", () => {
  const t = cluster({ raft: { checkQuorum: false } });
  t.elect(2);
  // Node 1 gets two terms ahead, and nobody hears of it.
  t.filter(({ kind, from }) => (kind !== "pre-vote" && from === 1 ? "drop" : "pass"));
  t.until("node 1 is far ahead", () => {
    if (role(t, 1) === "follower") t.campaign(1);
    return term(t, 1) >= term(t, 2) + 2;
  });
  t.partition([1], [2, 3]);
  const index = t.propose(2);
  t.until("the others go on without it", () => t.isCommitted(index, [2, 3]));
  t.crash(2);
  t.release();

  t.heal();

  t.until("node 3, which has the log, leads node 1", () => role(t, 3) === "leader", 300);
  t.until("and what was committed stays", () => t.isCommitted(index, [1, 3]));
});

test("an entry of an older term is not committed by counting (Figure 8)", () => {
  const t = cluster({
    voters: 5,
    // Nobody times out: they campaign when they are told to.
    raft: { messageBytesMax: 1, checkQuorum: false, preVote: false, electionTimeoutTicks: 200 },
  });
  t.elect(1);
  t.partition([1, 2], [3, 4, 5]);
  const index = t.propose(1);
  t.until("node 2 has it too", () => t.node(2).status?.persistedIndex === index);
  t.crash(1);
  // Node 5 leads, and its log goes no further than itself.
  t.partition([1], [2], [3, 4, 5]);
  t.filter(({ kind, from }) => (kind === "append-entries" && from === 5 ? "drop" : "pass"));
  t.seat(5);
  t.until("node 5 has an entry there", () => t.node(5).status?.persistedIndex === index);
  t.crash(5);
  // Node 1 leads again and replicates the old entry to a majority, and nothing of its own term.
  t.restart(1);
  t.heal();
  t.filter((message) => {
    if (message.kind !== "append-entries") return "pass";
    const own = message.entries.some((entry) => entry.term === message.term);
    const fits = (t.node(message.to).status?.last.index ?? 0) >= message.prev.index;
    return own && fits ? "drop" : "pass";
  });
  t.seat(1);
  t.until("a majority has the old entry", () => {
    const holders = [1, 2, 3, 4].filter((id) => (t.node(id).status?.persistedIndex ?? 0) >= index);
    return holders.length >= 3;
  });
  t.ticks(5);

  expect(commit(t, 1)).toBe(index - 1);

  // Rightly so: node 5 can still win, and replaces it everywhere.
  t.crash(1);
  t.release();
  t.restart(5);
  t.elect(5);
  t.until("all have what node 5 wrote", () => t.isCommitted(index, [2, 3, 4, 5]));
  expect(t.world.jury.logOf(2)[index - 1]?.term).toBe(t.world.jury.logOf(5)[index - 1]?.term);
});

test("a write that a newer leader replaced is not acknowledged", () => {
  const t = cluster();
  t.elect(1);
  t.partition([1], [2, 3]);
  t.propose(1);
  t.until("the others have a leader", () => t.world.leaders.some(({ id }) => id !== 1));
  const index = t.propose("leader");

  t.heal();

  t.until("all commit the other write", () => t.isCommitted(index));
  t.until("its client learns that it was replaced", () => seen(t, "proposal-superseded") === 1);
  expect(seen(t, "proposal-acknowledged")).toBe(1);
});

test("sixty entries that conflict are replaced after one rejection for each of their terms", () => {
  const t = cluster({ raft: { preVote: false, checkQuorum: false } });
  t.elect(1);
  t.partition([1], [2, 3]);
  for (let count = 0; count < 60; count++) t.propose(1);
  t.until("the others have a leader", () => t.world.leaders.some(({ id }) => id !== 1));
  for (let count = 0; count < 60; count++) t.propose("leader");
  t.ticks(5);
  // A leader of the new log begins to look for node 1 at its end.
  t.partition([1], [2, 3]);
  t.elect(t.world.leaders.some(({ id }) => id === 2) ? 3 : 2);
  const rejections = seen(t, "append-rejected");

  t.heal();
  const index = t.propose("leader");

  t.until("all agree", () => t.isCommitted(index));
  expect(seen(t, "append-rejected") - rejections).toBeLessThanOrEqual(3);
  expect(seen(t, "conflict-truncated")).toBe(1);
});

test("entries that are replaced while the disk writes them do not count as durable", () => {
  const t = cluster({ voters: 5 });
  t.elect(1);
  t.ticks(3);
  t.partition([1, 5], [2, 3, 4]);
  t.slowDisk(5, 50_000);
  for (let count = 0; count < 5; count++) t.propose(1);
  t.ticks(3);
  t.until("the majority has a leader", () => t.world.leaders.some(({ id }) => id !== 1));
  const index = t.propose("leader");

  t.heal();

  t.until("node 5 replaces them", () => seen(t, "conflict-truncated-while-writing") > 0);
  t.slowDisk(5, 1);
  t.until("and catches up when its disk does", () => t.isCommitted(index), 2000);
});

test("a full window recovers when every acknowledgement was lost", () => {
  const t = cluster({ raft: { inflightCountMax: 1 } });
  t.elect(1);
  t.ticks(3);
  t.filter(({ kind }) => (kind === "append-entries-response" ? "drop" : "pass"));
  const index = t.propose(1);
  t.propose(1);
  t.ticks(10);
  expect(commit(t, 1)).toBeLessThan(index);

  t.release();

  t.until("all commit", () => t.isCommitted(index + 1), 20);
});

test("a late acknowledgement of an earlier reign does not count", () => {
  const t = cluster({ voters: 5, raft: { preVote: false, checkQuorum: false } });
  t.elect(1);
  t.ticks(3);
  t.partition([1, 5], [2, 3, 4]);
  t.filter(({ kind, from }) =>
    kind === "append-entries-response" && from === 5 ? "hold" : "pass",
  );
  for (let count = 0; count < 3; count++) t.propose(1);
  t.until(
    "node 5 has them",
    () => t.node(5).status?.persistedIndex === t.node(1).status?.last.index,
  );
  t.ticks(2);
  t.partition([1], [2, 3, 4], [5]);
  t.elect(2);
  for (let count = 0; count < 3; count++) t.propose(2);
  // Node 1 learns the new log and leads again; node 5 still has the old one.
  t.partition([1, 2, 3, 4], [5]);
  t.until("node 1 agrees", () => commit(t, 1) === commit(t, 2) && commit(t, 1) > 4);
  t.elect(1);
  t.heal();

  t.release();

  const index = t.propose(1);
  t.until("node 5 agrees as well", () => t.isCommitted(index));
});

test("a vote that the disk does not hold yet is not heard, and may be given to another", () => {
  const t = cluster({ raft: { preVote: false, checkQuorum: false } });
  t.slowDisk(3, 10_000);
  t.crash(2);
  t.campaign(1);
  t.until("node 3 voted for node 1", () => t.node(3).status?.vote === 1);
  t.ticks(3);
  expect(role(t, 1)).toBe("candidate");
  t.crash(1);
  t.crash(3);
  t.slowDisk(3, 1);
  t.restart(3);
  t.restart(2);
  t.elect(2);
});

test("a durable state machine may be ahead of the stored commit index", () => {
  const ahead = Array.from({ length: 20 }, (_, offset) => {
    const t = cluster({ seed: offset + 1, plan: { machines: ["durable"] } });
    t.elect(1);
    const index = t.propose(1);
    t.until("node 2 applied it", () => t.node(2).status?.appliedIndex === index);
    t.crash(2);
    t.restart(2);
    t.until("it goes on", () => t.isCommitted(index));
    return seen(t, "restart-applied-beyond-commit");
  });
  expect(ahead).toContain(1);
});

test("a new leader refuses to read until it has committed in its term", () => {
  const t = cluster();
  t.filter(({ kind }) => (kind === "append-entries-response" ? "drop" : "pass"));
  t.until("someone leads", () => t.world.leaders.length === 1);
  const leader = t.node("leader");
  expect(leader.read()).toBe("leader_not_ready");

  t.release();

  t.until("it reads", () => leader.read() === "done");
  t.until("and is answered", () => seen(t, "read-confirmed") === 1);
});

test("a leader that was deposed without knowing answers no read", () => {
  const t = cluster();
  t.elect(1);
  t.partition([1], [2, 3]);
  expect(t.read(1)).toBe("done");
  t.until("the others have a leader", () => t.world.leaders.some(({ id }) => id !== 1));
  t.until("which writes", () => t.tryPropose("leader") === "done");

  t.heal();

  t.until("the read fails", () => seen(t, "read-failed") === 1);
  expect(seen(t, "read-confirmed")).toBe(0);
});

test("an answer to an earlier round of heartbeats does not confirm a later read", () => {
  const t = cluster();
  t.elect(1);
  t.filter(({ kind }) => (kind === "heartbeat-response" ? "hold" : "pass"));
  expect(t.read(1)).toBe("done");
  t.ticks(1);
  t.partition([1], [2, 3]);
  expect(t.read(1)).toBe("done");
  // The link is back for what was held only, and nothing new reaches node 1.
  t.heal();
  t.filter(({ to, from }) => (to === 1 || from === 1 ? "drop" : "pass"));
  for (const message of t.world.network.release()) t.world.carry(message);

  t.until("the first read is answered", () => seen(t, "read-confirmed") === 1);
  t.ticks(2);

  expect(seen(t, "read-confirmed")).toBe(1);
  t.release();
  t.until("the second ends too", () => t.node(1).pendingReadCount === 0);
});

test("a read that a follower forwarded to a dead leader fails in time", () => {
  const t = cluster({ raft: { electionTimeoutTicks: 10 } });
  t.elect(1);
  t.until("node 2 knows the leader", () => t.node(2).status?.leader === 1);
  t.crash(1);
  expect(t.read(2)).toBe("done");
  t.until("it fails", () => seen(t, "read-failed") === 1, 20);
});

test("a command that a follower forwards is committed", () => {
  const t = cluster({ raft: { forwardProposals: true } });
  t.elect(1);
  t.until("node 2 knows the leader", () => t.node(2).status?.leader === 1);
  const before = commit(t, 1);
  expect(t.tryPropose(2)).toBe("done");
  t.until("all have it", () => t.isCommitted(before + 1));
});
