import type { NodeId } from "@quorate/core";
import type { Network, Peer } from "@quorate/runtime";
import { encodeFrame } from "@quorate/wire";
import { expect, test } from "vitest";
import { Trace } from "../trace.ts";
import { type FrameFate, FrameNetwork, type Link } from "./frame-network.ts";
import { type Life, Timeline } from "./timeline.ts";

/** Three nodes, what each was told, and what befalls the frames that are sent. */
class Bench {
  readonly timeline: Timeline = new Timeline(new Trace(undefined));
  readonly told: string[] = [];
  readonly seen: string[] = [];
  readonly fates = new Map<number, FrameFate>();
  readonly lives = new Map<NodeId, Life>();
  readonly networks = new Map<NodeId, Network>();
  readonly network: FrameNetwork = new FrameNetwork(this.timeline, {
    ids: [1, 2, 3],
    deadConnectionUs: 1000,
    connectUs: 10,
    delay: () => 100,
    fate: (_, number) => this.fates.get(number),
    sent: () => {},
    happened: (what, { from, to }) => this.seen.push(`${what} ${from}>${to}`),
  });

  /** Starts a node; without `peers`, it knows everybody. */
  async start(id: NodeId, incarnation = id, peers?: readonly Peer[]): Promise<void> {
    const life: Life = { node: id, isAlive: true, isPaused: false };
    const network = this.network.network(life);
    if (peers !== undefined) network.setPeers(peers);
    this.lives.set(id, life);
    this.networks.set(id, network);
    await network.open(
      {
        onFrame: (from, { payload }) => this.told.push(`${id}: ${payload.join()} from ${from}`),
        onConnected: (peer) => this.told.push(`${id}: connected ${peer}`),
        onDisconnected: (peer, why) => this.told.push(`${id}: disconnected ${peer}, ${why}`),
        onRemoved: (by) => this.told.push(`${id}: removed, says ${by}`),
        onPeerSeen: (node) => this.seen.push(`${id} saw ${node.id}`),
      },
      Uint8Array.of(incarnation),
    );
  }

  /** Ends a process; its peers notice after 50. */
  kill(id: NodeId): void {
    const life = this.lives.get(id);
    if (life !== undefined) life.isAlive = false;
    this.network.end(id, 50);
  }

  send(from: NodeId, to: NodeId, ...bytes: readonly number[]): boolean {
    const frame = encodeFrame("raft", [Uint8Array.from(bytes)]);
    return this.networks.get(from)?.send(to, frame) ?? false;
  }

  /** Lets time pass, and gives what was told meanwhile. */
  async pass(us: number): Promise<readonly string[]> {
    this.timeline.add(us, "world", () => {});
    const end = this.timeline.now + us;
    while (this.timeline.now < end) await this.timeline.advance();
    return this.told.splice(0);
  }
}

/** Node `id` as a table has it. */
function peer(id: NodeId, incarnation?: number): Peer {
  const bytes = incarnation === undefined ? undefined : Uint8Array.of(incarnation);
  return { id, address: "", incarnation: bytes };
}

/** Two nodes that are connected. */
async function pair(): Promise<Bench> {
  const bench = new Bench();
  await bench.start(1);
  await bench.start(2);
  expect((await bench.pass(20)).toSorted()).toEqual(["1: connected 2", "2: connected 1"]);
  return bench;
}

const way: Link = { from: 1, to: 2 };

test("frames are lost, late and repeated as they are told to be", async () => {
  const bench = await pair();
  bench.fates.set(1, { kind: "lost" });
  bench.fates.set(2, { kind: "late", late: 200 });
  bench.fates.set(3, { kind: "twice", late: 50 });
  for (const byte of [1, 2, 3, 4]) expect(bench.send(1, 2, byte)).toBe(true);
  expect(await bench.pass(101)).toEqual(["2: 3 from 1", "2: 4 from 1"]);
  expect(await bench.pass(100)).toEqual(["2: 3 from 1"]);
  expect(await bench.pass(200)).toEqual(["2: 2 from 1"]);
  for (const what of ["frame-lost", "frame-late", "frame-duplicated", "frame-reordered"]) {
    expect(bench.seen).toContain(`${what} 1>2`);
  }
});

test("a clogged way holds frames back, and lets them go at once", async () => {
  const bench = await pair();
  bench.network.clog(way);
  for (const byte of [1, 2]) bench.send(1, 2, byte);
  bench.send(2, 1, 7);
  expect(await bench.pass(500)).toEqual(["1: 7 from 2"]);
  bench.network.unclog(way);
  expect(await bench.pass(1)).toEqual(["2: 1 from 1", "2: 2 from 1"]);
});

test("a cut way loses frames, both sides notice in the end, and mending connects them", async () => {
  const bench = await pair();
  bench.network.cut([way]);
  bench.send(1, 2, 1);
  bench.send(2, 1, 2);
  expect(await bench.pass(200)).toEqual(["1: 2 from 2"]);
  expect((await bench.pass(1000)).toSorted()).toEqual([
    "1: disconnected 2, the peer fell silent",
    "2: disconnected 1, the peer fell silent",
  ]);
  expect(bench.send(1, 2, 3)).toBe(false);
  bench.network.mend([way]);
  expect((await bench.pass(20)).toSorted()).toEqual(["1: connected 2", "2: connected 1"]);
});

test("no frame reaches a process that it was not meant for", async () => {
  const bench = await pair();
  bench.send(1, 2, 1);
  bench.kill(2);
  await bench.start(2);
  expect((await bench.pass(200)).toSorted()).toEqual([
    "1: connected 2",
    "1: disconnected 2, the peer has started again",
    "2: connected 1",
  ]);
  // What a process sent before it ended still arrives.
  bench.send(2, 1, 2);
  bench.kill(2);
  expect(await bench.pass(200)).toEqual(["1: disconnected 2, the peer is gone", "1: 2 from 2"]);
});

test("a node that comes with another log is refused by those who knew the first", async () => {
  const bench = await pair();
  bench.kill(2);
  await bench.start(2, 99);
  await bench.pass(100);
  expect(bench.seen).toContain("connection-refused 2>1");
  expect(bench.send(2, 1, 1)).toBe(false);
  await bench.start(3);
  await bench.pass(20);
  expect(bench.send(2, 3, 1)).toBe(true);
});

test("a lost disk is told by the table, whether or not the node was met before", async () => {
  const bench = new Bench();
  await bench.start(1, 1, [peer(2, 2)]);
  await bench.start(2, 99);
  await bench.pass(20);
  expect(bench.seen).toContain("connection-refused 2>1");
  expect(bench.send(2, 1, 1)).toBe(false);
  // The group learns of another log, and lets the node in at once.
  bench.networks.get(1)?.setPeers([peer(2, 99)]);
  await bench.pass(20);
  expect(bench.send(2, 1, 1)).toBe(true);
});

test("a removed node lingers, is told, and is told again when it comes back", async () => {
  const bench = await pair();
  bench.networks.get(1)?.setRemoved([2]);
  bench.networks.get(1)?.setPeers([]);
  expect(bench.send(1, 2, 1)).toBe(true);
  expect(bench.send(2, 1, 2)).toBe(true);
  expect((await bench.pass(900)).toSorted()).toEqual(["1: 2 from 2", "2: 1 from 1"]);
  expect((await bench.pass(200)).toSorted()).toEqual([
    "1: disconnected 2, it is no peer any more",
    "2: disconnected 1, it is no peer any more",
    "2: removed, says 1",
  ]);
  expect(bench.seen.filter((event) => event.startsWith("connection-refused"))).toEqual([]);
  bench.kill(2);
  await bench.start(2);
  expect(await bench.pass(100)).toEqual(["2: removed, says 1"]);
});

test("a node that is unknown is let in, and left when it is gone", async () => {
  const bench = new Bench();
  await bench.start(1, 1, []);
  await bench.start(2);
  expect(await bench.pass(30)).toEqual(["2: connected 1", "1: connected 2"]);
  expect(bench.seen).toContain("1 saw 2");
  bench.network.reset({ from: 2, to: 1 });
  expect((await bench.pass(30)).toSorted()).toEqual([
    "1: connected 2",
    "1: disconnected 2, the peer closed its connection",
    "2: connected 1",
    "2: disconnected 1, connection reset",
  ]);
  bench.kill(2);
  expect(await bench.pass(100)).toEqual(["1: disconnected 2, the peer is gone"]);
  // It is held to nothing: another log is let in as well.
  await bench.start(2, 99);
  expect(await bench.pass(30)).toEqual(["2: connected 1", "1: connected 2"]);
});

test("a reset connection is made again", async () => {
  const bench = await pair();
  bench.network.reset(way);
  expect(bench.send(1, 2, 1)).toBe(false);
  expect(await bench.pass(20)).toEqual(["1: disconnected 2, connection reset", "1: connected 2"]);
});

test("a paused process is told later, in order", async () => {
  const bench = await pair();
  const life = bench.lives.get(2);
  if (life === undefined) throw new Error("node 2 runs");
  life.isPaused = true;
  for (const byte of [1, 2]) bench.send(1, 2, byte);
  expect(await bench.pass(500)).toEqual([]);
  bench.timeline.resume(life);
  expect(await bench.pass(1)).toEqual(["2: 1 from 1", "2: 2 from 1"]);
});
