import { RaftError } from "@quorate/core";
import { FrameReader } from "@quorate/wire";
import { expect, test } from "vitest";
import { readRefusal, refusalFrame } from "../src/handshake.ts";
import { until } from "./processes.ts";
import {
  connectStranger,
  helloBytes,
  introduce,
  listen,
  openNode,
  pointTo,
  type Stranger,
  textFrame,
  texts,
} from "./tcp-nodes.ts";

/** The code of the refusal that `stranger` was sent, or the type of what it was sent instead. */
function refusalCode(stranger: Stranger): string {
  const [frame] = new FrameReader({ frameBytesMax: 4096 }).push(stranger.received());
  if (frame === undefined) return "nothing";
  return frame.type === "refusal" ? readRefusal(frame.payload).code : frame.type;
}

const wrongHellos = [
  ["unsupported_version", helloBytes({ protocolVersion: 99 })],
  ["wrong_identity", helloBytes({ clusterId: "other" })],
  ["wrong_recipient", helloBytes({ to: 3 })],
  ["stranger", helloBytes({ from: 7 })],
  ["stranger", helloBytes({ from: 1 })],
  ["malformed", Buffer.concat([helloBytes(), ...textFrame("too early")])],
  ["malformed", Buffer.concat(textFrame("no hello"))],
  ["malformed", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["too_large", Buffer.concat(textFrame("x".repeat(10_000)))],
] as const;

test("what is no proper hello is refused with the reason, and hurts nobody", async () => {
  const [one, two] = await Promise.all([openNode(1, { guestCountMax: 0 }), openNode(2)]);
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
  for (const [code, bytes] of wrongHellos) {
    const stranger = connectStranger(one.address, bytes);
    await until(`it is refused as ${code}`, () => stranger.closed());
    expect(refusalCode(stranger)).toBe(code);
  }
  // Those who name themselves are told apart.
  expect(one.refusals.map(({ peer, error }) => `${peer} ${error.code}`)).toEqual([
    "2 unsupported_version",
    "2 wrong_identity",
    "2 wrong_recipient",
    "7 stranger",
    "1 stranger",
    "0 malformed",
    "0 too_large",
  ]);
  two.network.send(1, textFrame("undisturbed"));
  await until("a frame arrives", () => texts(one).includes("undisturbed"));
  expect([...one.disconnections, ...two.disconnections]).toEqual([]);
});

test("a hello may come byte by byte", async () => {
  const one = await openNode(1);
  const stranger = connectStranger(one.address);
  stranger.socket.setNoDelay(true);
  for (const byte of helloBytes()) stranger.socket.write(Uint8Array.of(byte));
  await until("it is welcomed", () => stranger.received().length > 0);
  expect(refusalCode(stranger)).toBe("welcome");
});

test("a node of another cluster is told so, reported once on both sides, and let in later", async () => {
  const one = await openNode(1);
  const wrong = await openNode(2, { clusterId: "other" });
  introduce(one, wrong);
  await until("both report it", () => one.refusals.length === 2 && wrong.refusals.length === 2);
  const outgoing = one.refusals.find((refusal) => refusal.direction === "outgoing");
  expect(outgoing).toMatchObject({ peer: 2, address: wrong.address });
  expect(outgoing?.error.message).toBe(
    'wrong_identity: node 2 belongs to cluster "other", not to "test"',
  );
  const incoming = one.refusals.find((refusal) => refusal.direction === "incoming");
  expect(incoming?.error.message).toBe(
    'wrong_identity: node 1 belongs to cluster "test", not to "other"',
  );
  expect(one.connected.size + wrong.connected.size).toBe(0);

  await wrong.network.close();
  const right = await openNode(2, { listen: wrong.address });
  introduce(one, right);
  await until("they are connected", () => one.connected.has(2) && right.connected.has(1));
});

test("a refusal is reported once, however often it is met", async () => {
  const one = await openNode(1);
  let attempts = 0;
  const address = await listen((socket) => {
    attempts++;
    socket.end(refusalFrame(new RaftError("stranger", `attempt ${attempts}`)));
  });
  pointTo(one, new Map([[2, address]]));
  await until("several attempts were made", () => attempts >= 5);
  expect(one.refusals.map((refusal) => refusal.error.message)).toEqual(["stranger: attempt 1"]);
});

test("an address that leads to another node is reported", async () => {
  const [one, three] = await Promise.all([openNode(1), openNode(3)]);
  pointTo(one, new Map([[2, three.address]]));
  await until("it is reported", () => one.refusals.length === 1);
  expect(one.refusals[0]?.error.message).toBe("wrong_recipient: this is node 3, not node 2");
  expect(one.connected.size).toBe(0);
});

test("a handshake that dawdles is ended, and too many end the oldest", async () => {
  const one = await openNode(1, { handshakeTimeoutMs: 1500, handshakeCountMax: 3 });
  const two = await openNode(2);
  const dawdlers: Stranger[] = [];
  for (let i = 0; i < 5; i++) {
    const dawdler = connectStranger(one.address, helloBytes().subarray(0, 10));
    await new Promise((done) => dawdler.socket.once("connect", done));
    dawdlers.push(dawdler);
  }
  await until("the two oldest are ended", () => dawdlers.slice(0, 2).every((it) => it.closed()));
  expect(dawdlers.slice(2).map((it) => it.closed())).toEqual([false, false, false]);
  introduce(one, two);
  await until("a peer gets in", () => two.connected.has(1));
  await until("all are ended", () => dawdlers.every((it) => it.closed()));
  expect(one.refusals).toEqual([]);
});

test("a newer connection of a peer replaces the older", async () => {
  const one = await openNode(1);
  const older = connectStranger(one.address, helloBytes());
  await until("it is welcomed", () => older.received().length > 0);
  older.socket.write(Buffer.concat(textFrame("older")));
  await until("its frame arrives", () => one.frames.length === 1);
  const newer = connectStranger(one.address, helloBytes());
  await until("the older is ended", () => older.closed());
  newer.socket.write(Buffer.concat(textFrame("newer")));
  await until("a frame arrives by the newer", () => one.frames.length === 2);
  expect(texts(one)).toEqual(["older", "newer"]);
  expect(newer.closed()).toBe(false);
});

test("a node that comes back with another log is refused", async () => {
  const one = await openNode(1);
  for (const byte of [1, 1, 2, 1]) {
    const peer = connectStranger(
      one.address,
      helloBytes({ incarnation: new Uint8Array(16).fill(byte) }),
    );
    await until("it is answered", () => peer.received().length > 0);
    expect(refusalCode(peer)).toBe(byte === 1 ? "welcome" : "wrong_identity");
  }
  expect(one.refusals.map((refusal) => refusal.error.message)).toEqual([
    "wrong_identity: node 2 came with another log than the one it is known by: a node that lost its " +
      "disk must not come back under the same id; give it a new one: quorate member replace 2 NEW",
  ]);
});

test("bad bytes and oversized frames end a connection, and only that", async () => {
  const one = await openNode(1, { frameBytesMax: 2048 });
  const two = await openNode(2);
  introduce(one, two);
  await until("they are connected", () => one.connected.has(2) && two.connected.has(1));
  const altered = Buffer.concat(textFrame("altered"));
  altered[altered.length - 1] = 0;
  const faults: [string, Uint8Array][] = [
    ["malformed", altered],
    ["malformed", helloBytes({ from: 3 })],
    ["too_large", Buffer.concat(textFrame("x".repeat(3000)))],
  ];
  for (const [code, bytes] of faults) {
    const peer = connectStranger(one.address, helloBytes({ from: 3 }));
    await until("it is welcomed", () => peer.received().length > 0);
    peer.socket.write(bytes);
    await until("it is ended", () => peer.closed());
    expect(one.refusals.at(-1)).toMatchObject({ direction: "incoming", peer: 3, error: { code } });
  }
  two.network.send(1, textFrame("undisturbed"));
  await until("a frame arrives", () => texts(one).includes("undisturbed"));
  expect(one.frames.length).toBe(1);
});
