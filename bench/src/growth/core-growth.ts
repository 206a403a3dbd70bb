import { type Entry, newEntry, origin, type RaftNode } from "@quorate/core";
import { CoreGroup } from "../core-group.ts";
import { type Figure, short } from "../figure.ts";
import { Samples } from "../samples.ts";

const bytes = 16;
const perReady = 64;

/**
 * Processor time per entry of a whole group in one thread, on logs of these `lengths`. The least of them
 * is what the others are compared with. `count` entries are proposed in each of `rounds` rounds, and to a
 * log as long as that or shorter as many as it holds, to one group after the other.
 */
export function measureCoreGrowth(
  lengths: readonly number[],
  count: number,
  rounds: number,
): Figure[] {
  const figures: Figure[] = [];
  // Warms the compiler up.
  costs(10_000, count, 3);
  let first: number | undefined;
  for (const length of lengths) {
    const samples = new Samples(costs(length, count, rounds));
    first ??= samples.median;
    figures.push({
      group: "growth",
      name: `core only, 3 voters, after ${short(length)} entries`,
      value: samples.median,
      unit: "µs/entry",
      spread: [samples.min, samples.max],
      floor: { name: `after ${short(lengths[0] ?? length)}`, value: first },
      better: "less",
    });
  }
  return figures;
}

/** Processor microseconds per entry, for each round. */
function costs(length: number, count: number, rounds: number): number[] {
  const data = new Uint8Array(bytes);
  const entries = Array.from({ length }, (_, offset) =>
    newEntry({ term: 1, index: offset + 1 }, "command", data),
  );
  const perGroup = Math.min(count, Math.max(length, perReady));
  const results: number[] = [];
  let group = perGroup < count ? undefined : elected(entries);
  for (let round = 0; round < rounds; round++) {
    let spent = 0;
    for (let done = 0; done < count; done += perGroup) {
      if (perGroup < count) group = elected(entries);
      if (group !== undefined) spent += propose(group, perGroup, data);
    }
    results.push(spent / (Math.ceil(count / perGroup) * perGroup));
  }
  return results;
}

/** A group of three with these entries in every log, all of them applied. */
function elected(entries: readonly Entry[]): CoreGroup {
  const hardState = { term: 1, vote: 1, commitIndex: entries.length };
  const group = new CoreGroup(3, () => ({ storage: { hardState, base: origin, entries } }));
  group.elect();
  return group;
}

/** Proposes `count` commands and lets the group do all that follows; how long that took, in microseconds. */
function propose(group: CoreGroup, count: number, data: Uint8Array): number {
  const leader: RaftNode | undefined = group.leader;
  if (leader === undefined) throw new Error("nobody leads");
  const { user, system } = process.cpuUsage();
  for (let done = 0; done < count; done += perReady) {
    for (let i = 0; i < perReady; i++) leader.propose(data);
    group.settle();
  }
  const spent = process.cpuUsage();
  return spent.user + spent.system - user - system;
}
