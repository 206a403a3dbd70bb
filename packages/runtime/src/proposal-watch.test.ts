import { expect, test } from "vitest";
import type { ProposalStages } from "./replica-observer.ts";
import { ProposalWatch } from "./proposal-watch.ts";
import { ManualClock } from "./testing.ts";

function watching(): {
  readonly clock: ManualClock;
  readonly watch: ProposalWatch<string>;
  readonly told: ProposalStages[];
} {
  const clock = new ManualClock();
  clock.advance(100);
  const told: ProposalStages[] = [];
  return { clock, watch: new ProposalWatch(clock, (stages) => told.push(stages)), told };
}

test("a command is followed through its stages, one at a time", () => {
  const { clock, watch, told } = watching();
  watch.accepted("a");
  watch.accepted("b");
  clock.advance(1);
  watch.proposed("b", 4);
  watch.proposed("a", 5);
  clock.advance(2);
  watch.persisted(4);
  watch.persisted(6);
  clock.advance(4);
  watch.committed(4);
  watch.committed(5);
  clock.advance(8);
  watch.persisted(7);
  watch.settled("b", true);
  watch.settled("a", true);
  expect(told).toEqual([{ queuedMs: 1, persistedMs: 2, committedMs: 4, appliedMs: 8 }]);
  watch.accepted("c");
  watch.settled("c", false);
  watch.accepted("d");
  watch.proposed("d", 9);
  watch.persisted(9);
  watch.settled("d", true);
  expect(told).toHaveLength(1);
});

test("what others commit before this disk has it waits for nothing here", () => {
  const { clock, watch, told } = watching();
  watch.accepted("a");
  watch.proposed("a", 5);
  clock.advance(3);
  watch.committed(5);
  clock.advance(1);
  watch.persisted(5);
  clock.advance(1);
  watch.settled("a", true);
  expect(told).toEqual([{ queuedMs: 0, persistedMs: 3, committedMs: 0, appliedMs: 2 }]);
});
