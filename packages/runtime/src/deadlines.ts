import type { Clock, Timer } from "./ports.ts";

/** Something that must not wait for ever. */
export interface Expiring {
  /** The deadline has passed. Called at most once, and not after `remove`. */
  onDeadline(): void;
}

/** Where a deadline was filed: what `remove` needs to find it. */
export type DeadlineKey = number;

/** The longest delay that a timer takes, in milliseconds; for longer ones it is set again. */
const timerMsMax = 2 ** 31 - 1;

/**
 * The deadlines of all calls, under one timer.
 *
 * Deadlines that lie close together share a bucket, so that filing and removing one costs the same
 * however many there are, and the number of buckets stays small: a call may be expired late by one
 * part in 64 of the time it was given (at least 1 ms), and never early.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #resume: (work: () => void) => void;
  readonly #buckets = new Map<DeadlineKey, Set<Expiring>>();
  #timer: Timer | undefined;
  /** When the timer fires. */
  #timerAt: number = Number.POSITIVE_INFINITY;

  /** `resume` runs what the timer delayed, as an event of its own. */
  constructor(clock: Clock, resume: (work: () => void) => void) {
    this.#clock = clock;
    this.#resume = resume;
  }

  /** Files `item` to expire `timeoutMs` from now. */
  add(item: Expiring, timeoutMs: number): DeadlineKey {
    const now = this.#clock.now();
    const widthMs = 2 ** (32 - Math.clz32(timeoutMs / 128));
    const key = Math.ceil((now + timeoutMs) / widthMs) * widthMs;
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, new Set([item]));
    else bucket.add(item);
    if (key < this.#timerAt) this.#arm(key, now);
    return key;
  }

  /** Forgets `item`, filed under `key`. Does nothing if it has expired. */
  remove(item: Expiring, key: DeadlineKey): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return;
    bucket.delete(item);
    if (bucket.size === 0) this.#buckets.delete(key);
  }

  /** Forgets everything and stops the timer. */
  clear(): void {
    // Also the bucket that is being expired, if any.
    for (const bucket of this.#buckets.values()) bucket.clear();
    this.#buckets.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(at: number, now: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    const delayMs = Math.min(Math.max(0, at - now), timerMsMax);
    this.#timer = this.#clock.setTimer(delayMs, () => this.#resume(() => this.#fire()));
  }

  #fire(): void {
    const now = this.#clock.now();
    let earliest = Number.POSITIVE_INFINITY;
    const due: DeadlineKey[] = [];
    for (const key of this.#buckets.keys()) {
      if (key <= now) due.push(key);
      else if (key < earliest) earliest = key;
    }
    // Armed before anything expires, so that what an expiry files may arm an earlier timer.
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (earliest !== Number.POSITIVE_INFINITY) this.#arm(earliest, now);
    due.sort((a, b) => a - b);
    for (const key of due) this.#expire(key);
  }

  #expire(key: DeadlineKey): void {
    // One expiry may remove others of the bucket, or clear all: take them one at a time.
    const bucket = this.#buckets.get(key) ?? [];
    for (const item of bucket) {
      this.remove(item, key);
      item.onDeadline();
    }
  }
}
