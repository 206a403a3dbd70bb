import fc from "fast-check";
import { expect, test } from "vitest";
import { leaseMsOf } from "./read-lease.ts";
import { ManualClock } from "./testing.ts";
import { Ticker } from "./ticker.ts";

const tickMs = 100;
const electionTimeoutTicks = 10;
const tickCatchUpMax = 2;

/** How a node spends some true time: it looks at its clock at the end, or all along. */
interface Span {
  readonly ms: number;
  readonly paused: boolean;
}

/**
 * How much true time passes on a node whose clock is fast by `clockDriftMax` between a heartbeat, which
 * it hears after `before`, and the moment at which it has counted an election timeout.
 */
function promisedMs(
  clockDriftMax: number,
  before: readonly Span[],
  after: readonly Span[],
): number {
  const clock = new ManualClock();
  let counted = 0;
  const ticker = new Ticker(clock, tickMs, tickCatchUpMax, (count) => (counted += count));
  const pass = ({ ms, paused }: Span): void => {
    if (paused) clock.pause(ms * (1 + clockDriftMax));
    else clock.advance(ms * (1 + clockDriftMax));
  };
  for (const span of before) pass(span);
  counted = 0;
  let promised = 0;
  for (let turn = 0; counted < electionTimeoutTicks; turn++) {
    // Whatever it does, it does at last in small steps.
    const span = after[turn] ?? { ms: 1, paused: false };
    pass(span);
    promised += span.ms;
  }
  ticker.stop();
  return promised;
}

test("leaseMsOf is never longer than a node keeps its promise, whatever delays its ticks", () => {
  const span = fc.record({ ms: fc.integer({ min: 0, max: 700 }), paused: fc.boolean() });
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.5, noNaN: true }),
      fc.array(span, { maxLength: 6 }),
      fc.array(span, { maxLength: 12 }),
      (clockDriftMax, before, after) => {
        const terms = { tickMs, electionTimeoutTicks, tickCatchUpMax, clockDriftMax };
        expect(promisedMs(clockDriftMax, before, after)).toBeGreaterThanOrEqual(leaseMsOf(terms));
      },
    ),
    { numRuns: 500 },
  );
});

test("leaseMsOf gives nothing away: ticks can be counted that early", () => {
  // Two ticks are late, and a third is due a moment after the heartbeat.
  const clockDriftMax = 0.25;
  const terms = { tickMs, electionTimeoutTicks, tickCatchUpMax, clockDriftMax };
  const before = [{ ms: (3 * tickMs - 1) / 1.25, paused: true }];
  const least = promisedMs(clockDriftMax, before, []);
  expect(leaseMsOf(terms)).toBe(560);
  expect(least - leaseMsOf(terms)).toBeLessThan(3);
});
