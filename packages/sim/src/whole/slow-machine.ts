import type { StateMachine } from "@quorate/runtime";
import { Violation } from "../judge.ts";
import { sameValue } from "./same-value.ts";
import type { Life, Microseconds, Timeline } from "./timeline.ts";

/** What a slow state machine needs to know. */
export interface Slowness {
  readonly timeline: Timeline;
  readonly life: Life;
  /** How long its `number`-th apply or query takes; 0 is no time at all. */
  readonly delay: (number: number) => Microseconds;
  readonly broken: (error: unknown) => void;
}

/**
 * A state machine that takes its time, as one on a disk or in a worker would. It also sees to it that
 * applies do not overlap, and that the state stays as it is while a query runs.
 */
export function slowed<Query, Answer>(
  machine: StateMachine<Query, Answer>,
  { timeline, life, delay, broken }: Slowness,
): StateMachine<Query, Answer> {
  let count = 0;
  let isApplying = false;
  const later = (us: Microseconds): Promise<void> => {
    return new Promise((resolve) => timeline.add(us, "apply", resolve, life));
  };
  const digest = async (): Promise<Uint8Array> => {
    if (isApplying) broken(new Violation("contract", `node ${life.node} digests while it applies`));
    isApplying = true;
    const us = delay(++count);
    if (us > 0) await later(us);
    isApplying = false;
    return machine.digest?.() ?? new Uint8Array(0);
  };
  return {
    ...(machine.digest === undefined ? {} : { digest }),
    ...(machine.snapshots === undefined ? {} : { snapshots: machine.snapshots }),
    apply: async (entries) => {
      if (isApplying) broken(new Violation("contract", `node ${life.node} applies twice at once`));
      isApplying = true;
      const us = delay(++count);
      if (us > 0) await later(us);
      const results = await machine.apply(entries);
      isApplying = false;
      return results;
    },
    query: async (query) => {
      if (isApplying) broken(new Violation("contract", `node ${life.node} asks while it applies`));
      const first = await machine.query(query);
      const us = delay(++count);
      if (us === 0) return first;
      await later(us);
      const second = await machine.query(query);
      if (!sameValue(first, second)) {
        broken(new Violation("contract", `node ${life.node} applied while it was asked`));
      }
      return second;
    },
  };
}
