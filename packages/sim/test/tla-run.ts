import type { RaftOptions } from "@quorate/core";
import type { Plan } from "../src/plan.ts";
import type { TlaEvent } from "../src/tla/tla-event.ts";
import { TlaTrace } from "../src/tla/tla-trace.ts";
import { World } from "../src/world.ts";
import { TlaRules } from "./tla-rules.ts";

/** What came of a run. */
export interface Traced {
  readonly lines: readonly string[];
  readonly events: readonly TlaEvent[];
  readonly stopped: string | undefined;
}

/** Runs a plan, without pre-vote, for some events, and after each lets `direct` interfere. */
export function trace(
  plan: Plan,
  eventCount: number,
  direct: (world: World) => void = () => {},
): Traced {
  const raft: RaftOptions = { ...plan.options, preVote: false };
  const lines: string[] = [];
  const observer = new TlaTrace({ raft, write: (line) => lines.push(line) });
  const world = new World({ ...plan, options: raft }, { observers: [observer] });
  while (world.eventCount < eventCount) {
    world.advance();
    direct(world);
  }
  observer.finish();
  const events = lines.map(read).filter(({ tag }) => tag === "trace");
  return { lines, events: events.map(({ event }) => event), stopped: observer.stopped };
}

/** One line; what the vocabulary calls `msg` is a message here. */
export function read(line: string): { readonly tag: string; readonly event: TlaEvent } {
  return JSON.parse(line.replace('"msg":', '"message":'));
}

/** Throws `RuleBroken` if the rules do not allow the events. */
export function check(events: readonly TlaEvent[]): void {
  const rules = new TlaRules();
  for (const event of events) rules.take(event);
}
