import type { Clock, Timer } from "./ports.ts";

/** One who waits to send. */
export interface ThrottleTicket {
  readonly bytes: number;
  readonly onTurn: () => void;
}

/** How many seconds' worth of bytes may be sent at once after a pause. */
const burstSeconds = 0.1;

/**
 * Limits how many bytes leave per second, all senders together: a bucket of tokens, one per byte. Whoever
 * finds some left takes as many as needed, also more than there are; then all wait until the debt is
 * paid, and are served in the order in which they came.
 */
export class SnapshotThrottle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  readonly #resume: (work: () => void) => void;
  readonly #waiting = new Set<ThrottleTicket>();
  /** What was left at `#countedAt`; less than 0 is a debt. */
  #tokens: number;
  #countedAt: number;
  #timer: Timer | undefined;

  /** `bytesPerSecond` may be `Infinity`. `resume` runs work as an event of its own. */
  constructor(clock: Clock, bytesPerSecond: number, resume: (work: () => void) => void) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#resume = resume;
    this.#tokens = bytesPerSecond * burstSeconds;
    this.#countedAt = clock.now();
  }

  /** Takes tokens for `bytes`, if there are any and nobody waits; otherwise `wait` for them. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.size > 0 || !this.#hasTokens()) return false;
    this.#tokens -= bytes;
    return true;
  }

  /** Calls `onTurn`, once and later, when tokens for `bytes` were taken. */
  wait(bytes: number, onTurn: () => void): ThrottleTicket {
    const ticket = { bytes, onTurn };
    this.#waiting.add(ticket);
    if (this.#timer === undefined) this.#arm();
    return ticket;
  }

  /** Waits no longer. Does nothing if it was this one's turn. */
  cancel(ticket: ThrottleTicket): void {
    this.#waiting.delete(ticket);
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #hasTokens(): boolean {
    if (this.#bytesPerSecond === Infinity) return true;
    const now = this.#clock.now();
    const earned = ((now - this.#countedAt) * this.#bytesPerSecond) / 1000;
    this.#tokens = Math.min(this.#tokens + earned, this.#bytesPerSecond * burstSeconds);
    this.#countedAt = now;
    return this.#tokens > 0;
  }

  #arm(): void {
    // At least a millisecond, so that rounding cannot make it a busy loop.
    const delayMs = 1 + Math.max(0, (-this.#tokens * 1000) / this.#bytesPerSecond);
    this.#timer = this.#clock.setTimer(delayMs, () => this.#resume(() => this.#serve()));
  }

  #serve(): void {
    this.#timer = undefined;
    for (const ticket of this.#waiting) {
      if (!this.#hasTokens()) break;
      this.#waiting.delete(ticket);
      this.#tokens -= ticket.bytes;
      ticket.onTurn();
    }
    if (this.#waiting.size > 0) this.#arm();
  }
}
