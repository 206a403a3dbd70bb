import { MemoryDisk } from "@quorate/wal/testing";
import { expect, test } from "vitest";
import { Cluster, type ClusterOptions, type Member } from "./cluster.ts";
import { Ledger } from "./ledger.ts";

const small: ClusterOptions = {
  snapshotEveryCount: 5,
  snapshotTailCount: 0,
  snapshotKeepBytesMax: 0,
  snapshotTailBytes: 0,
  callTimeoutMs: 20_000,
};

/** The figures of a member. */
function figuresOf({ replica }: Member) {
  const { counters, links, logBytes } = replica.status();
  return { ...counters, links, logBytes };
}

test("counters tell of elections, leaders and outcomes, on the replica where they were", async () => {
  const cluster = await Cluster.ready(3);
  const old = cluster.leader;
  const [other] = cluster.followers;
  if (other === undefined) throw new Error("one follows");
  expect(figuresOf(old).elections.won).toBe(1);
  expect(figuresOf(other).elections.won).toBe(0);
  expect(figuresOf(other).leaderChanges).toBe(1);
  await cluster.write(old, "a");
  await cluster.write(other, "b");
  await cluster.read(other);
  // Handed over, the second was made on the follower all the same.
  expect(figuresOf(old).proposals).toEqual({ applied: 1, notApplied: 0, unknown: 0 });
  expect(figuresOf(other).proposals).toEqual({ applied: 1, notApplied: 0, unknown: 0 });
  expect(figuresOf(other).reads).toEqual({ answered: 1, failed: 0 });

  cluster.hub.isolate(old.id);
  const lost = cluster.propose(old, "lost", 300);
  const none = cluster.ask(old, { timeoutMs: 300 });
  await cluster.until(() => lost.isSettled && none.isSettled);
  expect(figuresOf(old).proposals).toEqual({ applied: 1, notApplied: 0, unknown: 1 });
  expect(figuresOf(old).reads.failed).toBe(1);
  await cluster.until(() => old.replica.status().role !== "leader");
  const waited = cluster.propose(old, "waited", 300);
  await cluster.until(() => waited.isSettled);
  expect(figuresOf(old).proposals).toEqual({ applied: 1, notApplied: 1, unknown: 1 });
  const heirs = cluster.members.filter((member) => member !== old);
  await cluster.until(() => heirs.some(({ replica }) => replica.status().role === "leader"));
  const wins = cluster.members.map((member) => figuresOf(member).elections.won);
  expect(wins.reduce((sum, won) => sum + won, 0)).toBe(2);
  for (const member of cluster.members) {
    const { started, won } = figuresOf(member).elections;
    expect(started).toBeGreaterThanOrEqual(won);
  }
  await cluster.close();
});

test("a single node counts the election that it wins at once", async () => {
  const cluster = await Cluster.ready(1);
  expect(figuresOf(cluster.leader).elections).toEqual({ started: 1, won: 1 });
  expect(figuresOf(cluster.leader).leaderChanges).toBe(1);
  await cluster.close();
});

test("counters tell of what was sent and received, and of what was dropped", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("one follows");
  const before = figuresOf(leader);
  const text = "x".repeat(5000);
  await cluster.write(leader, text);
  const after = figuresOf(leader);
  expect(after.sent.bytes - before.sent.bytes).toBeGreaterThan(2 * text.length);
  expect(after.sent.frames).toBeGreaterThan(before.sent.frames);
  expect(after.sent.messages).toBeGreaterThan(before.sent.messages);
  expect(after.received.frames).toBeGreaterThan(before.received.frames);
  expect(after.received.bytes).toBeGreaterThan(before.received.bytes);
  expect(figuresOf(follower).received.bytes).toBeGreaterThan(text.length);
  cluster.hub.isolate(follower.id);
  await cluster.write(leader, "y");
  await cluster.run(500);
  expect(figuresOf(leader).sent.droppedFrames).toBeGreaterThan(after.sent.droppedFrames);
  await cluster.close();
});

test("links tell how many bytes a peer lacks, and that of the log how long it is", async () => {
  const cluster = await Cluster.ready(3);
  const { leader } = cluster;
  const [away] = cluster.followers;
  if (away === undefined) throw new Error("one follows");
  const lagOf = (): number | undefined =>
    figuresOf(leader).links.find(({ id }) => id === away.id)?.lagBytes;
  expect(lagOf()).toBe(0);
  cluster.hub.isolate(away.id);
  const text = "x".repeat(4000);
  for (let count = 0; count < 20; count++) await cluster.write(leader, text);
  expect(lagOf()).toBeGreaterThanOrEqual(20 * text.length);
  expect(figuresOf(leader).logBytes).toBeGreaterThan(20 * text.length);
  // Only a leader knows how far the others are.
  for (const follower of cluster.followers) {
    const { links } = figuresOf(follower);
    expect(links.map(({ id, lagBytes }) => [id, lagBytes])).toEqual(
      cluster.voters.filter((id) => id !== follower.id).map((id) => [id, 0]),
    );
  }
  cluster.hub.rejoin(away.id);
  await cluster.until(() => lagOf() === 0);
  await cluster.close();
});

test("snapshots are counted where they are taken, sent, received and restored, with their time", async () => {
  const cluster = new Cluster(3, small);
  for (const id of cluster.voters) {
    await cluster.start(id, new MemoryDisk(), { stateMachine: new Ledger() });
  }
  await cluster.untilLed();
  await cluster.run(1500);
  const { leader } = cluster;
  const [away] = cluster.followers;
  if (away === undefined) throw new Error("one follows");
  cluster.hub.isolate(away.id);
  for (let count = 0; count < 30; count++) await cluster.write(leader, `c${count}`);
  cluster.hub.rejoin(away.id);
  await cluster.until(() => figuresOf(away).snapshots.restored > 0);
  await cluster.until(() => figuresOf(leader).snapshots.sent > 0);
  expect(figuresOf(leader).snapshots).toMatchObject({
    sent: 1,
    received: 0,
    restored: 0,
    failed: 0,
  });
  expect(figuresOf(leader).snapshots.taken).toBeGreaterThan(1);
  expect(figuresOf(away).snapshots).toMatchObject({ sent: 0, received: 1, restored: 1 });
  const timed = [...leader.events, ...away.events].flatMap((event) =>
    "ms" in event ? [[event.kind, event.ms] as const] : [],
  );
  expect(new Set(timed.map(([kind]) => kind))).toEqual(
    new Set(["snapshot-taken", "snapshot-sent", "snapshot-received", "snapshot-restored"]),
  );
  for (const [, ms] of timed) expect(ms).toBeGreaterThanOrEqual(0);
  await cluster.close();
});
