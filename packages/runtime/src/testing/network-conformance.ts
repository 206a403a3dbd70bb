import { assert, at } from "@quorate/core";
import { encodeFrame } from "@quorate/wire";
import type { TestFunction } from "./conformance.ts";
import {
  bytesOf,
  frameOf,
  Group,
  type NetworkHarness,
  sameBytes,
  type WithGroup,
} from "./network-group.ts";
import { peerCases } from "./peer-conformance.ts";

/** Registers the cases that every `Network` must pass, over groups of three from `newHarness`. */
export function networkConformance(
  test: TestFunction,
  newHarness: () => Promise<NetworkHarness>,
): void {
  const withGroup = (name: string, run: (group: Group) => Promise<void>): void =>
    test(name, async () => {
      const group = new Group(await newHarness());
      try {
        await run(group);
      } finally {
        await group.close();
      }
    });
  deliveryCases(withGroup);
  connectionCases(withGroup);
  peerCases(withGroup);
}

function deliveryCases(withGroup: WithGroup): void {
  withGroup("Network delivers frames whole, in order, with their sender", async (group) => {
    const [one, two] = await group.pair();
    const sent = Array.from({ length: 100 }, (_, seed) => bytesOf(seed * 7, seed));
    for (const payload of sent) assert(one.network.send(2, frameOf(payload)), "it is connected");
    await group.until(() => two.witness.frames.length === sent.length);
    for (const [offset, { from, frame }] of two.witness.frames.entries()) {
      assert(from === 1, "the sender is node 1");
      assert(frame.type === "raft", "the type arrives");
      assert(sameBytes(frame.payload, at(sent, offset)), "the payload arrives unaltered, in order");
    }
  });

  withGroup("Network delivers both ways at once", async (group) => {
    const [one, two] = await group.pair();
    assert(one.network.send(2, frameOf(bytesOf(10, 1))), "node 2 is connected");
    assert(two.network.send(1, frameOf(bytesOf(20, 2))), "node 1 is connected");
    await group.until(() => one.witness.frames.length === 1 && two.witness.frames.length === 1);
    assert(at(one.witness.frames, 0).from === 2, "node 1 hears node 2");
    assert(at(two.witness.frames, 0).from === 1, "node 2 hears node 1");
  });

  withGroup("Network delivers a frame without payload, and a large one", async (group) => {
    const [one, two] = await group.pair();
    const large = bytesOf(1_000_000, 3);
    assert(one.network.send(2, encodeFrame("forward", [])), "it is connected");
    assert(one.network.send(2, frameOf(large)), "a frame of 1 MB fits an empty queue");
    await group.until(() => two.witness.frames.length === 2);
    assert(at(two.witness.frames, 0).frame.payload.length === 0, "nothing arrives as nothing");
    assert(sameBytes(at(two.witness.frames, 1).frame.payload, large), "the large one is whole");
  });

  withGroup("Network delivers payloads that the receiver may keep and change", async (group) => {
    const [one, two] = await group.pair();
    const payload = bytesOf(64, 5);
    for (let count = 0; count < 2; count++) one.network.send(2, frameOf(payload));
    await group.until(() => two.witness.frames.length === 2);
    at(two.witness.frames, 0).frame.payload.fill(0);
    assert(sameBytes(at(two.witness.frames, 1).frame.payload, payload), "frames share no bytes");
    assert(sameBytes(payload, bytesOf(64, 5)), "the sender's bytes are untouched");
  });
}

function connectionCases(withGroup: WithGroup): void {
  withGroup("Network connects each node with every other", async (group) => {
    const members = [await group.open(1), await group.open(2), await group.open(3)];
    await group.until(() => members.every(({ witness }) => witness.connected.size === 2));
    for (const [offset, { network }] of members.entries()) {
      for (const to of [1, 2, 3]) if (to !== offset + 1) network.send(to, frameOf(bytesOf(1, to)));
    }
    await group.until(() => members.every(({ witness }) => witness.frames.length === 2));
    for (const { witness } of members) {
      const senders = new Set(witness.frames.map(({ from }) => from));
      assert(senders.size === 2, "a frame of each of the others");
    }
  });

  withGroup("Network refuses to send to a node that is not there", async (group) => {
    const one = await group.open(1);
    assert(!one.network.send(2, frameOf(bytesOf(1, 1))), "node 2 is not connected");
  });

  withGroup("Network refuses to send to itself and to strangers", async (group) => {
    const [one] = await group.pair();
    assert(!one.network.send(1, frameOf(bytesOf(1, 1))), "a node has no link to itself");
    assert(!one.network.send(99, frameOf(bytesOf(1, 1))), "node 99 is unknown");
  });

  withGroup("Network tells when a peer is gone", async (group) => {
    const [one, two] = await group.pair();
    await two.network.close();
    await group.until(() => !one.witness.connected.has(2));
    assert(one.witness.disconnectCount === 1, "it is told once");
    await group.until(() => !one.network.send(2, frameOf(bytesOf(1, 1))));
  });

  withGroup("Network delivers nothing and sends nothing after close", async (group) => {
    const [one, two] = await group.pair();
    await two.network.close();
    const heard = two.witness.frames.length;
    assert(!two.network.send(1, frameOf(bytesOf(1, 1))), "a closed network sends nothing");
    one.network.send(2, frameOf(bytesOf(1, 1)));
    await group.until(() => !one.witness.connected.has(2));
    assert(two.witness.frames.length === heard, "a closed network delivers nothing");
  });

  withGroup("Network closes twice without harm, and before it is connected", async (group) => {
    const { network } = await group.open(1);
    await network.close();
    await network.close();
  });
}
