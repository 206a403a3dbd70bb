import { at, describeMessage, type NodeId } from "@quorate/core";
import { Violation } from "../judge.ts";
import { emptyChronicle, judge } from "./chronicle.ts";
import type { Seat } from "./seat.ts";
import type { SeatInput } from "./seat-step.ts";
import type { Seating } from "./seating.ts";

/** One step of the group: the seat at `slot`, which is that of node `slot + 1`, took `input`. */
export interface GroupStep {
  readonly slot: number;
  readonly input: SeatInput;
}

/** How a schedule went. */
export interface Replayed {
  /** What it broke, with its last step. */
  readonly violation: Violation | undefined;
  /** The steps that were taken, as lines. */
  readonly lines: readonly string[];
}

/**
 * Takes `steps` one after the other from the start of a group, and stops at the first that breaks an
 * invariant. Undefined if a step is not possible: nobody sent the message, or the node cannot do that.
 * A message may be delivered many times.
 */
export function replay(
  seating: Seating,
  voters: readonly NodeId[],
  steps: readonly GroupStep[],
): Replayed | undefined {
  const seats = [...seating.first()];
  const sent = new Set<number>();
  const lines: string[] = [];
  let chronicle = emptyChronicle;
  for (const step of steps) {
    const { slot, input } = step;
    const seat = at(seats, slot);
    lines.push(...describeStep(step, seating.seats.at(seat)));
    try {
      const transition = seating.take(seat, input, sent);
      if (transition === undefined) return undefined;
      seats[slot] = transition.seat;
      for (const id of transition.sent) sent.add(id);
      const after = seats.map((id) => seating.seats.at(id));
      chronicle = judge(chronicle, at(voters, slot), transition.facts, after);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return { violation: error, lines };
    }
  }
  return { violation: undefined, lines };
}

/**
 * A step as lines for people: `campaign n1`, `persist n1`, `deliver n1 -> n2 heartbeat …`. A crash
 * says what it leaves of the writes that it may lose, and the start that follows it is a line.
 */
function describeStep({ slot, input }: GroupStep, seat: Seat): readonly string[] {
  const node = `n${slot + 1}`;
  switch (input.kind) {
    case "deliver":
      return [`deliver ${describeMessage(input.message)}`];
    case "crash": {
      const { length } = seat.writes;
      const kept = length === 0 ? "" : ` keep=${input.keep}/${length}`;
      return [`crash ${node}${kept}`, `start ${node}`];
    }
    default:
      return [`${input.kind} ${node}`];
  }
}
