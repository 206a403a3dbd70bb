import type { NodeId } from "@quorate/core";
import { Agenda } from "../agenda.ts";
import type { Trace } from "../trace.ts";
import { settle } from "./settle.ts";

/** Simulated time, in microseconds: always an integer, so that no clock rounds differently. */
export type Microseconds = number;

/** Microseconds in a millisecond. */
export const usPerMs = 1000;

/** What an event is, for the hash of a run. */
export type EventKind =
  | "timer"
  | "defer"
  | "disk"
  | "frame"
  | "apply"
  | "link"
  | "step"
  | "call"
  | "world";

/** One run of one node: a process. What belongs to it happens only as long as it lives. */
export interface Life {
  readonly node: NodeId;
  isAlive: boolean;
  /** A stopped process: what is to happen to it waits. */
  isPaused: boolean;
}

interface Happening {
  readonly kind: EventKind;
  readonly life: Life | undefined;
  readonly act: () => void;
}

/** No event: nobody notices that it was made. */
interface Choice {
  readonly kind: "choice";
  readonly choose: () => void;
}

/**
 * What comes first of what is due at the same time. A run that makes its choices and one that takes them
 * from a list are the same run only if what was chosen comes at the same place in both.
 */
const ranks = { choice: -2, step: -1, other: 0 } as const;

/** What is going to happen in a world, and when. One event at a time, each until it has settled. */
export class Timeline {
  readonly #agenda = new Agenda<Happening | Choice>();
  readonly #trace: Trace;
  #held: Happening[] = [];
  #eventCount = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Simulated time since the start. */
  get now(): Microseconds {
    return this.#agenda.now;
  }

  /** How many events have happened. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Lets `act` happen `delay` from now; never, if `life` is over by then. */
  add(delay: Microseconds, kind: EventKind, act: () => void, life?: Life): void {
    this.#agenda.add(delay, { kind, life, act }, kind === "step" ? ranks.step : ranks.other);
  }

  /**
   * Lets `choose` look at the world `delay` from now, before anything else happens then, and add steps.
   * It is to change nothing by itself: a run that knows what was chosen goes without it.
   */
  choose(delay: Microseconds, choose: () => void): void {
    this.#agenda.add(delay, { kind: "choice", choose }, ranks.choice);
  }

  /** Does `act` to a process now, or once it goes on. */
  reach(life: Life, kind: EventKind, act: () => void): void {
    if (!life.isAlive) return;
    if (life.isPaused) {
      this.#held.push({ kind, life, act });
      return;
    }
    act();
  }

  /** Lets a paused process go on: what came meanwhile happens next, in its order. */
  resume(life: Life): void {
    life.isPaused = false;
    const held = this.#held;
    this.#held = [];
    for (const happening of held) {
      if (happening.life === life) this.#agenda.add(0, happening);
      else this.#held.push(happening);
    }
  }

  /**
   * Lets the next event happen, and settle. Gives the process whose deferred work that was, if it was
   * that: whatever else befalls a process asks for such work, so there is nothing to see before.
   */
  async advance(): Promise<Life | undefined> {
    let happening = this.#agenda.take();
    for (; happening.kind === "choice"; happening = this.#agenda.take()) happening.choose();
    const { life, kind, act } = happening;
    if (life?.isAlive === false) return undefined;
    if (life?.isPaused === true) {
      this.#held.push(happening);
      return undefined;
    }
    this.#eventCount += 1;
    this.#trace.mix(this.now);
    this.#trace.mix(eventKinds.indexOf(kind) + 16 * (life?.node ?? 0));
    act();
    await settle();
    return kind === "defer" ? life : undefined;
  }
}

const eventKinds: readonly EventKind[] = [
  "timer",
  "defer",
  "disk",
  "frame",
  "apply",
  "link",
  "step",
  "call",
  "world",
];
