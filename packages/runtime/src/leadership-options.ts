import { refuse, within } from "./check-option.ts";
import { clockTrustOf, type LeaseTerms, leaseMsOf } from "./read-lease.ts";

/** How far clocks are trusted, and how leadership is given up. */
export interface LeadershipOptions {
  /**
   * By which part of true time the clocks of nodes may be slow or fast, 0 to 0.5. It shortens leases, and
   * the age of what a read with `stalenessMsMax` may rest on is counted longer by it.
   *
   * Quartz is off by less than 0.0001 and the kernel's own correction of it by 0.0005 at most; but chrony,
   * by default, makes a clock that is far off run up to 0.083 faster or slower until it is right again.
   * The default covers that, and takes less than a fifth of a lease.
   *
   * @default 0.1
   */
  readonly clockDriftMax?: number;

  /**
   * How long a leader that is being closed waits for another to take over, and then for what is pending
   * to settle, in milliseconds, 0 to 3,600,000. If none takes over, or with 0, the others find a new
   * leader after an election timeout.
   *
   * @default as long as an election timeout
   */
  readonly handOverTimeoutMs?: number;
}

/** The options that concern leadership, every one decided. */
export interface CompleteLeadershipOptions extends Required<LeadershipOptions> {
  /** Whether reads may count on leases. */
  readonly leaseReads: boolean;
}

/** Fills in the defaults. Throws `invalid_options` for a value of the wrong type or range. */
export function validateLeadershipOptions(
  options: LeadershipOptions,
  leaseReads: boolean,
  timing: Omit<LeaseTerms, "clockDriftMax">,
): CompleteLeadershipOptions {
  const clockDriftMax = within(0, 0.5, "clockDriftMax", options.clockDriftMax ?? 0.1);
  const { electionTimeoutTicks, tickMs } = timing;
  const handOverTimeoutMs = within(
    0,
    3_600_000,
    "handOverTimeoutMs",
    options.handOverTimeoutMs ?? Math.min(3_600_000, electionTimeoutTicks * tickMs),
  );
  const terms = { ...timing, clockDriftMax };
  if (leaseReads && leaseMsOf(terms) <= 2 * clockTrustOf(terms).partingMsMax) {
    const timeout = `${electionTimeoutTicks} ticks of ${tickMs} ms`;
    refuse(`leaseReads needs a longer electionTimeoutTicks, tickMs or both than ${timeout}`);
  }
  return { clockDriftMax, handOverTimeoutMs, leaseReads };
}
