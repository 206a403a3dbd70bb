import { assert } from "@quorate/core";
import type { Clock } from "../ports.ts";
import type { TestFunction, Until } from "./conformance.ts";

/** One clock under test. */
export interface ClockHarness {
  readonly clock: Clock;
  readonly until: Until;
}

/** The first of January 2020: before any machine that this runs on was set up. */
const wallLeastMs = 1_577_836_800_000;

/** By how much two looks at a clock of whole milliseconds may misjudge what passed between them. */
const roundingMs = 2;

/** Registers the cases that every `Clock` must pass. */
export function clockConformance(test: TestFunction, newHarness: () => ClockHarness): void {
  timeCases(test, newHarness);
  timerCases(test, newHarness);
  deferCases(test, newHarness);
}

function timeCases(test: TestFunction, newHarness: () => ClockHarness): void {
  test("Clock.now never goes back", async () => {
    const { clock, until } = newHarness();
    let last = clock.now();
    for (let look = 0; look < 1000; look++) {
      const now = clock.now();
      assert(now >= last, "time is monotonic");
      last = now;
    }
    const start = last;
    let fired = false;
    clock.setTimer(5, () => (fired = true));
    await until(() => fired);
    assert(clock.now() > start, "time passes");
  });

  test("Clock.wall counts milliseconds since 1970, and keeps pace with now", async () => {
    const { clock, until } = newHarness();
    assert(clock.wall() > wallLeastMs, "it is not long ago");
    // Each span of one clock lies within one of the other, however slow the looks themselves are.
    const outerWall = clock.wall();
    const start = clock.now();
    const innerWall = clock.wall();
    let fired = false;
    clock.setTimer(50, () => (fired = true));
    await until(() => fired);
    const innerMs = clock.now() - start;
    const end = clock.wall();
    const outerMs = clock.now() - start;
    assert(end - outerWall >= innerMs - roundingMs, "it is not slower than now");
    assert(end - innerWall <= outerMs + roundingMs, "it is not faster than now");
  });
}

function timerCases(test: TestFunction, newHarness: () => ClockHarness): void {
  test("Clock.setTimer fires once, and no sooner than asked", async () => {
    const { clock, until } = newHarness();
    const start = clock.now();
    const firedAfterMs: number[] = [];
    for (const delayMs of [0, 1, 5, 20]) {
      clock.setTimer(delayMs, () => {
        assert(clock.now() - start >= delayMs, `no sooner than ${delayMs} ms`);
        firedAfterMs.push(delayMs);
      });
    }
    assert(firedAfterMs.length === 0, "no timer fires within the call that sets it");
    let last = false;
    clock.setTimer(40, () => (last = true));
    await until(() => last);
    assert(firedAfterMs.join() === "0,1,5,20", "each fires once, the sooner the earlier");
  });

  test("Clock.setTimer can be cancelled, also after it fired", async () => {
    const { clock, until } = newHarness();
    let cancelledFired = false;
    let fireCount = 0;
    const cancelled = clock.setTimer(1, () => (cancelledFired = true));
    const kept = clock.setTimer(10, () => fireCount++);
    cancelled.cancel();
    cancelled.cancel();
    await until(() => fireCount > 0);
    kept.cancel();
    assert(!cancelledFired, "a cancelled timer never fires");
    assert(fireCount === 1, "the other fires once");
  });

  test("Clock.setTimer may be called from a timer", async () => {
    const { clock, until } = newHarness();
    let count = 0;
    const again = (): void => {
      count++;
      if (count < 3) clock.setTimer(1, again);
    };
    clock.setTimer(1, again);
    await until(() => count === 3);
  });
}

function deferCases(test: TestFunction, newHarness: () => ClockHarness): void {
  test("Clock.defer runs work later, in order, once", async () => {
    const { clock, until } = newHarness();
    const order: number[] = [];
    for (const name of [1, 2, 3]) clock.defer(() => order.push(name));
    assert(order.length === 0, "not within the call");
    await Promise.resolve();
    assert(order.length === 0, "not before the events that are already waiting");
    await until(() => order.length >= 3);
    assert(order.join() === "1,2,3", "in the order in which it was deferred");
  });

  test("Clock.defer from deferred work waits its turn, and does not starve timers", async () => {
    const { clock, until } = newHarness();
    let fired = false;
    let rounds = 0;
    const again = (): void => {
      rounds++;
      if (!fired) clock.defer(again);
    };
    clock.defer(again);
    clock.setTimer(2, () => (fired = true));
    await until(() => fired);
    assert(rounds > 0, "deferred work ran");
  });
}
