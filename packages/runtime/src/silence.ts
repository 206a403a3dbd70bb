import type { Ticks } from "@quorate/core";

/**
 * Whether a leader whose disk has been full for `fullTicks` keeps silent, so that one with room takes
 * over. Reads are confirmed by heartbeats, and each would keep the followers loyal; so for three
 * election timeouts, in which an election all but surely succeeds, none is begun. A leader that is one
 * still was not replaced, because the other disks are full too: then it serves reads, and gives the
 * others another chance every ten times as long.
 */
export function isSilent(fullTicks: Ticks, electionTimeoutTicks: Ticks): boolean {
  const silentTicks = 3 * electionTimeoutTicks;
  return fullTicks % (10 * silentTicks) < silentTicks;
}
