import type { Clock } from "./ports.ts";

/** How often the loop may be late within a window. */
const lateCountMax = 3;

/**
 * Tells whether the event loop lags: it is late again and again, so that whoever waits for this node to
 * speak does so in vain. Once may be a pause that will not come back.
 */
export class LoopWatch {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #windowMs: number;
  /** When it was late, within the window. */
  #lateAt: number[] = [];

  /**
   * `patienceMs` is how late ticks may be; the loop lags if they were later three times within
   * `windowMs`.
   */
  constructor(clock: Clock, patienceMs: number, windowMs: number) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#windowMs = windowMs;
  }

  /** Ticks came late by `lateMs`. */
  onTicks(lateMs: number): void {
    if (lateMs <= this.#patienceMs) return;
    const now = this.#clock.now();
    this.#lateAt = this.#lateAt.filter((at) => now - at < this.#windowMs);
    this.#lateAt.push(now);
  }

  /** Whether the loop lags. Says so once: after that it has to be late as often again. */
  takeLag(): boolean {
    if (this.#lateAt.length < lateCountMax) return false;
    this.#lateAt = [];
    return true;
  }
}
