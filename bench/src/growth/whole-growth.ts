import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Figure, short } from "../figure.ts";
import { extendLogs } from "../prepared-group.ts";
import { ProcessGroup } from "../process-group.ts";
import { Samples } from "../samples.ts";

const tickMs = 100;
const bytes = 16;
const clients = 256;

/** What a group is loaded with. */
export interface GrowthLoad {
  readonly rounds: number;
  readonly secondsPerLoad: number;
  /** How long the same load runs before, so that what is measured is compiled. */
  readonly warmUpSeconds: number;
}

/**
 * The leader's processor time per entry in whole groups of three, on logs of at least these `lengths`,
 * which are prepared, and grow by what is written meanwhile.
 */
export async function measureLengths(
  parent: string,
  lengths: readonly number[],
  load: GrowthLoad,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const length of lengths) {
    const samples = await costs(parent, 3, length, load);
    const name = `the leader of 3 voters, after ${short(length)} entries and more`;
    figures.push(figureOf(name, samples, figures[0], `after ${short(lengths[0] ?? length)}`));
  }
  return figures;
}

/** The leader's processor time per entry in whole groups of `sizes` voters under the same load. */
export async function measureSizes(
  parent: string,
  sizes: readonly number[],
  load: GrowthLoad,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const size of sizes) {
    const samples = await costs(parent, size, 0, load);
    const name = `the leader of ${size} voters`;
    figures.push(figureOf(name, samples, figures[0], `of ${sizes[0] ?? size} voters`));
  }
  return figures;
}

/** `first` is what it is compared with, unless it is that itself. */
function figureOf(
  name: string,
  samples: Samples,
  first: Figure | undefined,
  firstName: string,
): Figure {
  return {
    group: "growth",
    name: `${name}, ${clients} clients, ${bytes} B`,
    value: samples.median,
    unit: "µs/entry",
    spread: [samples.min, samples.max],
    floor: { name: firstName, value: first?.value ?? samples.median },
    better: "less",
  };
}

/** The leader's processor microseconds per committed entry, for each round. */
async function costs(
  parent: string,
  size: number,
  length: number,
  { rounds, secondsPerLoad, warmUpSeconds }: GrowthLoad,
): Promise<Samples> {
  const dir = mkdtempSync(join(parent, "growth-"));
  const group = await ProcessGroup.start(size, dir, tickMs, { keepsLog: true });
  try {
    if (length > 0) {
      await extendLogs(group, (_, term) => {
        return { stretches: [{ term, count: length, bytes }], isCommitted: true };
      });
      await Promise.all(group.ids.map((id) => group.startReplica(id)));
    }
    const leader = await group.leader();
    await group.settled();
    await loadCost(group, leader, warmUpSeconds);
    const results: number[] = [];
    for (let round = 0; round < rounds; round++) {
      results.push(await loadCost(group, leader, secondsPerLoad));
    }
    return new Samples(results);
  } finally {
    await group.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function loadCost(group: ProcessGroup, leader: number, seconds: number): Promise<number> {
  const writes = Number.MAX_SAFE_INTEGER;
  const before = await group.ask(leader, { kind: "usage" }, "usage");
  const command = { kind: "load", clients, bytes, writes, seconds } as const;
  const { result } = await group.ask(leader, command, "load");
  const after = await group.ask(leader, { kind: "usage" }, "usage");
  return (after.usage.cpuMicroseconds - before.usage.cpuMicroseconds) / result.writes;
}
