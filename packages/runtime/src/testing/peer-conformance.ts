import { assert, at } from "@quorate/core";
import {
  bytesOf,
  frameOf,
  type Group,
  incarnationOf,
  type Member,
  sameBytes,
  type WithGroup,
} from "./network-group.ts";

/** Whom a network connects with, and whom it refuses. */
export function peerCases(withGroup: WithGroup): void {
  identityCases(withGroup);
  guestCases(withGroup);
  removalCases(withGroup);
}

function identityCases(withGroup: WithGroup): void {
  withGroup("Network connects the peers that it is told before it opens", async (group) => {
    const one = await group.open(1, { peers: [group.peer(2, 1), group.peer(1, 1)] });
    const two = await group.open(2, { peers: [group.peer(1, 1)] });
    await group.connected(one, two);
    await exchange(group, one, two);
    assert(one.witness.seen.length + two.witness.seen.length === 0, "all was known");
  });

  withGroup("Network refuses a peer with another log than its table says", async (group) => {
    const one = await group.open(1, { peers: [group.peer(2, 2), group.peer(3)] });
    const two = await group.open(2, { peers: [group.peer(1)] });
    await group.open(3);
    await group.until(() => one.witness.connected.has(3));
    assert(!two.witness.connected.has(1), "node 2 has another log");
    one.network.setPeers([group.peer(2, 1), group.peer(3)]);
    await group.until(() => two.witness.connected.has(1));
  });

  withGroup("Network holds a peer to the log that it came with first", async (group) => {
    const [one, two] = await group.pair();
    await two.network.close();
    const wiped = await group.open(2, { log: 2 });
    const three = await group.open(3);
    await group.until(() => three.witness.connected.has(1));
    assert(!wiped.witness.connected.has(1), "node 2 came with another log before");
    one.network.setPeers([group.peer(2, 2), group.peer(3)]);
    await group.until(() => wiped.witness.connected.has(1));
  });

  withGroup("Network ends the connection of a peer that proves to be another", async (group) => {
    const [one, two] = await group.pair();
    one.network.setPeers([group.peer(2, 2)]);
    await group.until(() => !two.witness.connected.has(1));
  });

  withGroup(
    "Network tells the name of a log that its table lacks, and of no other",
    async (group) => {
      const one = await group.open(1, { peers: [group.peer(2)] });
      const two = await group.open(2, { peers: [group.peer(1, 1)] });
      await group.connected(one, two);
      const { id, address, incarnation } = at(one.witness.seen, 0);
      assert(id === 2 && address === group.address(2), "node 2 was seen where it is");
      assert(sameBytes(incarnation, incarnationOf(2, 1)), "its log is named");
      assert(two.witness.seen.length === 0, "node 1 said nothing new");
    },
  );
}

function guestCases(withGroup: WithGroup): void {
  withGroup("Network lets in a node that it does not know, and connects to it", async (group) => {
    const one = await group.open(1, { peers: [] });
    const two = await group.open(2, { peers: [group.peer(1)] });
    await group.connected(one, two);
    await exchange(group, one, two);
    assert(at(one.witness.seen, 0).id === 2, "node 2 was seen");
  });

  withGroup("Network forgets an unknown node that is gone", async (group) => {
    const one = await group.open(1, { peers: [] });
    const two = await group.open(2, { peers: [group.peer(1)] });
    await group.connected(one, two);
    await two.network.close();
    await group.until(() => !one.witness.connected.has(2));
    const another = await group.open(2, { peers: [group.peer(1)], log: 2 });
    await group.connected(one, another);
  });

  withGroup("Network keeps an unknown node that becomes a peer", async (group) => {
    const one = await group.open(1, { peers: [] });
    const two = await group.open(2, { peers: [group.peer(1)] });
    await group.connected(one, two);
    one.network.setPeers([group.peer(2)]);
    await exchange(group, one, two);
    const [mine, theirs] = [one.witness.disconnectCount, two.witness.disconnectCount];
    assert(mine + theirs === 0, "nothing was interrupted");
  });

  withGroup("Network connects no two nodes that do not know one another", async (group) => {
    const one = await group.open(1, { peers: [group.peer(3)] });
    const two = await group.open(2, { peers: [group.peer(3)] });
    const three = await group.open(3);
    await group.until(() => three.witness.connected.size === 2);
    assert(!one.witness.connected.has(2), "node 1 does not know node 2");
    assert(!two.witness.connected.has(1), "node 2 does not know node 1");
  });

  withGroup("Network lets a peer go that is left out, and in again", async (group) => {
    const [one, two] = await group.pair();
    const seenCount = one.witness.seen.length;
    one.network.setPeers([]);
    await group.until(() => one.witness.disconnectCount > 0 && two.witness.disconnectCount > 0);
    // Node 2 comes back on its own account.
    await group.connected(one, two);
    assert(one.witness.seen.length > seenCount, "it is unknown now");
    one.network.setPeers([group.peer(2)]);
    await exchange(group, one, two);
  });
}

function removalCases(withGroup: WithGroup): void {
  withGroup("Network refuses a removed node, and tells it so", async (group) => {
    const one = await group.open(1, { peers: [group.peer(2), group.peer(3)], removed: [2] });
    const two = await group.open(2, { peers: [group.peer(1)] });
    const three = await group.open(3);
    await group.until(() => two.witness.removedBy.has(1) && three.witness.connected.has(1));
    assert(!two.witness.connected.has(1), "a removed node gets no connection");
    assert(!one.witness.connected.has(2), "nobody connects to a removed node");
    assert(three.witness.removedBy.size === 0, "node 3 was not removed");
  });

  withGroup("Network delivers to a peer what it is sent before it is let go", async (group) => {
    const [one, two] = await group.pair();
    const sent = Array.from({ length: 50 }, (_, seed) => bytesOf(10_000, seed));
    for (const payload of sent) assert(one.network.send(2, frameOf(payload)), "it is connected");
    one.network.setPeers([]);
    one.network.setRemoved([2]);
    assert(one.witness.disconnectCount === 0, "nothing is told meanwhile");
    const last = bytesOf(1, 99);
    assert(one.network.send(2, frameOf(last)), "it is not gone yet");
    await group.until(() => two.witness.frames.length > sent.length);
    const payloads = two.witness.frames.map(({ frame }) => frame.payload);
    for (const [offset, payload] of [...sent, last].entries()) {
      assert(sameBytes(at(payloads, offset), payload), "all of it arrives, in order");
    }
    await group.until(() => !one.witness.connected.has(2) && !two.witness.connected.has(1));
    await group.until(() => two.witness.removedBy.has(1));
    assert(!one.network.send(2, frameOf(last)), "a removed node is not sent to");
    assert(!two.network.send(1, frameOf(last)), "a removed node cannot send");
  });

  withGroup("Network lets itself be told that this node was removed", async (group) => {
    const [one, two] = await group.pair();
    one.network.setRemoved([1]);
    await exchange(group, one, two);
  });
}

/** Sends a frame each way, and waits until both have arrived. */
async function exchange(group: Group, one: Member, two: Member): Promise<void> {
  const [before, beforeToo] = [one.witness.frames.length, two.witness.frames.length];
  await group.until(() => one.network.send(2, frameOf(bytesOf(3, 1))));
  await group.until(() => two.network.send(1, frameOf(bytesOf(3, 2))));
  await group.until(
    () => one.witness.frames.length > before && two.witness.frames.length > beforeToo,
  );
}
