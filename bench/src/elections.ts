import type { RaftNode } from "@quorate/core";
import { CoreGroup } from "./core-group.ts";
import type { Figure } from "./figure.ts";
import { Samples } from "./samples.ts";

const electionTimeoutTicks = 100;

/**
 * From the leader's death to the first commit of the next, in election timeouts T, where a tick is
 * T/100 and a message takes one tick: the whole distribution of `count` simulated elections.
 */
export function measureElections(count: number): Figure[] {
  return [3, 5, 7].flatMap((voters) => {
    const durations: number[] = [];
    let split = 0;
    for (let seed = 1; seed <= count; seed++) {
      const { ticks, afterFirst } = simulateElection(voters, seed);
      durations.push(ticks / electionTimeoutTicks);
      if (afterFirst >= electionTimeoutTicks) split += 1;
    }
    const samples = new Samples(durations);
    const floor = { name: "the least timeout", value: 1 };
    const setting = `${voters} voters, simulated, ${count} elections`;
    return [
      {
        group: "elections",
        name: `leader dead → commit, ${setting}`,
        value: samples.median,
        unit: "T",
        spread: [samples.min, samples.max],
        quantiles: samples.quantiles,
        floor,
        better: "less",
      },
      {
        group: "elections",
        name: `… 99th percentile, ${voters} voters`,
        value: samples.percentile(99),
        unit: "T",
        floor,
        better: "less",
      },
      {
        group: "elections",
        name: `… split, so that another timeout was needed, ${voters} voters`,
        value: (100 * split) / count,
        unit: "%",
        better: "less",
      },
    ] satisfies Figure[];
  });
}

/** How long one election took: from the leader's death, and from the first campaign after it. */
function simulateElection(voters: number, seed: number): { ticks: number; afterFirst: number } {
  const group = new CoreGroup(voters, (id) => ({
    electionTimeoutTicks,
    heartbeatTicks: electionTimeoutTicks / 10,
    seed: seed * 16 + id,
  }));
  const first = group.elect();
  const term = first.term;
  // Every follower heard from the leader at its own moment within one heartbeat interval.
  for (let tick = 0; tick < seed % 10; tick++) group.tick();
  group.settle();
  group.nodes.delete(1);
  let firstAt: number | undefined;
  for (let ticks = 1; ; ticks++) {
    group.tick();
    group.perform();
    group.deliver();
    group.perform();
    const { leader, nodes } = group;
    if ([...nodes.values()].some(({ role }) => role === "pre-candidate")) firstAt ??= ticks;
    if (leader !== undefined && leader.term > term && isCommitted(leader)) {
      return { ticks, afterFirst: ticks - (firstAt ?? ticks) };
    }
    if (ticks > 100 * electionTimeoutTicks) throw new Error(`no leader with seed ${seed}`);
  }
}

function isCommitted(leader: RaftNode): boolean {
  const { last, commitIndex, term } = leader.status();
  return commitIndex === last.index && last.term === term;
}
