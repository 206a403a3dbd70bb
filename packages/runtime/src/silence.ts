import type { Ticks } from "@quorate/core";

/**
 * Whether a node whose disk has been full for `fullTicks` keeps silent, so that one with room takes
 * over: a leader begins no reads, which are confirmed by heartbeats that would keep the followers loyal, and
 * nobody campaigns. That is so for three election timeouts, in which an election all but surely succeeds. A
 * leader that is one still was not replaced, because the other disks are full too: then it serves reads,
 * and gives the others another chance every ten times as long.
 */
export function isSilent(fullTicks: Ticks, electionTimeoutTicks: Ticks): boolean {
  const silentTicks = 3 * electionTimeoutTicks;
  return fullTicks % (10 * silentTicks) < silentTicks;
}
