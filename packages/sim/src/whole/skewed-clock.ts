import type { NodeId } from "@quorate/core";
import type { Clock, Timer } from "@quorate/runtime";
import { scatter } from "./scatter.ts";
import { type Life, type Microseconds, type Timeline, usPerMs } from "./timeline.ts";
import type { WholePlan } from "./whole-plan.ts";

/** The rate of a true clock: how many units it counts in a thousand. */
export const trueRatePerMille = 1000;

interface SkewedTimer {
  /** By this clock. */
  readonly dueAt: Microseconds;
  readonly callback: () => void;
}

/** What the time of day is when a world begins, in milliseconds since 1970. */
const wallStartMs = 1_700_000_000_000;

/**
 * The clock of one process: it may run fast or slow, and jump ahead, but never goes back. It counts
 * whole microseconds, so that every platform rounds alike. Deferred work runs a moment later, in order.
 *
 * The time of day goes in step with it, rate and jumps included, but for two things: while the machine
 * is suspended only the time of day goes on, and somebody may set it.
 */
export class SkewedClock implements Clock {
  readonly #timeline: Timeline;
  readonly #life: Life;
  readonly #deferUs: Microseconds;
  readonly #timers = new Set<SkewedTimer>();
  /** What this clock showed when the world's time was `#worldStart`; since then it has kept its rate. */
  #start: Microseconds = 0;
  #worldStart: Microseconds;
  #ratePerMille: number;
  #suspended = false;
  /** How far the time of day is ahead of the rest, apart from the suspension that lasts. */
  #wallAhead: Microseconds = 0;

  /** `deferUs` is how long deferred work waits: at least 1, so that time goes on. */
  constructor(
    timeline: Timeline,
    life: Life,
    deferUs: Microseconds,
    ratePerMille: number = trueRatePerMille,
  ) {
    this.#timeline = timeline;
    this.#life = life;
    this.#deferUs = Math.max(1, deferUs);
    this.#worldStart = timeline.now;
    this.#ratePerMille = ratePerMille;
  }

  /** How many timers are set. */
  get timerCount(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#show() / usPerMs;
  }

  wall(): number {
    const missed = this.#suspended ? this.#passed() : 0;
    return wallStartMs + (this.#show() + this.#wallAhead + missed) / usPerMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const delay = Math.ceil(Math.max(0, delayMs) * usPerMs);
    const timer = { dueAt: this.#show() + delay, callback };
    this.#timers.add(timer);
    this.#arm(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  defer(callback: () => void): void {
    this.#timeline.add(this.#deferUs, "defer", callback, this.#life);
  }

  /** Goes on at another rate: `perMille` units in a thousand, at least 1. */
  setRate(perMille: number): void {
    this.#turn();
    this.#ratePerMille = perMille;
    this.#armAll();
  }

  /** Shows `by` more from now on. */
  jump(by: Microseconds): void {
    this.#start += by;
    this.#armAll();
  }

  /** Sets the time of day ahead by `by`, or back if that is negative. */
  setWall(by: Microseconds): void {
    this.#wallAhead += by;
  }

  /** Stands still from now on, like its timers, while the time of day goes on. */
  suspend(): void {
    this.#turn();
    this.#suspended = true;
  }

  /** Goes on after `suspend`. What stood still is not made up for. */
  resume(): void {
    this.#turn();
    this.#suspended = false;
    this.#armAll();
  }

  /** Ends a stretch of one rate: what comes next is counted from here. */
  #turn(): void {
    const shown = this.#show();
    if (this.#suspended) this.#wallAhead += this.#passed();
    this.#start = shown;
    this.#worldStart = this.#timeline.now;
  }

  /** What has passed since the last turn, at the rate of this clock. */
  #passed(): Microseconds {
    const passed = this.#timeline.now - this.#worldStart;
    return Math.floor((passed * this.#ratePerMille) / trueRatePerMille);
  }

  #show(): Microseconds {
    return this.#suspended ? this.#start : this.#start + this.#passed();
  }

  #armAll(): void {
    for (const timer of this.#timers) this.#arm(timer);
  }

  #arm(timer: SkewedTimer): void {
    if (this.#suspended) return;
    const left = Math.max(0, timer.dueAt - this.#show());
    const delay = Math.ceil((left * trueRatePerMille) / this.#ratePerMille);
    this.#timeline.add(delay, "timer", () => this.#fire(timer), this.#life);
  }

  #fire(timer: SkewedTimer): void {
    if (this.#suspended || !this.#timers.has(timer)) return;
    if (this.#show() < timer.dueAt) {
      this.#arm(timer);
      return;
    }
    this.#timers.delete(timer);
    timer.callback();
  }
}

/** How fast the clock of a node goes while nothing befalls it: where leases count on it, not quite right. */
export function usualRateOf(
  { leaseReads, clockDriftPerMille, seed }: WholePlan,
  id: NodeId,
): number {
  if (leaseReads === 0) return trueRatePerMille;
  return trueRatePerMille + (scatter(3, seed, 81, id) - 1) * clockDriftPerMille;
}
