import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "../figure.ts";
import { measureDiskBandwidth, measureLoopbackBandwidth, measureReadBandwidth } from "../floors.ts";
import { forgetPeak, peakBytesOf, residentBytesOf } from "../process-memory.ts";
import { ProcessGroup } from "../process-group.ts";
import type { LoadResult } from "../replica-protocol.ts";
import { lastMsOf } from "./latecomer.ts";

/** The snapshot that a follower needs, and how it is sent. */
export interface SnapshotGap {
  readonly bytes: number;
  /** Where the state is: saved by the replica, or streamed from the state machine. */
  readonly kind: "memory" | "durable";
  /** The limit on all streams together, in bytes per second; undefined for the default. */
  readonly bytesPerSecond: number | undefined;
}

const tickMs = 100;
const mebi = 1 << 20;
/** The default of `snapshotBytesPerSecond`. */
const bytesPerSecondDefault = 64 * mebi;
/** The default of `snapshotWindowBytes`, on the way to one follower, or waiting there for its disk. */
const windowBytes = 2 * mebi;
/** How long lone writes are measured before the stream, in seconds. */
const quietSeconds = 2;

/** How long a stream may take, in seconds. */
const streamSecondsMax = 120;

/** What was seen of one stream. */
interface Stream {
  /** From the leader's connection to the follower until it has the snapshot on disk, and applied. */
  readonly receivedSeconds: number;
  readonly appliedSeconds: number;
  /** One client on the leader, before and during the stream. */
  readonly quiet: LoadResult;
  readonly busy: LoadResult;
  readonly leaderRiseBytes: number;
  readonly followerRiseBytes: number;
}

/** A follower that needs a snapshot, since the log of the others was cut while it was away. */
export async function measureSnapshotGap(parent: string, gap: SnapshotGap): Promise<Figure[]> {
  const { bytes, kind, bytesPerSecond } = gap;
  const dir = mkdtempSync(join(parent, "snapshot-"));
  const group = await ProcessGroup.start(3, dir, tickMs, {
    state: { kind, bytes },
    snapshots: {
      snapshotTailCount: 0,
      snapshotTailBytes: 0,
      // A follower that was lost just now still counts as one that lags.
      snapshotKeepBytesMax: 0,
      ...(bytesPerSecond === undefined ? {} : { snapshotBytesPerSecond: bytesPerSecond }),
    },
  });
  let stream: Stream;
  try {
    stream = await watchStream(group);
  } finally {
    await group.close();
    rmSync(dir, { recursive: true, force: true });
  }
  return figuresOf(parent, gap, stream);
}

async function watchStream(group: ProcessGroup): Promise<Stream> {
  const leader = await group.leader();
  const follower = group.ids.find((id) => id !== leader) ?? leader;
  await group.settled();
  await group.kill(follower);
  await loneWrites(group, leader, { writes: 200 });
  await group.ask(leader, { kind: "snapshot" }, "snapshot");
  const quiet = await loneWrites(group, leader, { seconds: quietSeconds });
  const { commitIndex: index } = await group.status(leader);
  await group.ask(leader, { kind: "collect-garbage" }, "collected");
  const leaderBytes = residentBytesOf(group.pidOf(leader));
  forgetPeak(group.pidOf(leader));

  await group.startReplica(follower);
  const followerBytes = residentBytesOf(group.pidOf(follower));
  const reached = group.ask(follower, { kind: "reach", index }, "reached");
  const busy = await loneWrites(group, leader, { until: `snapshot-sent ${follower}` });
  const { atMs } = await reached;
  const startMs = await lastMsOf(group, leader, `peer-connected ${follower}`);
  const receivedMs = await lastMsOf(group, follower, `snapshot-received ${leader}`);
  return {
    receivedSeconds: (receivedMs - startMs) / 1000,
    appliedSeconds: (atMs - startMs) / 1000,
    quiet,
    busy,
    leaderRiseBytes: peakBytesOf(group.pidOf(leader)) - leaderBytes,
    followerRiseBytes: peakBytesOf(group.pidOf(follower)) - followerBytes,
  };
}

/** One client that waits for each answer, for as long as `limits` say. */
async function loneWrites(
  group: ProcessGroup,
  id: number,
  limits: { writes?: number; seconds?: number; until?: string },
): Promise<LoadResult> {
  const { writes = Number.MAX_SAFE_INTEGER, seconds = streamSecondsMax, until } = limits;
  const load = { kind: "load", clients: 1, bytes: 16, writes, seconds } as const;
  const command = until === undefined ? load : { ...load, until };
  return (await group.ask(id, command, "load")).result;
}

async function figuresOf(dir: string, gap: SnapshotGap, stream: Stream): Promise<Figure[]> {
  const { bytes, kind, bytesPerSecond } = gap;
  const where = kind === "memory" ? "stored by the leader" : "from a durable state";
  const rate = bytesPerSecond === undefined ? "at the default rate" : "without a limit";
  const floor =
    bytesPerSecond === undefined
      ? { name: "the default rate", value: bytesPerSecondDefault / 1e6 }
      : { name: "the slowest of disk and loopback", value: (await bandwidthOf(dir, bytes)) / 1e6 };
  const speed = { group: "catch-up", unit: "MB/s", floor, better: "more" } as const;
  const latency = { group: "catch-up", unit: "ms", better: "less" } as const;
  const memory = {
    group: "catch-up",
    unit: "MiB",
    floor: { name: "the limit: what is on the way, or waits", value: windowBytes / mebi },
    better: "less",
  } as const;
  return [
    {
      ...speed,
      name: `a snapshot of ${bytes / mebi} MiB, ${where}, ${rate}, to the disk`,
      value: bytes / stream.receivedSeconds / 1e6,
    },
    {
      ...speed,
      name: "… and restored from there",
      value: bytes / stream.appliedSeconds / 1e6,
    },
    {
      ...latency,
      name: `… a lone write meanwhile, median of ${stream.busy.writes}`,
      value: stream.busy.medianMs,
      floor: { name: "just before", value: stream.quiet.medianMs },
    },
    {
      ...latency,
      name: "… a lone write meanwhile, 99th percentile",
      value: stream.busy.p99Ms,
      floor: { name: "just before", value: stream.quiet.p99Ms },
    },
    {
      ...memory,
      name: "… the leader's memory, above before",
      value: stream.leaderRiseBytes / mebi,
    },
    {
      ...memory,
      name: "… the follower's, above before",
      value: stream.followerRiseBytes / mebi,
    },
  ];
}

/** The slowest of what a snapshot passes through, in bytes per second. */
async function bandwidthOf(dir: string, bytes: number): Promise<number> {
  return Math.min(
    await measureLoopbackBandwidth(128 * mebi),
    measureDiskBandwidth(dir, bytes),
    measureReadBandwidth(dir, bytes),
  );
}
