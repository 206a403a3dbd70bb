import { clockConformance, networkConformance, randomConformance } from "@quorate/runtime/testing";
import { diskConformance, MemoryDisk } from "@quorate/wal/testing";
import { SeededRandom } from "@quorate/core";
import { expect, test } from "vitest";
import { Trace } from "../trace.ts";
import { FrameNetwork, type NetworkHost } from "./frame-network.ts";
import { SkewedClock } from "./skewed-clock.ts";
import { TimedDisk } from "./timed-disk.ts";
import { type Life, Timeline } from "./timeline.ts";

const aliveOn = (node: number): Life => ({ node, isAlive: true, isPaused: false });

/** Lets a timeline go on until `condition` holds, for at most a minute of its time. */
function untilOf(timeline: Timeline): (condition: () => boolean) => Promise<void> {
  return async (condition) => {
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      if (ticks < 60_000) timeline.add(1000, "world", tick);
    };
    tick();
    while (!condition()) {
      if (ticks >= 60_000) throw new Error(`never: ${condition.toString()}`);
      await timeline.advance();
    }
  };
}

for (const ratePerMille of [1000, 250, 4000]) {
  clockConformance(
    (name, run) => test(`${name}, at a rate of ${ratePerMille}`, run),
    () => {
      const timeline = new Timeline(new Trace(undefined));
      const clock = new SkewedClock(timeline, aliveOn(1), 20, ratePerMille);
      return { clock, until: untilOf(timeline) };
    },
  );
}

randomConformance(test, () => new SeededRandom(1, 2));

const calmHost: NetworkHost = {
  ids: [1, 2, 3],
  deadConnectionUs: 1000,
  connectUs: 100,
  delay: () => 50,
  fate: () => undefined,
  sent: () => {},
  happened: () => {},
};

networkConformance(test, async () => {
  const timeline = new Timeline(new Trace(undefined));
  const network = new FrameNetwork(timeline, calmHost);
  return {
    network: (id) => network.network(aliveOn(id)),
    address: () => "",
    until: untilOf(timeline),
    close: async () => {},
  };
});

/** A disk whose time goes by itself: each call is over before the next is looked at. */
function newDisk(): TimedDisk {
  const timeline = new Timeline(new Trace(undefined));
  const host = {
    latency: (): number => {
      // The call is added once this returns, and can then be awaited.
      void Promise.resolve().then(() => timeline.advance());
      return 5;
    },
    before: (): undefined => undefined,
    after: (): void => {},
  };
  return new TimedDisk(new MemoryDisk(), timeline, aliveOn(1), host);
}

diskConformance(async () => newDisk(), {
  test,
  equal: (actual, expected, claim) => expect(actual, claim).toEqual(expected),
});

test("a clock that jumps shows more at once, and fires what is due", async () => {
  const timeline = new Timeline(new Trace(undefined));
  const clock = new SkewedClock(timeline, aliveOn(1), 1);
  const fired: number[] = [];
  clock.setTimer(1000, () => fired.push(clock.now()));
  clock.setTimer(3000, () => fired.push(clock.now()));
  clock.jump(2_000_000);
  expect(clock.now()).toBe(2000);
  await timeline.advance();
  expect(fired).toEqual([2000]);
  expect(timeline.now).toBe(0);
});

test("a clock that is suspended stands still with its timers, but for the time of day", async () => {
  const timeline = new Timeline(new Trace(undefined));
  const clock = new SkewedClock(timeline, aliveOn(1), 1, 500);
  const start = clock.wall();
  const fired: number[] = [];
  clock.setTimer(1000, () => fired.push(clock.now()));
  const untilWorldIs = async (ms: number): Promise<void> => {
    timeline.add(ms * 1000 - timeline.now, "world", () => {});
    while (timeline.now < ms * 1000) await timeline.advance();
  };
  await untilWorldIs(1000);
  expect([clock.now(), clock.wall() - start]).toEqual([500, 500]);
  clock.suspend();
  clock.setTimer(100, () => fired.push(clock.now()));
  await untilWorldIs(5000);
  expect([clock.now(), clock.wall() - start]).toEqual([500, 2500]);
  clock.setRate(1000);
  await untilWorldIs(6000);
  expect([clock.now(), clock.wall() - start]).toEqual([500, 3500]);
  expect(fired).toEqual([]);
  clock.resume();
  await untilWorldIs(7000);
  expect([clock.now(), clock.wall() - start]).toEqual([1500, 4500]);
  expect(fired).toEqual([600, 1000]);
});

test("a clock whose time of day is set tells so, and nothing else", () => {
  const clock = new SkewedClock(new Timeline(new Trace(undefined)), aliveOn(1), 1);
  const start = clock.wall();
  clock.setWall(-3_600_000_000);
  expect([clock.now(), clock.wall() - start]).toEqual([0, -3_600_000]);
  clock.jump(1_000_000);
  expect([clock.now(), clock.wall() - start]).toEqual([1000, -3_599_000]);
});

test("a process that is over does nothing more, and one that is paused does it later", async () => {
  const timeline = new Timeline(new Trace(undefined));
  const life = aliveOn(1);
  const clock = new SkewedClock(timeline, life, 1);
  const done: string[] = [];
  clock.defer(() => done.push("first"));
  life.isPaused = true;
  await timeline.advance();
  expect(done).toEqual([]);
  timeline.resume(life);
  await timeline.advance();
  expect(done).toEqual(["first"]);
  clock.defer(() => done.push("second"));
  life.isAlive = false;
  await timeline.advance();
  expect(done).toEqual(["first"]);
});
