import { expect, test } from "vitest";
import type { RaftOptions } from "../src/index.ts";
import { RandomCluster } from "./random-cluster.ts";

const limits = { inflightCountMax: 2, messageBytesMax: 64, applyBytesMax: 64 };

const variants: readonly RaftOptions[] = [
  {},
  { preVote: false },
  { preVote: false, checkQuorum: false },
  { leaseReads: true },
];

/** More runs than are needed every day: `SEEDS=1000 npx vitest run --project core random-changes`. */
const seedCount = Number(process.env["SEEDS"] ?? 60);

/** Whatever happened, after a while without trouble there is a leader, whom all members follow. */
function expectCalm(cluster: RandomCluster): void {
  const ticksMax = 200;
  for (let tick = 0; cluster.unrest !== undefined && tick < ticksMax; tick++) cluster.calm(1);
  expect(cluster.unrest).toBeUndefined();
}

/** One run, which throws if anything is wrong; returns what happened in it. */
function run(seed: number): ReadonlySet<string> {
  const variant = variants[seed % variants.length];
  const cluster = new RandomCluster(seed, { ...limits, electionTimeoutTicks: 8, ...variant });
  for (let step = 0; step < 2_000; step++) cluster.step();
  cluster.throwAwayTheRetired();
  expectCalm(cluster);
  cluster.leader?.node.propose(new Uint8Array(1));
  expectCalm(cluster);
  return cluster.seen;
}

test("a cluster whose members come and go keeps its promises, and finds together again", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= seedCount; seed++) {
    try {
      for (const each of run(seed)) seen.add(each);
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
  // The runs reach what they are to exercise.
  const wanted = [
    ...["install-snapshot", "timeout-now", "append-entries-rejection", "read-index-response"],
    ...["change of 0", "change of 1", "change of 2", "change of 3", "joint", "joined"],
    ...["change_pending", "leader_not_ready", "invalid_change", "transferring", "snapshot_failed"],
    ...["newer-term", "removed", "asked", "thrown away"],
  ];
  expect(wanted.filter((each) => !seen.has(each))).toEqual([]);
});
