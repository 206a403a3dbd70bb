import { CoreGroup } from "../core-group.ts";
import { AllocationMeter, type Allocations } from "./allocation-meter.ts";

/** A group of cores, and what it does while its allocations are counted. */
export interface CoreSetting {
  readonly voters: number;
  /** How many commands are proposed before everything is pumped. */
  readonly perReady: number;
}

/** Rounds of proposing and pumping that pass first, for the compiler. */
const warmUpRounds = 10_000;
const countedRounds = 100;
const repeatCount = 6;

/**
 * What one entry costs a whole group of cores in allocations, the command not included: the least of
 * several counts. Into the others may fall what is no entry's own: a compiler that is not through yet,
 * and the growth of an array.
 */
export function coreAllocations({ voters, perReady }: CoreSetting): Allocations {
  const group = new CoreGroup(voters);
  const leader = group.elect();
  const data = new Uint8Array(16);
  const run = (rounds: number): void => {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < perReady; i++) leader.propose(data);
      group.settle();
    }
  };
  run(warmUpRounds);
  const counts = Array.from({ length: repeatCount }, () => {
    const meter = new AllocationMeter();
    run(countedRounds);
    return meter.stop();
  });
  const entries = countedRounds * perReady;
  return {
    objects: Math.min(...counts.map(({ objects }) => objects)) / entries,
    bytes: Math.min(...counts.map(({ bytes }) => bytes)) / entries,
  };
}
