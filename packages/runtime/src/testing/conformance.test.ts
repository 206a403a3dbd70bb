import { expect, test } from "vitest";
import { clockConformance } from "./clock-conformance.ts";
import type { Until } from "./conformance.ts";
import { LoopbackHub } from "./loopback-hub.ts";
import { ManualClock } from "./manual-clock.ts";
import { networkConformance } from "./network-conformance.ts";
import { randomConformance } from "./random-conformance.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { Clock, Network, Random, Receiver } from "../ports.ts";

/** Lets a manual clock run until `condition` holds, for at most a minute of its time. */
function untilOf(clock: ManualClock): Until {
  return async (condition) => {
    for (let ms = 0; ms < 60_000; ms++) {
      await Promise.resolve();
      if (condition()) return;
      clock.runDeferred();
      clock.advance(1);
    }
    throw new Error(`never: ${condition.toString()}`);
  };
}

clockConformance(test, () => {
  const clock = new ManualClock();
  return { clock, until: untilOf(clock) };
});

randomConformance(test, () => new SeededRandom(1));

networkConformance(test, async () => {
  const clock = new ManualClock();
  const hub = new LoopbackHub(clock);
  return {
    network: (id) => hub.network(id),
    address: () => "",
    until: untilOf(clock),
    close: async () => {},
  };
});

/** Which cases of a suite fail. */
async function failuresOf(
  register: (collect: (name: string, run: () => Promise<void>) => void) => void,
): Promise<string[]> {
  const cases: { name: string; run: () => Promise<void> }[] = [];
  register((name, run) => cases.push({ name, run }));
  const failures: string[] = [];
  for (const { name, run } of cases) {
    await run().catch(() => failures.push(name));
  }
  return failures;
}

test("clockConformance finds a clock that is early, or that cannot cancel", async () => {
  const broken = (change: (clock: ManualClock) => Partial<Clock>) =>
    failuresOf((collect) =>
      clockConformance(collect, () => {
        const clock = new ManualClock();
        const whole: Clock = {
          now: () => clock.now(),
          wall: () => clock.wall(),
          setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
          defer: (callback) => clock.defer(callback),
          ...change(clock),
        };
        return { clock: whole, until: untilOf(clock) };
      }),
    );
  expect(await broken(() => ({}))).toEqual([]);
  expect(await broken((clock) => ({ wall: () => clock.now() }))).toHaveLength(1);
  expect(await broken((clock) => ({ wall: () => clock.wall() - clock.now() }))).toHaveLength(1);
  expect(await broken((clock) => ({ wall: () => clock.wall() + clock.now() }))).toHaveLength(1);
  expect(
    await broken((clock) => ({ setTimer: (ms, callback) => clock.setTimer(ms / 2, callback) })),
  ).toHaveLength(1);
  expect(
    await broken((clock) => ({
      setTimer: (ms, callback) => {
        clock.setTimer(ms, callback);
        return { cancel: () => {} };
      },
    })),
  ).toHaveLength(1);
  expect(await broken(() => ({ defer: (callback) => callback() }))).not.toEqual([]);
});

/** Which cases of the suite for networks fail if `change` is made to those of a hub. */
function failuresOfNetwork(
  change: (network: Network, id: number) => Partial<Network>,
): Promise<string[]> {
  return failuresOf((collect) =>
    networkConformance(collect, async () => {
      const clock = new ManualClock();
      const hub = new LoopbackHub(clock);
      return {
        network: (id) => {
          const network = hub.network(id);
          return { ...network, ...change(network, id) };
        },
        address: () => "",
        until: untilOf(clock),
        close: async () => {},
      };
    }),
  );
}

/** Makes a network tell its receiver what `change` makes of it. */
function telling(change: (receiver: Receiver) => Partial<Receiver>) {
  return (network: Network): Partial<Network> => ({
    open: (receiver, incarnation) => {
      const whole: Receiver = {
        onFrame: (from, frame) => receiver.onFrame(from, frame),
        onConnected: (peer) => receiver.onConnected(peer),
        onDisconnected: (peer, reason) => receiver.onDisconnected(peer, reason),
        onRemoved: (by) => receiver.onRemoved(by),
        onPeerSeen: (node) => receiver.onPeerSeen(node),
      };
      return network.open({ ...whole, ...change(receiver) }, incarnation);
    },
  });
}

test("networkConformance finds a network that loses, repeats, swaps or misnames", async () => {
  expect(await failuresOfNetwork(() => ({}))).toEqual([]);
  expect(await failuresOfNetwork(telling(() => ({})))).toEqual([]);
  expect(await failuresOfNetwork(() => ({ send: () => true }))).not.toEqual([]);
  expect(
    await failuresOfNetwork((network) => ({
      send: (to, chunks) => network.send(to, chunks) && network.send(to, chunks),
    })),
  ).not.toEqual([]);
  expect(
    await failuresOfNetwork(
      telling((receiver) => ({ onFrame: (from, frame) => receiver.onFrame(from + 1, frame) })),
    ),
  ).not.toEqual([]);
  expect(await failuresOfNetwork(() => ({ close: async () => {} }))).not.toEqual([]);
});

test("networkConformance finds a network that does not follow the table of its peers", async () => {
  const ignored = await failuresOfNetwork(() => ({ setPeers: () => {} }));
  expect(ignored).toContain("Network refuses a peer with another log than its table says");
  expect(ignored).toContain("Network lets a peer go that is left out, and in again");
  const keepsAll = await failuresOfNetwork(() => ({ setRemoved: () => {} }));
  expect(keepsAll).toContain("Network refuses a removed node, and tells it so");
  expect(keepsAll).toContain("Network delivers to a peer what it is sent before it is let go");
  const nameless = await failuresOfNetwork((network) => ({
    open: (receiver) => network.open(receiver, new Uint8Array(16)),
  }));
  expect(nameless).toContain("Network holds a peer to the log that it came with first");
  const cutsOff = await failuresOfNetwork((network) => {
    let removed: readonly number[] = [];
    return {
      setRemoved: (ids) => network.setRemoved((removed = ids)),
      send: (to, chunks) => !removed.includes(to) && network.send(to, chunks),
    };
  });
  expect(cutsOff).toEqual(["Network delivers to a peer what it is sent before it is let go"]);
});

test("networkConformance finds a network that tells too little, too much or too soon", async () => {
  const silent = await failuresOfNetwork(telling(() => ({ onRemoved: () => {} })));
  expect(silent).toContain("Network refuses a removed node, and tells it so");
  const blind = await failuresOfNetwork(telling(() => ({ onPeerSeen: () => {} })));
  expect(blind).toContain("Network tells the name of a log that its table lacks, and of no other");
  const chatty = await failuresOfNetwork(
    telling((receiver) => ({
      onConnected: (id) => {
        receiver.onConnected(id);
        receiver.onPeerSeen({ id, address: "", incarnation: new Uint8Array(16) });
      },
    })),
  );
  expect(chatty).toContain("Network connects the peers that it is told before it opens");
  const hasty = await failuresOfNetwork((network) => {
    let told: Receiver | undefined;
    return {
      open: (receiver, incarnation) => network.open((told = receiver), incarnation),
      setRemoved: (ids) => {
        network.setRemoved(ids);
        for (const id of ids) told?.onDisconnected(id, "removed");
      },
    };
  });
  expect(hasty).toContain("Network delivers to a peer what it is sent before it is let go");
});

test("randomConformance finds a generator that is stuck, too small or a fraction", async () => {
  const failures = (random: Random) =>
    failuresOf((collect) => randomConformance(collect, () => random));
  expect(await failures({ uint32: () => 7 })).not.toEqual([]);
  const small = new SeededRandom(2);
  expect(await failures({ uint32: () => small.uint32() & 0xffff })).not.toEqual([]);
  expect(await failures({ uint32: () => small.uint32() / 2 ** 32 })).not.toEqual([]);
});
