import { performance } from "node:perf_hooks";
import { type Entry, newEntry } from "@quorate/core";
import { CoreGroup } from "./core-group.ts";
import type { Figure } from "./figure.ts";
import { Samples } from "./samples.ts";

const roundCount = 5;

/** Committed entries per second through the core alone: one thread, memory for disks. */
export function measureCoreThroughput(entryCount: number): Figure[] {
  const figures: Figure[] = [];
  for (const voters of [3, 5, 7]) {
    for (const [perReady, bytes] of [
      [1, 16],
      [64, 16],
      [64, 256],
    ] as const) {
      if (voters > 3 && bytes > 16) continue;
      const count = perReady === 1 ? entryCount / 8 : entryCount;
      const rates: number[] = [];
      const floors: number[] = [];
      for (let round = 0; round <= roundCount; round++) {
        const rate = coreRate(new CoreGroup(voters), count, perReady, bytes);
        const floor = copyRate(voters, count, bytes);
        // The first round warms the compiler up.
        if (round === 0) continue;
        rates.push(rate);
        floors.push(floor);
      }
      const samples = new Samples(rates);
      figures.push({
        group: "throughput",
        name: `core only, ${voters} voters, ${bytes} B, ${perReady} per Ready`,
        value: samples.median,
        unit: "entries/s",
        spread: [samples.min, samples.max],
        floor: { name: "an entry made and put in n arrays", value: new Samples(floors).median },
        better: "more",
      });
    }
  }
  return figures;
}

/** Entries per second that `group` commits: `count` of `bytes` bytes, `perReady` at a time. */
export function coreRate(group: CoreGroup, count: number, perReady: number, bytes: number): number {
  const leader = group.elect();
  const data = new Uint8Array(bytes);
  const start = performance.now();
  for (let done = 0; done < count; done += perReady) {
    for (let i = 0; i < perReady; i++) leader.propose(data);
    group.settle();
  }
  const seconds = (performance.now() - start) / 1000;
  if (leader.commitIndex !== leader.lastIndex) throw new Error("not everything was committed");
  return count / seconds;
}

/** What it takes to make the entries and hold them once per voter: no protocol can take less. */
function copyRate(voters: number, count: number, bytes: number): number {
  const data = new Uint8Array(bytes);
  const logs: Entry[][] = Array.from({ length: voters }, () => []);
  const start = performance.now();
  for (let index = 1; index <= count; index++) {
    const entry = newEntry({ term: 1, index }, "command", data);
    for (const log of logs) log.push(entry);
  }
  return count / ((performance.now() - start) / 1000);
}
