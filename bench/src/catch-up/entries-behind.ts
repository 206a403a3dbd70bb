import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Figure, short } from "../figure.ts";
import { measureDiskBandwidth, measureLoopbackBandwidth } from "../floors.ts";
import { extendLogs } from "../prepared-group.ts";
import { logBytesOf, type Stretch } from "../prepared-log.ts";
import { ProcessGroup } from "../process-group.ts";
import { Samples } from "../samples.ts";
import { measureCodec } from "./codec-floor.ts";
import { type CatchUp, catchUp } from "./latecomer.ts";

/** How far a follower is behind. */
export interface Gap {
  /** How many entries it lacks, and the length of each command. */
  readonly count: number;
  readonly bytes: number;
  readonly rounds: number;
  /** Whether the entries are written into the logs of the others, and not proposed one by one. */
  readonly prepared: boolean;
}

const tickMs = 100;
const mebi = 1 << 20;
/** What a leader may have on the way to a follower, and what a follower may hold that is not in its log. */
const inflightBytesMax = 16 * mebi;
const waitingBytesMax = 64 * mebi + 4 * mebi;
/** A smaller log disappears in what else a process gains as it starts. */
const gainLogBytesMin = 8 * mebi;
/** How much the floor of the processor is measured with at most. */
const codecBytesMax = 64 * mebi;
/** Proposed before the first round, so that the leader's code is compiled. */
const warmUpWrites = 5000;

/** A process for each of three replicas: one was away, and comes back when `gap` was written. */
export async function measureGap(parent: string, gap: Gap): Promise<readonly Figure[]> {
  const dir = mkdtempSync(join(parent, "gap-"));
  const group = await ProcessGroup.start(3, dir, tickMs, { keepsLog: true });
  try {
    const results = gap.prepared ? [await prepared(group, gap)] : await proposed(group, gap);
    return await figuresOf(parent, gap, results);
  } finally {
    await group.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A catch-up, and the bytes that it was about, as they are in the log. */
interface Result extends CatchUp {
  readonly logBytes: number;
}

/** The follower is away while clients write; as often as there are rounds. */
async function proposed(group: ProcessGroup, gap: Gap): Promise<readonly Result[]> {
  const { count, bytes, rounds } = gap;
  const leader = await group.leader();
  const load = { kind: "load", clients: 256, bytes, seconds: 600 } as const;
  await group.ask(leader, { ...load, writes: warmUpWrites }, "load");
  const follower = group.ids.find((id) => id !== leader) ?? leader;
  const results: Result[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = await group.settled();
    await group.kill(follower);
    await group.ask(leader, { ...load, writes: count }, "load");
    const { commitIndex } = await group.status(leader);
    const result = await catchUp(group, leader, follower, commitIndex);
    const gone = { term: 1, count: commitIndex - before, bytes };
    results.push({ ...result, logBytes: logBytesOf(gone, before + 1) });
  }
  return results;
}

/** The log of two is written while nobody runs, as by the leader that the group had. */
async function prepared(group: ProcessGroup, { count, bytes }: Gap): Promise<Result> {
  const [follower, ...others] = group.ids;
  if (follower === undefined) throw new Error("the group is empty");
  let stretch: Stretch = { term: 1, count, bytes };
  const before = await extendLogs(group, (id, term) => {
    stretch = { term, count, bytes };
    return id === follower ? undefined : { stretches: [stretch], isCommitted: true };
  });
  await Promise.all(others.map((id) => group.startReplica(id)));
  const leader = await group.leader();
  const { commitIndex } = await group.status(leader);
  const result = await catchUp(group, leader, follower, commitIndex);
  return { ...result, logBytes: logBytesOf(stretch, before + 1) };
}

async function figuresOf(
  dir: string,
  gap: Gap,
  results: readonly Result[],
): Promise<readonly Figure[]> {
  const { count, bytes } = gap;
  const name = `a follower ${short(count)} entries of ${bytes} B behind`;
  if (!results.every(({ isSteady }) => isSteady)) console.error(`${name}: the leader changed`);
  const rates = new Samples(results.map((result) => result.logBytes / result.seconds / 1e6));
  const entryRates = new Samples(results.map((result) => count / result.seconds));
  const silences = new Samples(results.map((result) => result.silentSeconds * 1000));
  const codecCount = Math.min(count, codecBytesMax / bytes);
  return [
    {
      ...spread(rates),
      name,
      unit: "MB/s",
      floor: {
        name: "the slower of disk and loopback",
        value: (await measureBandwidth(dir)) / 1e6,
      },
      better: "more",
    },
    {
      ...spread(entryRates),
      name: "… in entries",
      unit: "entries/s",
      floor: {
        name: "written, verified and read by one thread",
        value: measureCodec(bytes, codecCount),
      },
      better: "more",
    },
    {
      ...spread(silences),
      name: "… of it, until the leader was heard of",
      unit: "ms",
      floor: { name: "until the next heartbeat, at most", value: tickMs },
      better: "less",
    },
    ...memoryFiguresOf(count, results),
  ];
}

function memoryFiguresOf(count: number, results: readonly Result[]): Figure[] {
  const onDisk = new Samples(results.map(({ logBytes }) => logBytes / count)).median;
  const gains = new Samples(results.map(({ gainBytes }) => gainBytes / count));
  const leaderRises = new Samples(results.map(({ leaderRiseBytes }) => leaderRiseBytes / mebi));
  const followerRises = new Samples(
    results.map(({ followerRiseBytes }) => followerRiseBytes / mebi),
  );
  const gain: Figure = {
    ...spread(gains),
    name: "… memory that the follower gains, for each entry",
    unit: "B/entry",
    floor: { name: "on the disk", value: onDisk },
    better: "less",
  };
  return [
    ...(onDisk * count < gainLogBytesMin ? [] : [gain]),
    {
      ...spread(leaderRises),
      name: "… the leader's memory, above what it needs at rest",
      unit: "MiB",
      floor: { name: "the limit: bytes on the way", value: inflightBytesMax / mebi },
      better: "less",
    },
    {
      ...spread(followerRises),
      name: "… the follower's, above what it needs in the end",
      unit: "MiB",
      floor: {
        name: "the limit: bytes for the disk and to apply",
        value: waitingBytesMax / mebi,
      },
      better: "less",
    },
  ];
}

/** What figures have in common that tell of several rounds. */
function spread(samples: Samples): Pick<Figure, "group" | "value" | "spread"> {
  return {
    group: "catch-up",
    value: samples.median,
    spread: [samples.min, samples.max],
  };
}

/** The slower of the disk's and loopback's bandwidth, in bytes per second. */
async function measureBandwidth(dir: string): Promise<number> {
  return Math.min(
    await measureLoopbackBandwidth(128 * mebi),
    measureDiskBandwidth(dir, 256 * mebi),
  );
}
