import { type NodeId, none, RaftError, RaftNode } from "@quorate/core";
import { type Call, decodeCall, decodeCallResult, decodeFrame, type Frame } from "@quorate/wire";
import { expect, test } from "vitest";
import type { CallEnd, CallReply } from "./call.ts";
import { callCountMax, Calls } from "./calls.ts";
import { Deadlines } from "./deadlines.ts";
import { Forwarding } from "./forwarding.ts";
import type { Network } from "./ports.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { SeededRandom } from "./testing/seeded-random.ts";

/** What is performed, and how it may be ended. */
interface Performed {
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
  readonly reply: CallReply;
  readonly ends: CallEnd[];
}

/** The calls of one node, and what a test sees and says. */
class Bench {
  readonly clock: ManualClock = new ManualClock();
  readonly node: RaftNode;
  readonly calls: Calls;
  readonly sent: { readonly to: NodeId; readonly frame: Frame }[] = [];
  readonly performed: Performed[] = [];
  /** How submitted calls ended: with the first byte of the result, or a code. */
  readonly ended: (number | string)[] = [];
  readonly errors: RaftError[] = [];
  isConnected = true;
  refusal: RaftError | undefined = undefined;
  /** What the method tells whoever ends it. */
  told: RaftError | undefined = undefined;

  constructor(peers: readonly NodeId[]) {
    this.node = new RaftNode(1, peers);
    const { clock, node } = this;
    const send = (to: NodeId, chunks: readonly Uint8Array[]): boolean => {
      if (this.isConnected) this.sent.push({ to, frame: decodeFrame(chunks) });
      return this.isConnected;
    };
    const network: Network = {
      open: async () => {},
      send,
      setPeers: () => {},
      setRemoved: () => {},
      close: async () => {},
    };
    const resume = (work: () => void): void => work();
    this.calls = new Calls({
      node,
      clock,
      deadlines: new Deadlines(clock, resume),
      forwarding: new Forwarding(network, new SeededRandom(1)),
      retryMs: 20,
      refusal: () => this.refusal,
      send,
      resume,
    });
    this.calls.define(7, (payload, timeoutMs, reply) => {
      const ends: CallEnd[] = [];
      this.performed.push({ payload, timeoutMs, reply, ends });
      return {
        end: (why) => {
          ends.push(why);
          return this.told;
        },
      };
    });
  }

  /** A node that leads, alone in its group. */
  static leader(): Bench {
    const bench = new Bench([]);
    bench.lead();
    return bench;
  }

  /** A node that follows node 2. */
  static follower(): Bench {
    const bench = new Bench([2, 3]);
    bench.follow(2, 1);
    return bench;
  }

  lead(): void {
    this.node.campaign();
    while (this.node.hasReady) this.node.advance(this.node.ready());
    expect(this.node.role).toBe("leader");
  }

  follow(leader: NodeId, term: number): void {
    this.node.step({ kind: "heartbeat", from: leader, to: 1, term, commitIndex: 0, readRound: 0 });
  }

  submit(timeoutMs = 1000, signal?: AbortSignal, method = 7): void {
    this.calls
      .submit(method, Uint8Array.of(5), signal === undefined ? {} : { signal }, timeoutMs)
      .then(
        (result) => this.ended.push(result[0] ?? -1),
        (error: unknown) => {
          if (!(error instanceof RaftError)) throw error;
          this.errors.push(error);
          this.ended.push(error.code);
        },
      );
  }

  /** Lets promises tell. */
  async flush(): Promise<(number | string)[]> {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    return this.ended;
  }

  /** The call that was sent last. */
  get lastCall(): Call {
    const last = this.sent.at(-1);
    if (last?.frame.type !== "call") expect.fail("a call was sent");
    return decodeCall(last.frame.payload);
  }
}

test("Calls performs where the node leads, and resolves with the result", async () => {
  const bench = Bench.leader();
  bench.submit(1500.5);
  expect(bench.performed).toMatchObject([{ payload: Uint8Array.of(5), timeoutMs: 1501 }]);
  expect(bench.calls.count).toBe(1);
  bench.performed[0]?.reply(Uint8Array.of(42));
  // Only the first reply counts.
  bench.performed[0]?.reply(new RaftError("busy", "no"));
  expect(await bench.flush()).toEqual([42]);
  expect(bench.calls.count).toBe(0);
  expect(bench.sent).toEqual([]);
});

test("Calls forwards to the leader, with a little less time, and tells what it answers", async () => {
  const bench = Bench.follower();
  bench.submit(8000);
  bench.submit(800);
  const [first, second] = bench.sent.map(({ to, frame }) => ({ to, ...decodeCall(frame.payload) }));
  expect(first).toMatchObject({ to: 2, method: 7, payload: Uint8Array.of(5), timeoutMs: 7750 });
  expect(second).toMatchObject({ timeoutMs: 700 });
  const requestId = first?.requestId ?? 0;
  // From the wrong node, and for nobody.
  bench.calls.onResult(3, { requestId, ok: true, result: Uint8Array.of(1) });
  bench.calls.onResult(2, { requestId: requestId + 9, ok: true, result: Uint8Array.of(2) });
  expect(await bench.flush()).toEqual([]);
  bench.calls.onResult(2, { requestId, ok: true, result: Uint8Array.of(3) });
  bench.calls.onResult(2, {
    requestId: second?.requestId ?? 0,
    ok: false,
    code: "invalid_change",
    message: "so not",
    leader: none,
  });
  expect(await bench.flush()).toEqual([3, "invalid_change"]);
  expect(bench.errors[0]?.message).toBe("invalid_change: so not");
});

test.each(["not_leader", "leader_not_ready", "transferring", "disk_full"] as const)(
  "Calls makes a call again that was refused with %s, after a moment or when there is news",
  async (code) => {
    const bench = Bench.follower();
    bench.submit();
    const refuse = (): void =>
      bench.calls.onResult(2, {
        requestId: bench.lastCall.requestId,
        ok: false,
        code,
        message: "",
        leader: none,
      });
    refuse();
    expect(bench.sent).toHaveLength(1);
    bench.clock.advance(19);
    expect(bench.sent).toHaveLength(1);
    bench.clock.advance(1);
    expect(bench.sent).toHaveLength(2);
    refuse();
    bench.calls.retry();
    expect(bench.sent).toHaveLength(3);
    expect(new Set(bench.sent.map(({ frame }) => decodeCall(frame.payload).requestId)).size).toBe(
      3,
    );
    refuse();
    bench.isConnected = false;
    bench.clock.advance(2000);
    expect(await bench.flush()).toEqual(["unavailable"]);
    expect(bench.errors[0]?.cause).toMatchObject({ code });
  },
);

test("Calls waits for a leader, and for a connection to it", async () => {
  const bench = new Bench([2, 3]);
  bench.submit(1000);
  bench.clock.advance(100);
  expect(bench.sent).toEqual([]);
  bench.isConnected = false;
  bench.follow(3, 1);
  bench.calls.retry();
  bench.isConnected = true;
  bench.clock.advance(20);
  expect(bench.sent.map(({ to }) => to)).toEqual([3]);
  expect(bench.lastCall.timeoutMs).toBeLessThanOrEqual(880);
});

test("Calls makes what waits again on a node that leads by now, and what it refused as well", async () => {
  const bench = new Bench([]);
  bench.submit();
  expect(bench.performed).toEqual([]);
  bench.lead();
  bench.calls.retry();
  bench.performed[0]?.reply(new RaftError("leader_not_ready", "wait"));
  bench.clock.advance(20);
  expect(bench.performed).toHaveLength(2);
  // What the first performance says now is about nothing.
  bench.performed[0]?.reply(Uint8Array.of(1));
  bench.performed[1]?.reply(Uint8Array.of(2));
  expect(await bench.flush()).toEqual([2]);
});

test("Calls answers others: with what its method brings, refusals too, and once", () => {
  const bench = Bench.leader();
  const call = { method: 7, payload: Uint8Array.of(9), timeoutMs: 500 };
  bench.calls.onCall(2, { ...call, requestId: 1 });
  bench.calls.onCall(2, { ...call, requestId: 1 });
  bench.calls.onCall(2, { ...call, requestId: 2 });
  bench.calls.onCall(3, { ...call, requestId: 1 });
  expect(bench.performed).toHaveLength(3);
  bench.performed[0]?.reply(Uint8Array.of(1));
  bench.performed[1]?.reply(new RaftError("not_leader", "not I", { leader: 3 }));
  bench.clock.advance(600);
  expect(bench.performed[2]?.ends).toEqual(["deadline"]);
  const answers = bench.sent.map(({ to, frame }) => ({ to, ...decodeCallResult(frame.payload) }));
  expect(answers).toEqual([
    { to: 2, requestId: 1, ok: true, result: Uint8Array.of(1) },
    { to: 2, requestId: 2, ok: false, code: "not_leader", message: "not I", leader: 3 },
    {
      to: 3,
      requestId: 1,
      ok: false,
      code: "deadline_exceeded",
      message: "the call was not done in time",
      leader: 1,
    },
  ]);
  // Late: nobody waits.
  bench.performed[2]?.reply(Uint8Array.of(1));
  expect(bench.sent).toHaveLength(3);
});

test("Calls that others make are refused where the node does not lead, or knows no such method", () => {
  const follower = Bench.follower();
  const call = { requestId: 1, method: 7, payload: Uint8Array.of(9), timeoutMs: 500 };
  follower.calls.onCall(3, call);
  const leader = Bench.leader();
  leader.calls.onCall(3, { ...call, method: 8 });
  const answers = [follower, leader].map(({ sent }) =>
    sent.map(({ frame }) => decodeCallResult(frame.payload)),
  );
  expect(answers).toMatchObject([
    [{ ok: false, code: "not_leader", leader: 2 }],
    [{ ok: false, code: "unknown_message" }],
  ]);
  expect(follower.calls.count + leader.calls.count).toBe(0);
});

test("Calls takes what a method throws for its answer", async () => {
  const bench = Bench.leader();
  bench.calls.define(8, () => {
    throw new RaftError("invalid_change", "so not");
  });
  bench.submit(1000, undefined, 8);
  expect(await bench.flush()).toEqual(["invalid_change"]);
  bench.calls.define(9, () => {
    throw new TypeError("a defect");
  });
  // A defect is the replica's business: it stops.
  const call = { requestId: 1, method: 9, payload: new Uint8Array(0), timeoutMs: 5 };
  expect(() => bench.calls.onCall(2, call)).toThrow(TypeError);
});

test("Calls expire with what is known of them", async () => {
  const leader = Bench.leader();
  leader.submit(100);
  leader.clock.advance(110);
  leader.told = new RaftError("catch_up_failed", "slow");
  leader.submit(100);
  leader.clock.advance(110);
  expect(await leader.flush()).toEqual(["deadline_exceeded", "catch_up_failed"]);
  expect(leader.performed.map(({ ends }) => ends)).toEqual([["deadline"], ["deadline"]]);

  const follower = Bench.follower();
  follower.submit(100);
  follower.clock.advance(110);
  follower.submit(100);
  follower.follow(3, 2);
  follower.clock.advance(110);
  expect(await follower.flush()).toEqual(["deadline_exceeded", "leadership_lost"]);

  const nobody = new Bench([2, 3]);
  nobody.submit(100);
  nobody.clock.advance(110);
  expect(await nobody.flush()).toEqual(["unavailable"]);
});

test("Calls end when their caller gives up, and listen no longer", async () => {
  const abort = new AbortController();
  const leader = Bench.leader();
  leader.submit(1000, abort.signal);
  const follower = Bench.follower();
  follower.submit(1000, abort.signal);
  const nobody = new Bench([2, 3]);
  nobody.submit(1000, abort.signal);
  abort.abort("enough");
  expect(await leader.flush()).toEqual(["aborted"]);
  expect(leader.performed[0]?.ends).toEqual(["aborted"]);
  expect(await follower.flush()).toEqual(["aborted"]);
  expect(await nobody.flush()).toEqual(["unavailable"]);
  expect([leader, follower, nobody].map(({ errors }) => errors[0]?.cause)).toEqual([
    "enough",
    "enough",
    "enough",
  ]);

  const late = new AbortController();
  const done = Bench.leader();
  done.submit(1000, late.signal);
  done.performed[0]?.reply(Uint8Array.of(1));
  late.abort();
  expect(await done.flush()).toEqual([1]);
  expect(done.performed[0]?.ends).toEqual([]);
});

test("Calls fail when the connection to whoever has them is lost", async () => {
  const bench = Bench.follower();
  bench.submit();
  bench.calls.onDisconnected(3);
  expect(await bench.flush()).toEqual([]);
  bench.calls.onDisconnected(2);
  expect(await bench.flush()).toEqual(["leadership_lost"]);
  expect(bench.clock.timerCount).toBeLessThanOrEqual(1);
});

test("Calls settle when the replica stops, and none is taken that it refuses", async () => {
  const untouched = new RaftError("closed", "closed");
  const pending = new RaftError("stopped", "stopped");
  const leader = Bench.leader();
  leader.submit();
  leader.calls.stop(untouched, pending);
  expect(await leader.flush()).toEqual(["stopped"]);
  expect(leader.performed[0]?.ends).toEqual(["stopped"]);
  const follower = Bench.follower();
  follower.submit();
  follower.calls.stop(untouched, pending);
  expect(await follower.flush()).toEqual(["stopped"]);
  const nobody = new Bench([2, 3]);
  nobody.submit();
  nobody.calls.stop(untouched, pending);
  expect(await nobody.flush()).toEqual(["closed"]);
  nobody.refusal = untouched;
  nobody.submit();
  expect(await nobody.flush()).toEqual(["closed", "closed"]);
  expect(nobody.calls.count).toBe(0);
});

test("Calls are refused as busy beyond a bound", async () => {
  const bench = Bench.leader();
  for (let count = 0; count < callCountMax; count++) bench.submit();
  expect(await bench.flush()).toEqual([]);
  bench.submit();
  expect(await bench.flush()).toEqual(["busy"]);
  bench.calls.onCall(2, { requestId: 1, method: 7, payload: new Uint8Array(0), timeoutMs: 5 });
  const [answer] = bench.sent.map(({ frame }) => decodeCallResult(frame.payload));
  expect(answer).toMatchObject({ ok: false, code: "busy" });
  bench.performed[0]?.reply(Uint8Array.of(1));
  bench.submit();
  expect(await bench.flush()).toEqual(["busy", 1]);
});
