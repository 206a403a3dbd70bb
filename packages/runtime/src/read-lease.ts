import type { Ticks } from "@quorate/core";
import type { ClockTrust } from "./evidence.ts";

/** What the length of a lease follows from. The first three must be the same on every node. */
export interface LeaseTerms {
  readonly tickMs: number;
  readonly electionTimeoutTicks: Ticks;
  /** How many ticks a node makes up for at once, at most. */
  readonly tickCatchUpMax: number;
  /** By which part of true time a clock may be slow or fast. */
  readonly clockDriftMax: number;
}

/**
 * For how long after a round of heartbeats began, which a majority answered, no other leader can have
 * been elected unless this one asked for it (thesis §6.4.1): in milliseconds of true time. Not above 0
 * if the timeout is too short for a lease.
 *
 * With `leaseReads`, a node that heard from a leader grants no vote before it has counted
 * E = `electionTimeoutTicks` ticks since, whatever it learns meanwhile and also if it is restarted. A
 * leader elected without one of the nodes that answered had no majority, so it is enough to ask when the
 * first of these may have counted E. Say that it heard the heartbeat at h, which is after the round
 * began, and counts with a clock of its own:
 *
 * - Ticks due before h may be counted after it: C = `tickCatchUpMax` of them at most, because a ticker
 *   that is late forgets the rest.
 * - The first tick due after h may be due at once: ticks have a phase. From then on one is due every
 *   `tickMs`; late ones are counted later, never earlier. So in a span of s after h, at most
 *   C + 1 + s / `tickMs` ticks are counted.
 *
 * E of them therefore take it (E − C − 1) · `tickMs` by its clock, and no less than 1 / (1 + drift) of
 * that if the clock is fast. A clock that stands still, a pause and a full disk only make it longer.
 * What the leader's own clock may hide is in the age of its evidence: see `Evidence`.
 *
 * Changes of the configuration do not shorten it. A majority that confirmed a round under one
 * configuration shares a node with every majority of the next one. Who acts by the one after that holds
 * the entry that brought it, and this leader proposed that only once it had applied the next, so after
 * the round began: it has heard from this leader since, and campaigns no sooner than E ticks later.
 *
 * A transfer ends all of this: the node that was asked to campaign is voted for at once, and the request
 * may arrive late, after the transfer was given up. Until the end of its term such a leader has no lease.
 */
export function leaseMsOf(terms: LeaseTerms): number {
  const { tickMs, electionTimeoutTicks, tickCatchUpMax, clockDriftMax } = terms;
  return ((electionTimeoutTicks - tickCatchUpMax - 1) * tickMs) / (1 + clockDriftMax);
}

/**
 * How far the clocks of a node are trusted. A quarter of a tick is more than the jitter between two looks
 * at a clock, and costs a lease little.
 */
export function clockTrustOf({ tickMs, clockDriftMax }: LeaseTerms): ClockTrust {
  return { driftMax: clockDriftMax, partingMsMax: tickMs / 4 + 1 };
}
