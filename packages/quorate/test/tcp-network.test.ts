import net from "node:net";
import { encodeFrame } from "@quorate/wire";
import { expect, onTestFinished, test } from "vitest";
import { welcomeFrame } from "../src/handshake.ts";
import { TcpNetwork } from "../src/tcp-network.ts";
import { until } from "./processes.ts";
import {
  connectStranger,
  deafReceiver,
  freeAddresses,
  helloBytes,
  introduce,
  listen,
  openNode,
  pointTo,
  textFrame,
  texts,
} from "./tcp-nodes.ts";

test("frames arrive whole, in order, and under the name of their sender", async () => {
  const [one, two, three] = await Promise.all([openNode(1), openNode(2), openNode(3)]);
  introduce(one, two, three);
  await until("all are connected", () =>
    [one, two, three].every((node) => node.connected.size === 2),
  );
  for (let i = 0; i < 100; i++) {
    expect(one.network.send(2, textFrame(`a${i}`))).toBe(true);
    expect(three.network.send(2, textFrame(`c${i}`))).toBe(true);
  }
  expect(two.network.send(1, textFrame("back"))).toBe(true);
  await until("all has arrived", () => two.frames.length === 200 && one.frames.length === 1);
  const expected = Array.from({ length: 100 }, (_, i) => i);
  const heard = (from: number): string[] =>
    two.frames
      .filter((item) => item.from === from)
      .map((item) => Buffer.from(item.frame.payload).toString());
  expect(heard(1)).toEqual(expected.map((i) => `a${i}`));
  expect(heard(3)).toEqual(expected.map((i) => `c${i}`));
  expect(one.frames[0]?.from).toBe(2);
  expect(one.frames[0]?.frame.type).toBe("raft");
  expect(three.frames).toEqual([]);
  expect(one.refusals).toEqual([]);
});

test("a frame of many megabytes in large and small chunks arrives unaltered", async () => {
  const [one, two] = await Promise.all([openNode(1), openNode(2)]);
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2));
  const chunks = Array.from({ length: 600 }, (_, i) =>
    Buffer.alloc(i % 3 === 0 ? 70_000 : 13, i % 251),
  );
  chunks.push(Buffer.alloc(1_500_000, 7));
  const whole = Buffer.concat(chunks);
  expect(whole.length).toBeLessThan(16 * 1024 * 1024);
  expect(one.network.send(2, encodeFrame("raft", chunks))).toBe(true);
  expect(one.network.send(2, textFrame("after"))).toBe(true);
  await until("both have arrived", () => two.frames.length === 2);
  expect(whole.equals(two.frames[0]?.frame.payload ?? new Uint8Array(0))).toBe(true);
  expect(texts(two)[1]).toBe("after");
});

test("send drops what is for a peer that is unknown or not connected", async () => {
  const one = await openNode(1);
  expect(one.network.send(2, textFrame("x"))).toBe(false);
  expect(one.network.send(9, textFrame("x"))).toBe(false);
});

test("a peer that restarts is reached again, on another port too", async () => {
  const one = await openNode(1);
  const first = await openNode(2);
  introduce(one, first);
  await until("they are connected", () => one.connected.has(2) && first.connected.has(1));
  await first.network.close();
  await until("the loss is noticed", () => one.disconnections.length === 1);
  expect(one.connected.has(2)).toBe(false);
  expect(one.network.send(2, textFrame("lost"))).toBe(false);

  const second = await openNode(2, { listen: first.address });
  introduce(one, second);
  await until("they are connected again", () => one.connected.has(2) && second.connected.has(1));
  one.network.send(2, textFrame("again"));
  await until("a frame arrives", () => texts(second).includes("again"));

  await second.network.close();
  await until("the loss is noticed", () => one.disconnections.length === 2);
  const third = await openNode(2);
  introduce(one, third);
  await until("they are connected elsewhere", () => one.connected.has(2));
  one.network.send(2, textFrame("moved"));
  await until("a frame arrives there", () => texts(third).includes("moved"));
});

test("a peer that comes in is connected to at once", async () => {
  const slow = { reconnectMsMin: 60_000, reconnectMsMax: 60_000 };
  const [address = ""] = await freeAddresses(1);
  const one = await openNode(1, { ...slow, peers: new Map([[2, address]]) });
  // The first attempt fails, since nobody listens, and the next would come after up to a minute.
  const two = await openNode(2, { listen: address });
  pointTo(two, new Map([[1, one.address]]));
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
});

test("frames sent in one turn of the event loop leave in one write", async () => {
  // A relay counts the pieces in which the bytes arrive: on loopback, one write is one piece.
  let pieces: number | undefined;
  const relay = await listen((from) => {
    const to = net.connect(Number(two.address.split(":")[1]), "127.0.0.1");
    to.on("error", () => to.destroy());
    from.on("data", () => {
      if (pieces !== undefined) pieces++;
    });
    from.pipe(to).pipe(from);
  });
  const one = await openNode(1);
  const two = await openNode(2, { advertise: relay });
  pointTo(one, new Map([[2, relay]]));
  await until("they are connected", () => one.connected.has(2));
  pieces = 0;
  for (let i = 0; i < 50; i++) one.network.send(2, textFrame(`frame ${i}`));
  await until("all has arrived", () => two.frames.length === 50);
  expect(pieces).toBe(1);
});

test("a peer that stops reading costs no more than the limit of its queue", async () => {
  const limit = 4 * 1024 * 1024;
  const one = await openNode(1, {
    frameBytesMax: 1024 * 1024,
    sendQueueBytesMax: limit,
    deadConnectionMs: 3000,
  });
  const two = await openNode(2);
  introduce(one, two);
  // A peer that welcomes, again and again, and reads nothing after the hello.
  const deaf = await listen((socket) => {
    socket.once("data", () => {
      socket.pause();
      socket.write(welcomeFrame());
      const timer = setInterval(() => socket.write(welcomeFrame()), 100);
      socket.on("close", () => clearInterval(timer));
    });
  });
  pointTo(
    one,
    new Map([
      [2, two.address],
      [3, deaf],
    ]),
  );
  await until("both are connected", () => one.connected.has(2) && one.connected.has(3));

  const frame = encodeFrame("raft", [Buffer.alloc(512 * 1024)]);
  let dropped = 0;
  await until("frames are dropped", () => {
    dropped = one.network.send(3, frame) ? 0 : dropped + 1;
    expect(one.network.queuedBytes(3)).toBeLessThanOrEqual(limit);
    return dropped === 20;
  });
  expect(one.network.queuedBytes(3)).toBeGreaterThan(limit - 1024 * 1024);
  expect(one.network.send(2, textFrame("others are served"))).toBe(true);
  await until("the other peer hears", () => texts(two).includes("others are served"));
  await until("the deaf peer is given up", () =>
    one.disconnections.includes("3: the peer took nothing for 3000 ms"),
  );
  expect(one.network.queuedBytes(3)).toBe(0);
});

test("a peer that falls silent is given up and connected anew", async () => {
  const one = await openNode(1, { deadConnectionMs: 1000 });
  let connections = 0;
  const silent = await listen((socket) => {
    connections++;
    socket.on("data", () => socket.write(welcomeFrame()));
  });
  pointTo(one, new Map([[2, silent]]));
  await until("it is given up", () =>
    one.disconnections.includes("2: the peer was silent for 1000 ms"),
  );
  await until("it is connected anew", () => connections >= 2);
});

test("idle connections live on", async () => {
  const options = { deadConnectionMs: 1000 };
  const [one, two] = await Promise.all([openNode(1, options), openNode(2, options)]);
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
  const witness = connectStranger(two.address, helloBytes({ from: 3, to: 2 }));
  await until("welcomes were repeated for three deadlines", () => {
    return witness.received().length > 12 * welcomeFrame().length;
  });
  expect([...one.disconnections, ...two.disconnections]).toEqual([]);
});

test("a port in use is an error that names the address", async () => {
  const one = await openNode(1);
  const other = new TcpNetwork({
    id: 2,
    clusterId: "test",
    listen: one.address,
    peers: new Map(),
  });
  await expect(other.open(deafReceiver)).rejects.toThrow(
    `invalid_options: cannot listen on ${one.address}: the port is in use`,
  );
  await other.close();
});

test("nodes talk over IPv6", async () => {
  const [one, two] = await Promise.all([
    openNode(1, { listen: "[::1]:0" }),
    openNode(2, { listen: "localhost:0" }),
  ]);
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
  expect(one.address).toMatch(/^\[::1\]:\d+$/);
});

test("after close nothing is delivered, told or connected, and close may be repeated", async () => {
  const [one, two] = await Promise.all([openNode(1), openNode(2)]);
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
  await Promise.all([one.network.close(), one.network.close()]);
  expect(one.network.send(2, textFrame("x"))).toBe(false);
  pointTo(one, new Map([[3, "127.0.0.1:9"]]));
  await until("the other side notices", () => two.disconnections.length > 0);
  expect(two.network.send(1, textFrame("x"))).toBe(false);
  expect([...one.disconnections, ...texts(one)]).toEqual([]);
});

test("what was sent before a network is closed is delivered", async () => {
  const [one, two, three] = await Promise.all([openNode(1), openNode(2), openNode(3)]);
  introduce(one, two, three);
  await until("they are connected", () => one.connected.size === 2 && two.connected.has(1));
  const sent = Array.from({ length: 300 }, (_, index) => `${index}`.padEnd(60_000));
  const payloads = sent.filter((text) => one.network.send(2, textFrame(text)));
  const closing = one.network.close();
  expect(one.network.send(3, textFrame("late"))).toBe(false);
  await closing;
  await until("all is there", () => two.frames.length === payloads.length);
  expect(texts(two)).toEqual(payloads);
  expect(payloads.length).toBe(sent.length);
});

test("a network that is closed waits as long as somebody reads, however slowly", async () => {
  const one = await openNode(1, { lingerMs: 100 });
  let received = 0;
  let ended = false;
  const slow = await listen((socket) => {
    socket.once("data", () => {
      let due = 0;
      socket.on("data", (bytes: Buffer) => {
        received += bytes.length;
        // What the kernel has is read at once in the end: nobody sees how far that is.
        if (received < due || one.network.queuedBytes(3) === 0) return;
        due = received + 300_000;
        socket.pause();
        setTimeout(() => socket.resume(), 10);
      });
      socket.on("end", () => {
        ended = true;
      });
      socket.write(welcomeFrame());
    });
  });
  pointTo(one, new Map([[3, slow]]));
  await until("they are connected", () => one.connected.has(3));
  const frame = textFrame("x".repeat(500_000));
  for (let count = 0; count < 32; count++) expect(one.network.send(3, frame)).toBe(true);
  await one.network.close();
  await until("the end arrives", () => ended);
  expect(received).toBe(32 * Buffer.concat(frame).length);
});

test("a network that is closed waits for those who read nothing, but not for ever", async () => {
  const one = await openNode(1);
  const deaf = await listen((socket) => {
    socket.once("data", () => {
      socket.pause();
      socket.write(welcomeFrame());
    });
  });
  pointTo(one, new Map([[3, deaf]]));
  await until("they are connected", () => one.connected.has(3));
  while (one.network.send(3, textFrame("x".repeat(500_000))));
  await one.network.close();
  expect([one.network.queuedBytes(3), one.disconnections]).toEqual([0, []]);
});

test("a network that is closed by what it delivers delivers nothing more", async () => {
  const network = new TcpNetwork({
    id: 1,
    clusterId: "test",
    listen: "127.0.0.1:0",
    peers: new Map([[2, undefined]]),
  });
  onTestFinished(() => network.close());
  let frameCount = 0;
  let closing: Promise<void> | undefined;
  await network.open({
    ...deafReceiver,
    onFrame: () => {
      frameCount++;
      closing = network.close();
    },
  });
  const peer = connectStranger(network.address ?? "", helloBytes());
  await until("it was let in", () => peer.received().length > 0);
  peer.socket.write(Buffer.concat([...textFrame("first"), ...textFrame("second")]));
  await until("the network is being closed", () => closing !== undefined);
  await closing;
  expect(frameCount).toBe(1);
});

test("a network may be closed while it opens", async () => {
  const options = { id: 1, clusterId: "test", listen: "localhost:0", peers: new Map() };
  const network = new TcpNetwork(options);
  const opening = network.open(deafReceiver);
  await Promise.all([expect(opening).rejects.toThrow("closed: "), network.close()]);
  expect(network.address).toBeUndefined();
});

test("the options of a network are checked", () => {
  const good = { id: 1, clusterId: "c", listen: "127.0.0.1:0", peers: new Map([[2, undefined]]) };
  const bad: [string, object][] = [
    ["is not an address", { listen: "127.0.0.1" }],
    ["is not an address", { listen: "::1:7001" }],
    ["is not an address", { listen: "host:65536" }],
    ["needs a port", { peers: new Map([[2, "localhost:0"]]) }],
    ["must not name node 1 itself", { peers: new Map([[1, "localhost:1"]]) }],
    ["an integer of at least 1", { id: 0 }],
    ["an integer of at least 1", { peers: new Map([[1.5, undefined]]) }],
    ["1 to 255 bytes", { clusterId: "" }],
    ["1 to 255 bytes", { clusterId: "é".repeat(128) }],
    ["half of a surrogate pair", { clusterId: "\ud800" }],
    ["frameBytesMax must be", { frameBytesMax: 10 }],
    ["sendQueueBytesMax must be", { sendQueueBytesMax: 1024 }],
    ["reconnectMsMin must be", { reconnectMsMin: 0 }],
    ["reconnectMsMax must be", { reconnectMsMax: 10 }],
    ["deadConnectionMs must be", { deadConnectionMs: 10 }],
    ["handshakeTimeoutMs must be", { handshakeTimeoutMs: Number.NaN }],
    ["handshakeCountMax must be", { handshakeCountMax: 0 }],
    ["snapshotQueueBytesMax must be", { snapshotQueueBytesMax: 1024 }],
    ["guestCountMax must be", { guestCountMax: -1 }],
    ["lingerMs must be", { lingerMs: 60_001 }],
    ["needs a port", { advertise: "localhost:0" }],
    ["is not an address", { advertise: `${"a".repeat(255)}:1` }],
  ];
  expect(new TcpNetwork(good).address).toBeUndefined();
  for (const [message, change] of bad) {
    expect(() => new TcpNetwork({ ...good, ...change })).toThrow(message);
  }
});
