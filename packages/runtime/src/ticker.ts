import type { Clock, Timer } from "./ports.ts";

/**
 * Turns time into ticks: one every `tickMs`, on a schedule that does not drift.
 *
 * A process that was paused, or too busy to look at its timers, makes up for `catchUpMax` ticks at
 * most and forgets the rest: the others' messages of that time are still waiting to be read, and
 * only after them may it conclude that a leader is silent. For the same reason ticks are counted
 * after the events that are already waiting.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #catchUpMax: number;
  readonly #tick: (count: number, lateMs: number) => void;
  #timer: Timer | undefined;
  /** When the last tick was due. */
  #lastAt: number;
  #stopped = false;

  /**
   * Calls `tick` with how many ticks have passed, 1 to `catchUpMax`, and how late that is: what passed
   * since the first of them was due, in milliseconds.
   */
  constructor(
    clock: Clock,
    tickMs: number,
    catchUpMax: number,
    tick: (count: number, lateMs: number) => void,
  ) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#catchUpMax = catchUpMax;
    this.#tick = tick;
    this.#lastAt = clock.now();
    this.#arm();
  }

  /** Ends the ticks. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    const delayMs = Math.max(0, this.#lastAt + this.#tickMs - this.#clock.now());
    this.#timer = this.#clock.setTimer(delayMs, () => this.#clock.defer(() => this.#count()));
  }

  #count(): void {
    if (this.#stopped) return;
    const passedMs = this.#clock.now() - this.#lastAt;
    const due = Math.floor(passedMs / this.#tickMs);
    this.#lastAt += due * this.#tickMs;
    this.#arm();
    if (due > 0) this.#tick(Math.min(due, this.#catchUpMax), passedMs - this.#tickMs);
  }
}
