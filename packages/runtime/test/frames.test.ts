import { type Message, RaftError } from "@quorate/core";
import {
  decodeForward,
  decodeForwardResult,
  encodeBatch,
  encodeForward,
  encodeForwardResult,
  encodeFrame,
  type Frame,
  type FrameType,
} from "@quorate/wire";
import { expect, test } from "vitest";
import type { Receiver } from "../src/ports.ts";
import { Cluster, type Member } from "./cluster.ts";

/** Takes what it is told and does nothing. */
const deafReceiver: Receiver = {
  onFrame: () => {},
  onConnected: () => {},
  onDisconnected: () => {},
  onRemoved: () => {},
  onPeerSeen: () => {},
};

/** A cluster of voters 1, 2 and 3, of which 3 is not a replica but the test itself. */
async function newCluster(): Promise<{
  cluster: Cluster;
  send: (type: FrameType, chunks: readonly Uint8Array[], to?: Member) => Promise<void>;
  target: Member;
  /** What node 3 was sent. */
  heard: Frame[];
}> {
  const cluster = new Cluster(3);
  await cluster.start(1);
  await cluster.start(2);
  await cluster.untilLed();
  const network = cluster.hub.network(3);
  const heard: Frame[] = [];
  const onFrame = (_from: number, frame: Frame): void => {
    heard.push(frame);
  };
  await network.open({ ...deafReceiver, onFrame });
  const target = cluster.leader;
  const send = async (
    type: FrameType,
    chunks: readonly Uint8Array[],
    to: Member = target,
  ): Promise<void> => {
    await cluster.settle();
    expect(network.send(to.id, encodeFrame(type, chunks))).toBe(true);
    await cluster.settle();
  };
  return { cluster, send, target, heard };
}

function codeOf(error: Error): string {
  return error instanceof RaftError ? error.code : error.name;
}

function refusalsOf(member: Member): string[] {
  return member.events.flatMap((event) =>
    event.kind === "message-refused" ? [`${event.peer} ${codeOf(event.error)}`] : [],
  );
}

test("frames that cannot be decoded are told and dropped, one event per peer and second", async () => {
  const { cluster, send, target } = await newCluster();
  const garbage = Uint8Array.of(0xff, 0xff, 0xff);
  for (const type of ["raft", "forward", "forward-result", "raft"] as const) {
    await send(type, [garbage]);
  }
  expect(refusalsOf(target)).toEqual(["3 malformed"]);
  await cluster.run(1000);
  await send("hello", [garbage]);
  expect(refusalsOf(target)).toEqual(["3 malformed", "3 unknown_message"]);
  expect(await cluster.write(target, "a")).toBe("1:a");
  await cluster.close();
});

test("a snapshot without its state, and a command nobody let in, are refused", async () => {
  const { cluster, send, target } = await newCluster();
  const way = { from: 3, to: target.id, term: target.replica.status().term + 1 };
  const confState = { ...target.replica.status().confState };
  const snapshot = { index: 1000, term: way.term, confState };
  await send("raft", encodeBatch([{ kind: "install-snapshot", ...way, snapshot }]));
  await cluster.run(1000);
  const commands = [Uint8Array.of(1)];
  await send("raft", encodeBatch([{ kind: "propose", ...way, term: 0, commands }]));
  expect(refusalsOf(target)).toEqual(["3 invalid_message", "3 invalid_message"]);
  expect(target.replica.status().term).toBe(way.term - 1);
  expect(await cluster.write(target, "a")).toBe("1:a");
  await cluster.close();
});

test("a message in another node's name is refused, and those that came with it are taken", async () => {
  const { cluster, send, target } = await newCluster();
  const other = target.id === 1 ? 2 : 1;
  const term = target.replica.status().term + 10;
  const last = { term, index: 100 };
  const bad: Message = { kind: "request-vote", from: other, to: target.id, term, last };
  const good: Message = {
    kind: "append-entries-response",
    from: 3,
    to: target.id,
    term,
    matchIndex: 0,
  };
  await send("raft", encodeBatch([bad, good]));
  expect(refusalsOf(target)).toEqual(["3 stranger"]);
  // The second one carried a higher term.
  expect(target.replica.status().term).toBe(term);
  await cluster.close();
});

test("a message that no correct peer can have sent changes nothing", async () => {
  const { cluster, send, target } = await newCluster();
  const before = target.replica.status();
  const wrong: Message = {
    kind: "heartbeat",
    from: 3,
    to: 9,
    term: 1000,
    commitIndex: 0,
    readRound: 0,
  };
  await send("raft", encodeBatch([wrong]));
  expect(refusalsOf(target)).toEqual(["3 wrong_recipient"]);
  expect(target.replica.status().term).toBe(before.term);
  expect(target.replica.status().role).toBe("leader");
  await cluster.close();
});

test("frames of nodes outside the group are refused", async () => {
  const { cluster, target } = await newCluster();
  const network = cluster.hub.network(9);
  await network.open(deafReceiver);
  await cluster.settle();
  const command = Uint8Array.of(1);
  const forward = encodeForward({ requestId: 1, command, timeoutMs: 1000 });
  network.send(target.id, encodeFrame("forward", forward));
  await cluster.settle();
  expect(refusalsOf(target)).toEqual(["9 stranger"]);
  expect(await cluster.read(target)).toEqual([]);
  await cluster.close();
});

test("a replica that does not lead refuses a forwarded command and passes it to nobody", async () => {
  const { cluster, send, target, heard } = await newCluster();
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there is a follower");
  const command = Uint8Array.of(1);
  await send("forward", encodeForward({ requestId: 7, command, timeoutMs: 1000 }), follower);
  const answers = heard.filter(({ type }) => type === "forward-result");
  expect(answers.map(({ payload }) => decodeForwardResult(payload))).toMatchObject([
    { requestId: 7, ok: false, code: "not_leader", leader: target.id },
  ]);
  await cluster.run(1000);
  expect(await cluster.read(target)).toEqual([]);
  await cluster.close();
});

test("a forwarded command that was refused is not taken when its frame comes again", async () => {
  const { cluster, send, target } = await newCluster();
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there is a follower");
  const forward = encodeForward({ requestId: 7, command: Uint8Array.of(1), timeoutMs: 60_000 });
  await send("forward", forward, follower);
  const left = await cluster.crash(target.id);
  await cluster.start(target.id, left);
  await cluster.until(() => follower.replica.status().role === "leader");
  await cluster.untilLed();
  await send("forward", forward, follower);
  await cluster.run(1000);
  expect(await cluster.read(follower)).toEqual([]);
  await cluster.close();
});

test("an answer counts only from the node that was asked", async () => {
  const { cluster, send, target } = await newCluster();
  const [follower] = cluster.followers;
  if (follower === undefined) throw new Error("there is a follower");
  const requestIds: number[] = [];
  cluster.hub.meddle(({ frame }) => {
    if (frame.type !== "forward") return 1;
    requestIds.push(decodeForward(frame.payload).requestId);
    return 0;
  });
  const call = cluster.propose(follower, "a", 60_000);
  await cluster.settle();
  const [requestId = 0] = requestIds;
  const answer = encodeForwardResult({ requestId, ok: true, index: 5, result: Uint8Array.of(1) });
  await send("forward-result", answer, follower);
  expect(call.isSettled).toBe(false);
  expect(await cluster.read(target)).toEqual([]);
  await cluster.close();
});
