import { RaftError } from "@quorate/core";
import {
  type AppliedOnce,
  type CallOptions,
  exactlyOnce,
  openSession,
  type Proposer,
  type Session,
  type SessionOptions,
} from "@quorate/runtime";
import { expect, test } from "vitest";
import { Cluster, Watched } from "./cluster.ts";
import { bytesOf, Journal, textOf } from "./journal.ts";

async function newCluster(): Promise<Cluster> {
  const cluster = new Cluster(3);
  for (const id of cluster.voters) {
    await cluster.start(id, undefined, { stateMachine: exactlyOnce(new Journal()) });
  }
  await cluster.untilLed();
  await cluster.run(1500);
  return cluster;
}

/** Waits until the call has settled. */
async function settled<T>(cluster: Cluster, promise: Promise<T>): Promise<Watched<T>> {
  const call = new Watched(promise);
  await cluster.until(() => call.isSettled);
  return call;
}

async function opened(
  cluster: Cluster,
  replica: Proposer,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  return (await settled(cluster, openSession(replica, { clock: cluster.clock, ...options }))).value;
}

async function propose(cluster: Cluster, session: Session, text: string): Promise<AppliedOnce> {
  return (await settled(cluster, session.propose(bytesOf(text)))).value;
}

/** A replica whose answers get lost: of each command so many, after it was applied. */
class LosesAnswers implements Proposer {
  readonly #replica: Proposer;
  lossCount: number;
  /** Called after an answer was lost. */
  onLost: () => Promise<unknown> = async () => {};
  attemptCount = 0;

  constructor(replica: Proposer, lossCount = 0) {
    this.#replica = replica;
    this.lossCount = lossCount;
  }

  async propose(command: Uint8Array, options?: CallOptions): ReturnType<Proposer["propose"]> {
    this.attemptCount += 1;
    const applied = await this.#replica.propose(command, options);
    if (this.lossCount === 0) return applied;
    this.lossCount -= 1;
    await this.onLost();
    throw new RaftError("leadership_lost", "the answer was lost");
  }
}

test("a command whose answers were lost is applied once, and gives its first result", async () => {
  const cluster = await newCluster();
  const lossy = new LosesAnswers(cluster.leader.replica);
  const session = await opened(cluster, lossy);
  const first = await propose(cluster, session, "a");
  expect(first).toMatchObject({ isReplay: false });
  lossy.lossCount = 3;
  const second = await propose(cluster, session, "b");
  expect(textOf(second.result)).toBe("2:b");
  expect(second).toMatchObject({ index: first.index + 1, isReplay: true });
  expect(lossy.attemptCount).toBe(6);
  expect(await cluster.read(cluster.leader)).toEqual(["a", "b"]);
  await cluster.close();
});

test("commands that are under way together keep their numbers apart", async () => {
  const cluster = await newCluster();
  const lossy = new LosesAnswers(cluster.leader.replica);
  const session = await opened(cluster, lossy);
  lossy.lossCount = 4;
  const texts = ["a", "b", "c", "d", "e", "f"];
  const calls = texts.map((text) => new Watched(session.propose(bytesOf(text))));
  await cluster.until(() => calls.every(({ isSettled }) => isSettled));
  expect(calls.map(({ value }) => textOf(value.result).slice(2))).toEqual(texts);
  expect([...(await cluster.read(cluster.leader))].sort()).toEqual(texts);
  await cluster.close();
});

test("a command goes on where the leader it was handed to is gone", async () => {
  const cluster = await newCluster();
  const [follower] = cluster.followers;
  if (follower === undefined) return expect.unreachable();
  const session = await opened(cluster, follower.replica, { timeoutMs: 30_000 });
  for (let round = 0; round < 3; round++) {
    const { id } = cluster.leader;
    const call = new Watched(session.propose(bytesOf(`${round}`)));
    // It has left, and the leader has not answered.
    for (let turn = 0; turn < 3; turn++) cluster.clock.runDeferred();
    expect(id).not.toBe(follower.id);
    const left = await cluster.crash(id);
    await cluster.until(() => call.isSettled);
    expect(textOf(call.value.result)).toBe(`${round + 1}:${round}`);
    await cluster.start(id, left, { stateMachine: exactlyOnce(new Journal()) });
    await cluster.untilLed();
    if (cluster.leader.id !== follower.id) continue;
    const other = cluster.voters.find((voter) => voter !== follower.id);
    await settled(cluster, follower.replica.transferLeadership(other));
    await cluster.untilLed();
  }
  expect(await cluster.read(follower)).toEqual(["0", "1", "2"]);
  await cluster.close();
});

test("a session that expired between two calls is replaced", async () => {
  const cluster = await newCluster();
  const { replica } = cluster.leader;
  const lossy = new LosesAnswers(replica);
  const session = await opened(cluster, lossy, { ttlMs: 10_000 });
  await propose(cluster, session, "a");
  await cluster.run(20_000);
  expect(await propose(cluster, session, "b")).toMatchObject({ isReplay: false });
  // The refused command, another session, and the command again.
  expect(lossy.attemptCount).toBe(2 + 3);
  expect(await cluster.read(cluster.leader)).toEqual(["a", "b"]);
  await cluster.close();
});

test("a session that expired while a command was repeated leaves it open", async () => {
  const cluster = await newCluster();
  const { replica } = cluster.leader;
  const lossy = new LosesAnswers(replica);
  const session = await opened(cluster, lossy, { ttlMs: 1000 });
  lossy.lossCount = 1;
  lossy.onLost = () => new Promise((resolve) => cluster.clock.setTimer(2000, () => resolve(0)));
  const { error } = await settled(cluster, session.propose(bytesOf("a")));
  expect(error).toMatchObject({ code: "session_expired", outcome: "unknown" });
  expect(await cluster.read(cluster.leader)).toEqual(["a"]);
  await cluster.close();
});

test("a session that was closed is forgotten, and the next command opens another", async () => {
  const cluster = await newCluster();
  const lossy = new LosesAnswers(cluster.leader.replica);
  const session = await opened(cluster, lossy);
  expect((await settled(cluster, session.close())).code).toBe("resolved");
  await propose(cluster, session, "a");
  expect(lossy.attemptCount).toBe(2 + 3);
  await cluster.close();
});

test("time that runs out tells what the last attempt left open", async () => {
  const cluster = await newCluster();
  const lossy = new LosesAnswers(cluster.leader.replica);
  const session = await opened(cluster, lossy);
  lossy.lossCount = Number.POSITIVE_INFINITY;
  const late = await settled(cluster, session.propose(bytesOf("a"), { timeoutMs: 200 }));
  expect(late.error).toMatchObject({ code: "leadership_lost", outcome: "unknown" });
  expect(await cluster.read(cluster.leader)).toEqual(["a"]);
  await cluster.close();
});

test("what certainly had no effect is told at once, and a caller that gives up is heeded", async () => {
  const cluster = await newCluster();
  const lossy = new LosesAnswers(cluster.leader.replica);
  const session = await opened(cluster, lossy);
  const tooLarge = await settled(cluster, session.propose(new Uint8Array(5 * 1024 * 1024)));
  expect(tooLarge.code).toBe("too_large");
  expect((await settled(cluster, session.propose(bytesOf("a"), { timeoutMs: 0 }))).code).toBe(
    "invalid_argument",
  );
  const abort = new AbortController();
  lossy.lossCount = Number.POSITIVE_INFINITY;
  lossy.onLost = async () => abort.abort();
  const aborted = await settled(cluster, session.propose(bytesOf("a"), { signal: abort.signal }));
  expect(aborted.error.outcome).toBe("unknown");
  expect(
    (await settled(cluster, session.propose(bytesOf("b"), { signal: abort.signal }))).code,
  ).toBe("unavailable");
  lossy.lossCount = 0;
  await settled(
    cluster,
    cluster.leader.replica.snapshot().catch(() => {}),
  );
  await cluster.close();
  expect((await settled(cluster, session.propose(bytesOf("c")))).code).toBe("closed");
});

test("no session is opened where nobody leads, or the state machine knows none", async () => {
  const cluster = await newCluster();
  const [follower] = cluster.followers;
  if (follower === undefined) return expect.unreachable();
  cluster.hub.isolate(follower.id);
  await cluster.run(5000);
  const opening = openSession(follower.replica, { clock: cluster.clock, timeoutMs: 500 });
  expect((await settled(cluster, opening)).error.outcome).toBe("not-applied");
  await cluster.close();

  const plain = await Cluster.ready(1);
  const wrong = openSession(plain.leader.replica, { clock: plain.clock });
  expect((await settled(plain, wrong)).code).toBe("unsupported_version");
  await plain.close();
});

test("too many commands behind one that has not ended are refused", async () => {
  const cluster = await newCluster();
  const stuck: Proposer = { propose: () => new Promise(() => {}) };
  let replica: Proposer = cluster.leader.replica;
  const session = await opened(cluster, { propose: (...call) => replica.propose(...call) });
  replica = stuck;
  for (let count = 0; count < 1024; count++) void session.propose(bytesOf("a"));
  expect((await settled(cluster, session.propose(bytesOf("b")))).code).toBe("busy");
  await cluster.close();
});
