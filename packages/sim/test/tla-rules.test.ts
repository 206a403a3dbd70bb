import { expect, test } from "vitest";
import { calmPlan } from "../src/plan.ts";
import type { TlaEvent, TlaEventName } from "../src/tla/tla-event.ts";
import { RuleBroken } from "./tla-rules.ts";
import { check, trace } from "./tla-run.ts";

// What the rules are worth: each of these is no trace of any run.

const calm = (): TlaEvent[] => [...trace(calmPlan(1, 3, {}), 120).events];

/** Where the `count`-th event of a name is, from 0. */
const at = (events: readonly TlaEvent[], name: TlaEventName, count = 0): number => {
  const offsets = events.flatMap((event, offset) => (event.name === name ? [offset] : []));
  return offsets[count] ?? -1;
};
/** The trace with another event in the place of the one of a name. */
function change(name: TlaEventName, to: (event: TlaEvent) => TlaEvent): TlaEvent[] {
  const events = calm();
  const offset = at(events, name);
  return events.map((event, other) => (other === offset ? to(event) : event));
}
/** The trace without the `count`-th event of a name. */
function without(name: TlaEventName, count = 0): TlaEvent[] {
  return calm().toSpliced(at(calm(), name, count), 1);
}

test.for<[string, () => TlaEvent[], string]>([
  ["without a Ready", () => without("Ready"), "what is received was sent"],
  ["without a vote", () => without("ReceiveRequestVoteResponse", 1), "a leader has a majority"],
  ["without an entry", () => without("Replicate"), "the message can only be"],
  ["without a candidacy", () => without("BecomeCandidate"), "only a candidate"],
  ["without a victory", () => without("BecomeLeader"), "only a leader appends"],
  [
    "with a commit too early",
    () => change("Commit", (event) => ({ ...event, state: { ...event.state, commit: 5 } })),
    "node 1 is",
  ],
  [
    "with a vote for somebody else",
    () =>
      change("ReceiveAppendEntriesRequest", (event) => ({
        ...event,
        state: { ...event.state, vote: "3" },
      })),
    "node 2 is",
  ],
  [
    "with a message that nobody sent",
    () => {
      const events = calm();
      const offset = at(events, "ReceiveAppendEntriesRequest");
      return events.toSpliced(offset, 0, ...events.slice(offset, offset + 1));
    },
    "node 2 is",
  ],
  [
    "with a change of the configuration",
    () => change("Commit", (event) => ({ ...event, name: "ApplyConfChange" })),
    "the configuration changes",
  ],
])("the rules refuse a trace %s", ([, make, rule]) => {
  expect(() => check(calm())).not.toThrow();
  expect(() => check(make())).toThrow(RuleBroken);
  expect(() => check(make())).toThrow(rule);
});
