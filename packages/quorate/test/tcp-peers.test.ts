import { type NodeId, RaftError } from "@quorate/core";
import { encodeFrame, FrameReader } from "@quorate/wire";
import { expect, test } from "vitest";
import { readRefusal, refusalFrame, welcomeFrame } from "../src/handshake.ts";
import { until } from "./processes.ts";
import {
  connectStranger,
  freeAddresses,
  helloBytes,
  introduce,
  listen,
  openNode,
  peer,
  pointTo,
  type Stranger,
  textFrame,
  type TcpNode,
  texts,
} from "./tcp-nodes.ts";

const log = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);

/** Waits until `one` and `two`, nodes 1 and 2, are connected both ways. */
function connected(one: TcpNode, two: TcpNode): Promise<void> {
  return until("they are connected", () => one.connected.has(two.id) && two.connected.has(one.id));
}

/** Connects to `node` as node `from`, and waits until it is answered: by a welcome, or a code. */
async function greet(
  node: TcpNode,
  from: NodeId,
  address?: string,
): Promise<{ readonly stranger: Stranger; readonly answer: string }> {
  const stranger = connectStranger(node.address, helloBytes({ from, to: node.id, address }));
  const reader = new FrameReader({ frameBytesMax: 4096 });
  let read = 0;
  let answer = "";
  await until("it is answered", () => {
    const [frame] = reader.push(new Uint8Array(stranger.received().subarray(read)));
    read = stranger.received().length;
    if (frame !== undefined) {
      answer = frame.type === "refusal" ? readRefusal(frame.payload).code : frame.type;
    }
    return answer !== "";
  });
  return { stranger, answer };
}

test("a peer that says that it has moved is connected to where it is", async () => {
  const one = await openNode(1);
  const two = await openNode(2);
  introduce(one, two);
  await connected(one, two);
  expect(one.seen.map(({ address }) => address)).toEqual([two.address]);
  await two.network.close();
  await until("the loss is noticed", () => !one.connected.has(2));

  const moved = await openNode(2, { peers: new Map([[1, one.address]]) });
  await connected(one, moved);
  expect(one.seen.at(-1)).toEqual({ id: 2, address: moved.address, incarnation: log(0) });
  // What the group knew before does not lead astray, and what it knows now changes nothing.
  introduce(one, two);
  pointTo(one, new Map([[2, moved.address]]));
  expect(one.network.send(2, textFrame("there"))).toBe(true);
  await until("a frame arrives", () => texts(moved).includes("there"));
  expect(one.disconnections.length).toBe(1);
});

test("a peer that is not where it should be is sought where it was said to be at the start", async () => {
  const [empty = ""] = await freeAddresses(1);
  const two = await openNode(2);
  const one = await openNode(1, { peers: new Map([[2, two.address]]), advertise: empty });
  one.network.setPeers([peer(2, empty)]);
  await until("it is found", () => one.connected.has(2));
  // It is found there again when the connection is lost.
  await two.network.close();
  await until("the loss is noticed", () => !one.connected.has(2));
  const again = await openNode(2, { listen: two.address, advertise: empty });
  await until("it is found again", () => one.connected.has(2));
  expect(one.refusals).toEqual([]);
  // An address that cannot be read is none.
  one.network.setPeers([peer(2, "no address")]);
  expect(one.network.send(2, textFrame("still there"))).toBe(true);
  await until("a frame arrives", () => texts(again).includes("still there"));
});

test("a hello says nothing of an address that leads everywhere", async () => {
  const one = await openNode(1, { listen: "0.0.0.0:0" });
  const two = await openNode(2, { listen: "127.0.0.1:0" });
  pointTo(one, new Map([[2, two.address]]));
  await until("one is connected", () => one.connected.has(2));
  await until("it was seen", () => two.seen.length > 0);
  expect(two.seen[0]?.address).toBe("");
  expect(two.connected.size).toBe(0);
});

test("a node that is unknown is connected to where it says that it is, until it is gone", async () => {
  const one = await openNode(1, { peers: new Map() });
  const calls: string[] = [];
  const address = await listen((socket) => {
    calls.push("called");
    socket.once("data", () => socket.write(welcomeFrame()));
    socket.on("close", () => calls.push("left"));
  });
  const { stranger, answer } = await greet(one, 9, address);
  expect(answer).toBe("welcome");
  await until("it is connected to", () => one.connected.has(9));
  expect(one.seen).toEqual([{ id: 9, address, incarnation: log(0) }]);
  stranger.socket.write(Buffer.concat(textFrame("from afar")));
  await until("its frame arrives", () => texts(one).includes("from afar"));
  expect(one.frames[0]?.from).toBe(9);
  stranger.socket.destroy();
  await until("it is left", () => calls.includes("left"));
  expect(one.disconnections).toEqual(["9: the peer closed its connection"]);
  expect(one.network.send(9, textFrame("x"))).toBe(false);
});

test("of unknown nodes so many are connected as may be, and the oldest go for more", async () => {
  const one = await openNode(1, { peers: new Map(), guestCountMax: 3 });
  const address = await listen((socket) => {
    socket.once("data", () => socket.write(welcomeFrame()));
  });
  const strangers: Stranger[] = [];
  for (let from = 11; from <= 20; from++) {
    const { stranger, answer } = await greet(one, from, address);
    expect(answer).toBe("welcome");
    strangers.push(stranger);
    await until("it is connected to", () => one.connected.has(from));
    expect(one.connected.size).toBeLessThanOrEqual(4);
  }
  await until("the oldest are gone", () => strangers.slice(0, 7).every((it) => it.closed()));
  await until("nothing connects to them", () => one.connected.size === 3);
  expect([...one.connected]).toEqual([18, 19, 20]);
  expect(strangers.slice(7).map((it) => it.closed())).toEqual([false, false, false]);
});

test("a removed node is refused with the code that says so, and its replica hears of it", async () => {
  const [one, two] = await Promise.all([openNode(1), openNode(2)]);
  introduce(one, two);
  await connected(one, two);
  one.network.setRemoved([2]);
  await until("it hears of it", () => two.removedBy.includes(1));
  await until("nothing connects them", () => one.connected.size + two.connected.size === 0);
  expect(
    two.refusals.map(({ direction, peer: by, error }) => [direction, by, error.message]),
  ).toEqual([["outgoing", 1, "removed: node 2 was removed from the group"]]);
  expect(
    one.refusals.map(({ direction, peer: whom, error }) => [direction, whom, error.code]),
  ).toEqual([["incoming", 2, "removed"]]);
  // It is told at every attempt, and reported once.
  const told = two.removedBy.length;
  await until("it is told again", () => two.removedBy.length > told);
  expect(two.refusals.length).toBe(1);
});

test("a peer that is let go gets all that waits for it, however long it takes", async () => {
  const one = await openNode(1, { lingerMs: 0 });
  const chunks: Buffer[] = [];
  let ended = false;
  let goOn = (): void => {};
  const slow = await listen((socket) => {
    socket.once("data", () => {
      socket.write(welcomeFrame());
      socket.pause();
      goOn = () => socket.resume();
      socket.on("data", (bytes: Buffer) => chunks.push(bytes));
    });
    socket.on("end", () => {
      ended = true;
    });
  });
  pointTo(one, new Map([[2, slow]]));
  await until("it is connected", () => one.connected.has(2));
  const frame = encodeFrame("raft", [Buffer.alloc(10 * 1024 * 1024, 7)]);
  expect(one.network.send(2, frame)).toBe(true);
  one.network.setPeers([]);
  await until("it takes no more", () => !one.network.send(2, textFrame("late")));
  expect(one.network.queuedBytes(2)).toBeGreaterThan(0);
  expect(one.connected.has(2)).toBe(true);
  goOn();
  await until("the connection is ended", () => ended && one.disconnections.length > 0);
  const whole = Buffer.concat(frame);
  // What was sent while the connection lingered followed.
  expect(Buffer.concat(chunks).subarray(0, whole.length).equals(whole)).toBe(true);
  expect(one.disconnections).toEqual(["2: it is no peer any more"]);
});

test("a peer that is let go and never takes what waits for it is given up", async () => {
  const one = await openNode(1, { lingerMs: 0, deadConnectionMs: 1000 });
  const deaf = await listen((socket) => {
    socket.once("data", () => {
      socket.pause();
      const timer = setInterval(() => socket.write(welcomeFrame()), 50);
      socket.on("close", () => clearInterval(timer));
      socket.write(welcomeFrame());
    });
  });
  pointTo(one, new Map([[2, deaf]]));
  await until("it is connected", () => one.connected.has(2));
  expect(one.network.send(2, encodeFrame("raft", [Buffer.alloc(10 * 1024 * 1024)]))).toBe(true);
  one.network.setPeers([]);
  await until("it is given up", () => !one.connected.has(2));
  expect(one.network.queuedBytes(2)).toBe(0);
});

test("a peer that is one again while it is let go stays connected", async () => {
  const [one, two] = await Promise.all([openNode(1, { lingerMs: 60_000 }), openNode(2)]);
  introduce(one, two);
  await connected(one, two);
  one.network.setPeers([]);
  introduce(one, two);
  expect(one.network.send(2, textFrame("again"))).toBe(true);
  await until("a frame arrives", () => texts(two).includes("again"));
  expect([...one.disconnections, ...two.disconnections]).toEqual([]);
});

test("a peer that is one again while its connection is being ended is connected anew", async () => {
  const one = await openNode(1, { lingerMs: 0 });
  let calls = 0;
  const deaf = await listen((socket) => {
    calls++;
    socket.once("data", () => {
      socket.write(welcomeFrame());
      socket.pause();
    });
  });
  pointTo(one, new Map([[2, deaf]]));
  await until("it is connected", () => one.connected.has(2));
  expect(one.network.send(2, encodeFrame("raft", [Buffer.alloc(10 * 1024 * 1024)]))).toBe(true);
  one.network.setPeers([]);
  await until("it takes no more", () => !one.network.send(2, textFrame("late")));
  expect(one.disconnections).toEqual([]);
  pointTo(one, new Map([[2, deaf]]));
  await until("it is connected anew", () => one.network.send(2, textFrame("anew")));
  expect([calls, one.disconnections]).toEqual([2, ["2: it is connected anew"]]);
});

test("a node that was let go in the middle of connecting is left alone", async () => {
  const one = await openNode(1);
  let calls = 0;
  let ends = 0;
  const mute = await listen((socket) => {
    calls++;
    socket.resume();
    socket.on("close", () => ends++);
  });
  pointTo(one, new Map([[2, mute]]));
  await until("it is called", () => calls === 1);
  one.network.setPeers([]);
  await until("it is left", () => ends === 1);
  const two = await openNode(3);
  one.network.setPeers([peer(3, two.address)]);
  await until("another is connected", () => one.connected.has(3));
  expect([calls, one.disconnections]).toEqual([1, []]);
});

test("chunks of snapshots wait for all else, within a limit of their own", async () => {
  const limits = { frameBytesMax: 1024 * 1024, sendQueueBytesMax: 1024 * 1024 };
  const [one, two] = await Promise.all([openNode(1, limits), openNode(2, limits)]);
  introduce(one, two);
  await connected(one, two);
  const chunk = encodeFrame("snapshot-chunk", [Buffer.alloc(100 * 1024)]);
  // All in one turn, in which nothing leaves.
  let chunkCount = 0;
  while (one.network.send(2, chunk)) chunkCount++;
  expect(chunkCount).toBe(10);
  expect(one.network.send(2, textFrame("urgent"))).toBe(true);
  await until("all arrives", () => two.frames.length === chunkCount + 1);
  expect(two.frames.map(({ frame }) => frame.type)).toEqual([
    "raft",
    ...Array.from({ length: chunkCount }, () => "snapshot-chunk"),
  ]);
  // There is room again for as many.
  await until("nothing waits", () => one.network.queuedBytes(2) === 0);
  for (let count = 0; count < chunkCount; count++) expect(one.network.send(2, chunk)).toBe(true);
  expect(one.network.send(2, chunk)).toBe(false);
  // Some have begun to leave, and are not cut up by what is urgent.
  await until("some have left", () => two.frames.length > chunkCount + 1);
  expect(one.network.send(2, textFrame("urgent again"))).toBe(true);
  await until("all arrives", () => two.frames.length === 2 * (chunkCount + 1));
  expect(texts(two)).toContain("urgent again");
});

test("refusals of made-up names are remembered within a limit", async () => {
  const one = await openNode(1, { guestCountMax: 0 });
  await greet(one, 5);
  await greet(one, 5);
  expect(one.refusals.map((refusal) => refusal.peer)).toEqual([5]);
  const address = await listen((socket) => {
    socket.end(refusalFrame(new RaftError("removed", "no more")));
  });
  pointTo(one, new Map([[2, address]]));
  await until("it is told", () => one.removedBy.length >= 2);
  expect(one.refusals.map((refusal) => refusal.peer)).toEqual([5, 2]);
});
