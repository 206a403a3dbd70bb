import { assert, at, type NodeId } from "@quorate/core";
import { encodeFrame, type Frame } from "@quorate/wire";
import type { Network, Receiver } from "../ports.ts";
import type { TestFunction, Until } from "./conformance.ts";

/** One group of networks under test. */
export interface NetworkHarness {
  /** The network of node 1, 2 or 3, not opened yet. Each is asked for once. */
  network(id: NodeId): Network;
  readonly until: Until;
  /** Frees what the harness itself holds; the networks are closed by then. */
  close(): Promise<void>;
}

/** What one node was told. */
class Witness implements Receiver {
  readonly frames: { readonly from: NodeId; readonly frame: Frame }[] = [];
  readonly connected = new Set<NodeId>();
  disconnectCount = 0;

  onFrame(from: NodeId, frame: Frame): void {
    this.frames.push({ from, frame });
  }

  onConnected(peer: NodeId): void {
    this.connected.add(peer);
  }

  onDisconnected(peer: NodeId): void {
    this.connected.delete(peer);
    this.disconnectCount++;
  }
}

interface Member {
  readonly network: Network;
  readonly witness: Witness;
}

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
}

/** Up to three opened networks, which are closed at the end. */
class Group {
  readonly until: Until;
  readonly #harness: NetworkHarness;
  readonly #members: Member[] = [];

  constructor(harness: NetworkHarness) {
    this.#harness = harness;
    this.until = harness.until;
  }

  async open(id: NodeId): Promise<Member> {
    const member = { network: this.#harness.network(id), witness: new Witness() };
    this.#members.push(member);
    await member.network.open(member.witness);
    return member;
  }

  /** Nodes 1 and 2, connected both ways. */
  async pair(): Promise<readonly [Member, Member]> {
    const one = await this.open(1);
    const two = await this.open(2);
    await this.until(() => one.witness.connected.has(2) && two.witness.connected.has(1));
    return [one, two];
  }

  async close(): Promise<void> {
    for (const { network } of this.#members) await network.close();
    await this.#harness.close();
  }
}

type WithGroup = (name: string, run: (group: Group) => Promise<void>) => void;

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

function frameOf(payload: Uint8Array): Uint8Array[] {
  // In two chunks, since a frame may be handed over in any number.
  const middle = payload.length >>> 1;
  return encodeFrame("raft", [payload.slice(0, middle), payload.slice(middle)]);
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, offset) => (offset * 31 + seed * 17) & 0xff);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, offset) => byte === b[offset]);
}
