import { performance } from "node:perf_hooks";
import { type Entry, newEntry, origin } from "@quorate/core";
import { CoreGroup } from "./core-group.ts";
import { type Figure, short } from "./figure.ts";
import { Samples } from "./samples.ts";

/** Hops and time until a follower that missed everything, or diverged, holds the leader's log. */
export function measureCoreCatchUp(): Figure[] {
  const figures: Figure[] = [];
  for (const count of [1_000, 100_000, 1_000_000]) {
    const rates: number[] = [];
    let hops = 0;
    for (let round = 0; round < 3; round++) {
      const result = catchUp(count);
      rates.push(count / result.seconds);
      hops = result.hops;
    }
    const samples = new Samples(rates);
    figures.push({
      group: "catch-up",
      name: `core only, ${short(count)} entries of 16 B behind, ${hops} hops`,
      value: samples.median,
      unit: "entries/s",
      spread: [samples.min, samples.max],
      better: "more",
    });
  }
  for (const terms of [1, 10, 100]) {
    figures.push({
      group: "catch-up",
      name: `conflicting tail over ${terms} terms`,
      value: conflictRoundTrips(terms),
      unit: "round trips",
      floor: { name: "one per term, and one", value: terms + 1 },
      better: "less",
    });
  }
  return figures;
}

function catchUp(count: number): { seconds: number; hops: number } {
  const entries = Array.from({ length: count }, (_, offset) =>
    newEntry({ term: 1, index: offset + 1 }, "command", new Uint8Array(16)),
  );
  const hardState = { term: 1, vote: 1, commitIndex: count };
  const behind = { term: 1, vote: 1, commitIndex: 0 };
  const group = new CoreGroup(3, (id) => ({
    storage:
      id === 3
        ? { hardState: behind, base: origin, entries: [] }
        : { hardState, base: origin, entries },
  }));
  const start = performance.now();
  group.nodes.get(1)?.campaign();
  const hops = group.settle();
  const seconds = (performance.now() - start) / 1000;
  if (group.nodes.get(3)?.lastIndex !== count + 1) throw new Error("the follower is still behind");
  return { seconds, hops };
}

/** How many appends are rejected when each of `terms` terms left the follower a tail of its own. */
function conflictRoundTrips(terms: number): number {
  // The leader's terms are even, the follower's odd: no entry after the first matches.
  const tail = (offset: number): Entry[] =>
    Array.from({ length: terms * 5 }, (_, i) =>
      newEntry({ term: 2 * Math.floor(i / 5) + offset, index: i + 2 }, "command"),
    );
  const shared = newEntry({ term: 1, index: 1 }, "command");
  const term = 2 * terms + 3;
  const hardState = { term, vote: 0, commitIndex: 1 };
  const group = new CoreGroup(3, (id) => ({
    storage: { hardState, base: origin, entries: [shared, ...tail(id === 3 ? 2 : 3)] },
  }));
  group.nodes.get(1)?.campaign();
  const hops = group.settle();
  const { lastIndex } = group.nodes.get(3) ?? {};
  if (lastIndex !== terms * 5 + 2) throw new Error("the follower still differs");
  // Two round trips elect; what is left is the probing, and the append that matched.
  return hops / 2 - 2;
}
