import type { Message } from "@quorate/core";
import { decodeBatch } from "@quorate/wire";
import { expect, test } from "vitest";
import { Cluster, type Member, Watched } from "./cluster.ts";

function followerOf(cluster: Cluster): Member {
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there are followers");
  return follower;
}

test("a read waits until the state is applied up to its index (thesis §6.4)", async () => {
  const cluster = await Cluster.ready(3);
  const follower = followerOf(cluster);
  follower.journal.holdsApplies = true;
  await cluster.write(cluster.leader, "a");
  const read = cluster.ask(follower);
  await cluster.run(1000);
  expect(follower.replica.status().commitIndex).toBe(3);
  expect(follower.replica.status().appliedIndex).toBe(2);
  expect(read.isSettled).toBe(false);
  follower.journal.release();
  await cluster.until(() => read.isSettled);
  expect(read.value).toEqual({ index: 3, answer: ["a"] });
  await cluster.close();
});

test("a leader that is cut off answers no linearizable read", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  cluster.hub.isolate(old.id);
  const stale = cluster.ask(old, { timeoutMs: 10_000 });
  const others = cluster.members.filter(({ id }) => id !== old.id);
  await cluster.until(() => others.some(({ replica }) => replica.status().role === "leader"));
  const next = others.find(({ replica }) => replica.status().role === "leader");
  if (next === undefined) throw new Error("someone leads");
  await cluster.write(next, "new");
  await cluster.until(() => stale.isSettled);
  expect(stale.code).toBe("unavailable");
  await cluster.close();
});

test("a read that lost its leader is asked again and sees what was written since", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  cluster.hub.isolate(old.id);
  const read = cluster.ask(old, { timeoutMs: 60_000 });
  const others = cluster.members.filter(({ id }) => id !== old.id);
  await cluster.until(() => others.some(({ replica }) => replica.status().role === "leader"));
  const next = others.find(({ replica }) => replica.status().role === "leader");
  if (next === undefined) throw new Error("someone leads");
  await cluster.write(next, "new");
  cluster.hub.rejoin(old.id);
  await cluster.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["new"]);
  await cluster.close();
});

test("a follower's read whose answer is lost is asked again", async () => {
  const cluster = await Cluster.ready(3);
  await cluster.write(cluster.leader, "a");
  const follower = followerOf(cluster);
  let lostCount = 0;
  cluster.hub.meddle(({ frame, to }) => {
    const answers =
      frame.type === "raft" &&
      to === follower.id &&
      decodeBatch(frame.payload).some(({ kind }) => kind === "read-index-response");
    if (!answers || lostCount >= 2) return 1;
    lostCount++;
    return 0;
  });
  const read = cluster.ask(follower, { timeoutMs: 30_000 });
  await cluster.until(() => read.isSettled);
  expect(read.value.answer).toEqual(["a"]);
  expect(lostCount).toBe(2);
  await cluster.close();
});

test("reads that arrive together share one question to the leader", async () => {
  const cluster = await Cluster.ready(3);
  const questions: Message[] = [];
  cluster.hub.meddle(({ frame }) => {
    if (frame.type !== "raft") return 1;
    questions.push(...decodeBatch(frame.payload).filter(({ kind }) => kind === "read-index"));
    return 1;
  });
  const follower = followerOf(cluster);
  const reads = Array.from({ length: 50 }, () => cluster.ask(follower));
  await cluster.until(() => reads.every(({ isSettled }) => isSettled));
  expect(questions).toHaveLength(1);
  expect(reads.every(({ code }) => code === "resolved")).toBe(true);
  await cluster.close();
});

test("queries and applies of an asynchronous state machine never overlap", async () => {
  const cluster = await Cluster.ready(1);
  const { journal, replica } = cluster.leader;
  journal.holdsQueries = true;
  const read = cluster.ask(cluster.leader, { consistency: "local" });
  const write = cluster.propose(cluster.leader, "a");
  await cluster.run(100);
  // The apply waits for the query; and a later query for the apply.
  const later = cluster.ask(cluster.leader, { consistency: "local" });
  await cluster.settle();
  expect(journal.askingCount).toBe(1);
  expect([read, write, later].some(({ isSettled }) => isSettled)).toBe(false);
  journal.holdsApplies = true;
  journal.release();
  await cluster.settle();
  expect(read.value.answer).toEqual([]);
  expect(journal.applyingCount).toBe(1);
  expect(later.isSettled).toBe(false);
  journal.holdsQueries = false;
  journal.release();
  await cluster.until(() => write.isSettled && later.isSettled);
  expect(later.value.answer).toEqual(["a"]);
  expect(replica.status().state).toBe("running");
  await cluster.close();
});

test("a read that is not answered in time is unavailable, wherever it waits", async () => {
  const cluster = await Cluster.ready(1);
  const { journal, replica } = cluster.leader;
  journal.holdsQueries = true;
  const asking = cluster.ask(cluster.leader, { timeoutMs: 300 });
  await cluster.run(400);
  expect(asking.code).toBe("unavailable");
  journal.holdsQueries = false;
  journal.release();
  journal.holdsApplies = true;
  const write = cluster.propose(cluster.leader, "a", 60_000);
  await cluster.settle();
  const waiting = cluster.ask(cluster.leader, { timeoutMs: 300 });
  await cluster.run(400);
  expect(waiting.code).toBe("unavailable");
  expect(replica.status().pending).toEqual({ proposals: 1, reads: 0, calls: 0 });
  const { queryCount } = journal;
  journal.release();
  await cluster.until(() => write.isSettled);
  expect(journal.queryCount).toBe(queryCount);
  await cluster.close();
});

test("a state machine that throws stops the replica", async () => {
  const cluster = await Cluster.ready(1);
  const { journal, replica, events } = cluster.leader;
  journal.failure = new Error("out of cheese");
  const write = cluster.propose(cluster.leader, "a");
  const read = new Watched(replica.read("all", { consistency: "linearizable" }));
  await cluster.until(() => write.isSettled && read.isSettled);
  expect(write.code).toBe("state_machine_failed");
  expect(write.error.outcome).toBe("unknown");
  expect(replica.status()).toMatchObject({ state: "failed" });
  expect(replica.status().failure).toContain("out of cheese");
  expect(events.at(-1)?.kind).toBe("failed");
  await cluster.close();
});

/** A cluster whose leader cannot commit an entry of its own, and so is not ready for reads (§8). */
async function newUnready(): Promise<{
  cluster: Cluster;
  questions: Message[];
  unblock: () => void;
}> {
  const cluster = new Cluster(3, { retryMs: 20 });
  const questions: Message[] = [];
  let blocks = true;
  cluster.hub.meddle(({ frame }) => {
    const messages = frame.type === "raft" ? decodeBatch(frame.payload) : [];
    questions.push(...messages.filter(({ kind }) => kind === "read-index"));
    return blocks && messages.some(({ kind }) => kind === "append-entries-response") ? 0 : 1;
  });
  for (const id of cluster.voters) await cluster.start(id);
  await cluster.until(() => cluster.members.some(({ replica }) => replica.status().leader !== 0));
  await cluster.until(() => followerOf(cluster).replica.status().leader !== 0);
  return {
    cluster,
    questions,
    unblock: () => {
      blocks = false;
    },
  };
}

test("reads that are refused are asked again after a moment, and not at once", async () => {
  const { cluster, questions, unblock } = await newUnready();
  const reads = [cluster.ask(cluster.leader), cluster.ask(followerOf(cluster))];
  await cluster.run(1000);
  expect(questions.length).toBeGreaterThan(5);
  expect(questions.length).toBeLessThan(60);
  expect(reads.some(({ isSettled }) => isSettled)).toBe(false);
  unblock();
  await cluster.until(() => reads.every(({ isSettled }) => isSettled));
  expect(reads.map(({ code }) => code)).toEqual(["resolved", "resolved"]);
  await cluster.close();
});

test("reads that wait to be asked again are closed with their replica", async () => {
  const { cluster } = await newUnready();
  const reads = [cluster.ask(cluster.leader), cluster.ask(followerOf(cluster))];
  await cluster.settle();
  await cluster.close();
  expect(reads.map(({ code }) => code)).toEqual(["closed", "closed"]);
});
