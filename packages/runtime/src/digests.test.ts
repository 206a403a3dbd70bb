import { newEntry, type NodeId, RaftError, RaftNode } from "@quorate/core";
import { MemoryDisk } from "@quorate/wal/testing";
import {
  decodeCall,
  decodeDigests,
  decodeFrame,
  encodeDigests,
  type StateDigest,
} from "@quorate/wire";
import { expect, test } from "vitest";
import type { Interlude } from "./apply-queue.ts";
import { Digests, keptDigestCount } from "./digests.ts";
import type { ReplicaEvent } from "./replica-event.ts";

/** The digests of node 1 of three, which are compared at every eighth index, and what comes of it. */
function newBench(digest: () => Uint8Array | Promise<Uint8Array> = () => Uint8Array.of(0xaa)) {
  const events: ReplicaEvent[] = [];
  const failures: Error[] = [];
  const sent: { to: NodeId; digests: readonly StateDigest[] }[] = [];
  const interludes: Interlude[] = [];
  const disk = new MemoryDisk();
  let requestId = 0;
  const digests = new Digests(
    {
      digestEveryCount: 8,
      stateMachine: { digest },
      disk,
      network: {
        send: (to, chunks) => {
          const { payload } = decodeCall(decodeFrame(chunks).payload);
          sent.push({ to, digests: decodeDigests(payload) });
          return true;
        },
      },
    },
    {
      node: new RaftNode(1, [2, 3]),
      events: { emit: (event) => events.push(event) },
      forwarding: { newRequestId: () => ++requestId },
      door: { fail: (error) => failures.push(error), resume: (work) => work() },
      interrupt: (interlude) => interludes.push(interlude),
    },
  );
  const apply = async (index: number, term = 1): Promise<void> => {
    digests.onEntryApplied(newEntry({ index, term }, "no-op"));
    for (const interlude of interludes.splice(0)) await interlude.run();
  };
  const tell = (from: NodeId, digest: number, index: number, term = 1): void => {
    digests.onTold(from, encodeDigests([{ index, term, digest: Uint8Array.of(digest) }]));
  };
  return { digests, disk, events, failures, sent, apply, tell };
}

test("only at an index that is divisible is the state digested, and told to every member", async () => {
  const { apply, sent, digests } = newBench();
  await apply(7);
  expect(sent).toEqual([]);
  expect(digests.status).toBeUndefined();
  await apply(8, 3);
  const expected = [{ index: 8, term: 3, digest: Uint8Array.of(0xaa) }];
  expect(sent).toEqual([
    { to: 2, digests: expected },
    { to: 3, digests: expected },
  ]);
  expect(digests.status).toEqual({
    ...{ index: 8, term: 3, digest: "aa" },
    ...{ agree: [], differ: [], unknown: [2, 3] },
  });
});

test("what is told is compared, whoever was first", async () => {
  const { apply, tell, events, failures, digests } = newBench();
  tell(2, 0xaa, 8);
  await apply(8);
  tell(3, 0xaa, 8);
  expect(digests.status).toMatchObject({ agree: [2, 3], differ: [], unknown: [] });
  expect(events).toEqual([]);
  expect(failures).toEqual([]);
});

test("a replica that a majority disagrees with stops, says where, and marks its disk", async () => {
  const { apply, tell, events, failures, digests, disk } = newBench();
  await apply(8);
  tell(2, 0xbb, 8);
  expect(failures).toEqual([]);
  expect(events).toMatchObject([{ kind: "diverged", index: 8, term: 1, wrong: [] }]);
  tell(3, 0xbb, 8);
  expect(events.slice(1)).toMatchObject([{ kind: "diverged", index: 8, wrong: [1] }]);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject({ code: "diverged" });
  expect(failures[0]?.message).toBe(
    "diverged: after entry 8 of term 1 the state of node 1 has the digest aa, " +
      "and node 2 has bb, node 3 has bb",
  );
  await digests.stop();
  expect(await disk.list()).toEqual(["diverged"]);
  // It has said what it has to say.
  tell(2, 0xbc, 8);
  await apply(16);
  expect(events).toHaveLength(2);
  expect(failures).toHaveLength(1);
});

test("a replica that is with the majority goes on, and tells once of the one that is not", async () => {
  const { apply, tell, events, failures, digests } = newBench();
  await apply(8);
  tell(2, 0xbb, 8);
  tell(3, 0xaa, 8);
  tell(2, 0xbb, 8);
  expect(events).toHaveLength(2);
  expect(events[1]).toEqual({
    ...{ kind: "diverged", index: 8, term: 1, wrong: [2] },
    digests: [
      { id: 1, digest: "aa" },
      { id: 2, digest: "bb" },
      { id: 3, digest: "aa" },
    ],
  });
  expect(failures).toEqual([]);
  expect(digests.status).toMatchObject({ agree: [3], differ: [2] });
});

test("states of another index or of another term are not compared", async () => {
  const { apply, tell, events, digests } = newBench();
  await apply(8, 2);
  for (const id of [2, 3]) {
    tell(id, 0xbb, 16, 2);
    tell(id, 0xbb, 8, 1);
  }
  expect(events).toEqual([]);
  expect(digests.status).toMatchObject({ agree: [], differ: [], unknown: [2, 3] });
});

test("nobody is listened to who is no member, or says what cannot be", async () => {
  const { apply, tell, events, digests } = newBench();
  await apply(8);
  tell(4, 0xbb, 8);
  tell(1, 0xbb, 8);
  expect(events).toEqual([]);
  expect(() => digests.onTold(2, Uint8Array.of(1))).toThrow(RaftError);
});

test("a restored state is not held to what the one before it was", async () => {
  const { apply, tell, failures, digests } = newBench();
  await apply(8);
  digests.onRestored();
  tell(2, 0xbb, 8);
  tell(3, 0xbb, 8);
  expect(failures).toEqual([]);
  expect(digests.status).toBeUndefined();
});

test("what is kept is bounded, and told again to a peer that connects", async () => {
  const { apply, sent, digests } = newBench();
  digests.onConnected(2);
  expect(sent).toEqual([]);
  for (let round = 1; round <= keptDigestCount + 3; round++) await apply(8 * round);
  sent.length = 0;
  digests.onConnected(2);
  expect(sent.map(({ to }) => to)).toEqual([2]);
  expect(sent[0]?.digests).toHaveLength(keptDigestCount);
  expect(sent[0]?.digests.at(0)?.index).toBe(8 * 4);
});

test("a digest may take its time", async () => {
  const { apply, tell, digests } = newBench(() => Promise.resolve(Uint8Array.of(0xaa)));
  await apply(8);
  tell(2, 0xaa, 8);
  expect(digests.status).toMatchObject({ index: 8, agree: [2] });
});

test.each<[string, () => Uint8Array | Promise<Uint8Array>]>([
  ["throws", () => raise(new Error("no digest"))],
  ["rejects", () => Promise.reject(new Error("no digest"))],
  ["gives no bytes", () => new Uint8Array(0)],
  ["gives too many", () => new Uint8Array(65)],
])("a replica stops whose state machine %s", async (_, digest) => {
  const { apply, failures, sent } = newBench(digest);
  await apply(8);
  expect(failures).toMatchObject([{ code: "state_machine_failed" }]);
  expect(sent).toEqual([]);
});

function raise(error: Error): never {
  throw error;
}
