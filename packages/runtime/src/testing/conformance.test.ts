import { expect, test } from "vitest";
import { clockConformance } from "./clock-conformance.ts";
import type { Until } from "./conformance.ts";
import { LoopbackHub } from "./loopback-hub.ts";
import { ManualClock } from "./manual-clock.ts";
import { networkConformance } from "./network-conformance.ts";
import { randomConformance } from "./random-conformance.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { Clock, Network, Random } from "../ports.ts";

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

test("networkConformance finds a network that loses, repeats, swaps or misnames", async () => {
  const broken = (change: (network: Network, id: number) => Partial<Network>) =>
    failuresOf((collect) =>
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
  expect(await broken(() => ({}))).toEqual([]);
  expect(await broken(() => ({ send: () => true }))).not.toEqual([]);
  expect(
    await broken((network) => ({
      send: (to, chunks) => network.send(to, chunks) && network.send(to, chunks),
    })),
  ).not.toEqual([]);
  expect(
    await broken((network) => ({
      open: (receiver) =>
        network.open({
          onFrame: (from, frame) => receiver.onFrame(from + 1, frame),
          onConnected: (peer) => receiver.onConnected(peer),
          onDisconnected: (peer, reason) => receiver.onDisconnected(peer, reason),
          onRemoved: (by) => receiver.onRemoved(by),
          onPeerSeen: (node) => receiver.onPeerSeen(node),
        }),
    })),
  ).not.toEqual([]);
  expect(await broken(() => ({ close: async () => {} }))).not.toEqual([]);
});

test("randomConformance finds a generator that is stuck, too small or a fraction", async () => {
  const failures = (random: Random) =>
    failuresOf((collect) => randomConformance(collect, () => random));
  expect(await failures({ uint32: () => 7 })).not.toEqual([]);
  const small = new SeededRandom(2);
  expect(await failures({ uint32: () => small.uint32() & 0xffff })).not.toEqual([]);
  expect(await failures({ uint32: () => small.uint32() / 2 ** 32 })).not.toEqual([]);
});
