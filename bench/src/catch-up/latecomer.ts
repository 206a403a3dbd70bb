import { forgetPeak, peakBytesOf, residentBytesOf } from "../process-memory.ts";
import type { ProcessGroup } from "../process-group.ts";

/** How a follower that was away caught up. */
export interface CatchUp {
  /** From the leader's connection to the follower until that has applied the index asked for. */
  readonly seconds: number;
  /** How much of that passed before the follower had heard from the leader. */
  readonly silentSeconds: number;
  /** How far each process's memory rose above what it had in use, garbage collected, before and after. */
  readonly leaderRiseBytes: number;
  readonly followerRiseBytes: number;
  /** What the follower has in use in the end, garbage collected, beyond what it began with. */
  readonly gainBytes: number;
  /** Whether the leader still leads. */
  readonly isSteady: boolean;
}

/**
 * Starts `follower`, which does not run, and waits until it has applied everything up to `index`. The
 * clock runs from the leader's connection to it: what comes before is the start of a process, and a
 * pause between attempts to connect. What the follower replays of its own log meanwhile counts.
 */
export async function catchUp(
  group: ProcessGroup,
  leader: number,
  follower: number,
  index: number,
): Promise<CatchUp> {
  await group.ask(leader, { kind: "collect-garbage" }, "collected");
  const leaderPid = group.pidOf(leader);
  forgetPeak(leaderPid);
  const leaderBytes = peakBytesOf(leaderPid);
  await group.startReplica(follower);
  const startBytes = residentBytesOf(group.pidOf(follower));
  const { atMs } = await group.ask(follower, { kind: "reach", index }, "reached");
  const leaderRiseBytes = peakBytesOf(leaderPid) - leaderBytes;
  const startMs = await lastMsOf(group, leader, `peer-connected ${follower}`);
  const heardMs = await heardMsOf(group, follower);
  await group.ask(follower, { kind: "collect-garbage" }, "collected");
  const followerBytes = residentBytesOf(group.pidOf(follower));
  const followerRiseBytes = peakBytesOf(group.pidOf(follower)) - followerBytes;
  return {
    seconds: (atMs - startMs) / 1000,
    silentSeconds: (heardMs - startMs) / 1000,
    // The kernel counts in portions for each thread, so that a peak may seem lower than what was before.
    leaderRiseBytes: Math.max(0, leaderRiseBytes),
    followerRiseBytes: Math.max(0, followerRiseBytes),
    gainBytes: followerBytes - startBytes,
    isSteady: (await group.status(leader)).role === "leader",
  };
}

/** When `event` last happened to replica `id`, in milliseconds since 1970. */
export async function lastMsOf(group: ProcessGroup, id: number, event: string): Promise<number> {
  return (await timesMsOf(group, id, event)).at(-1) ?? Number.NaN;
}

/** When replica `id` first heard from a leader since it was started, in milliseconds since 1970. */
export async function heardMsOf(group: ProcessGroup, id: number): Promise<number> {
  return (await timesMsOf(group, id, "leader-changed"))[0] ?? Number.NaN;
}

async function timesMsOf(
  group: ProcessGroup,
  id: number,
  event: string,
): Promise<readonly number[]> {
  const { timesMs } = await group.ask(id, { kind: "events" }, "events");
  const times = timesMs[event];
  if (times === undefined) throw new Error(`replica ${id} saw no "${event}"`);
  return times;
}
