import type { Clock, Timer } from "@quorate/runtime";
import { type Life, type Microseconds, type Timeline, usPerMs } from "./timeline.ts";

/** The rate of a true clock: how many units it counts in a thousand. */
export const trueRatePerMille = 1000;

interface SkewedTimer {
  /** By this clock. */
  readonly dueAt: Microseconds;
  readonly callback: () => void;
}

/**
 * The clock of one process: it may run fast or slow, and jump ahead, but never goes back. It counts
 * whole microseconds, so that every platform rounds alike. Deferred work runs a moment later, in order.
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
    this.#start = this.#show();
    this.#worldStart = this.#timeline.now;
    this.#ratePerMille = perMille;
    for (const timer of this.#timers) this.#arm(timer);
  }

  /** Shows `by` more from now on. */
  jump(by: Microseconds): void {
    this.#start += by;
    for (const timer of this.#timers) this.#arm(timer);
  }

  #show(): Microseconds {
    const passed = this.#timeline.now - this.#worldStart;
    return this.#start + Math.floor((passed * this.#ratePerMille) / trueRatePerMille);
  }

  #arm(timer: SkewedTimer): void {
    const left = Math.max(0, timer.dueAt - this.#show());
    const delay = Math.ceil((left * trueRatePerMille) / this.#ratePerMille);
    this.#timeline.add(delay, "timer", () => this.#fire(timer), this.#life);
  }

  #fire(timer: SkewedTimer): void {
    if (!this.#timers.has(timer)) return;
    if (this.#show() < timer.dueAt) {
      this.#arm(timer);
      return;
    }
    this.#timers.delete(timer);
    timer.callback();
  }
}
