import type { Clock, Timer } from "../ports.ts";

interface ManualTimer {
  readonly at: number;
  /** Breaks ties: timers of one instant fire in the order in which they were set. */
  readonly order: number;
  readonly callback: () => void;
}

/** What a manual clock shows as the time of day when it is made, in milliseconds since 1970. */
const wallStartMs = 1_700_000_000_000;

/**
 * A clock that moves only when told to. Timers fire in the order of their times, and work that was
 * deferred runs after each of them: the same calls give the same run.
 */
export class ManualClock implements Clock {
  #now = 0;
  /** How far the time of day is ahead of `#now`. */
  #wallAhead = wallStartMs;
  #order = 0;
  readonly #timers = new Set<ManualTimer>();
  #deferred: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallAhead;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Whether deferred work waits. */
  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }

  /** How many timers are set. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /**
   * Runs the work that is deferred now; what it defers in turn waits for the next call. If it throws,
   * so does this call, and the rest waits too.
   */
  runDeferred(): void {
    const deferred = this.#deferred;
    this.#deferred = [];
    let count = 0;
    try {
      for (const callback of deferred) {
        count++;
        callback();
      }
    } finally {
      this.#deferred = [...deferred.slice(count), ...this.#deferred];
    }
  }

  /** Lets `ms` pass. Timers fire when due, each followed by the deferred work that then waits. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#nextTimer();
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      this.runDeferred();
    }
    this.#now = end;
  }

  /** Lets `ms` pass as for a process that was paused: no timer fires before all the time is over. */
  pause(ms: number): void {
    this.#now += ms;
  }

  /** Lets `ms` pass as for a machine that was suspended: only the time of day goes on. */
  suspend(ms: number): void {
    this.#wallAhead += ms;
  }

  /** Sets the time of day forward by `ms`, or back if that is negative. No time passes. */
  setWall(ms: number): void {
    this.#wallAhead += ms;
  }

  #nextTimer(): ManualTimer | undefined {
    let next: ManualTimer | undefined;
    for (const timer of this.#timers) {
      const isSooner =
        next === undefined ||
        timer.at < next.at ||
        (timer.at === next.at && timer.order < next.order);
      if (isSooner) next = timer;
    }
    return next;
  }
}
