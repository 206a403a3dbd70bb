/** How long to wait between attempts. */
export interface BackoffLimits {
  /** The longest wait after the first failure, in milliseconds. */
  readonly reconnectMsMin: number;
  /** The longest wait ever, in milliseconds. */
  readonly reconnectMsMax: number;
}

/**
 * The wait before the attempt that follows `failureCount` failures in a row, in milliseconds: uniform
 * between 0 and a bound that doubles with each failure up to `reconnectMsMax`. The full range, since
 * nodes that lost the same peer at the same moment must not return to it together.
 *
 * `random` is in `[0, 1)`.
 */
export function backoffMs(failureCount: number, limits: BackoffLimits, random: number): number {
  // 2^30 exceeds any limit in milliseconds that a timer takes.
  const doublings = Math.min(Math.max(0, failureCount - 1), 30);
  return random * Math.min(limits.reconnectMsMax, limits.reconnectMsMin * 2 ** doublings);
}
