import type { LogIndex, Term } from "@quorate/core";
import type { Clock } from "./ports.ts";

/** How far clocks are trusted. */
export interface ClockTrust {
  /** By which part of true time a clock may be slow or fast: at least 0, below 1. */
  readonly driftMax: number;
  /**
   * How far the monotonic clock and the time of day may move apart, in milliseconds, before one of them
   * is taken to have stood still or to have been set.
   */
  readonly partingMsMax: number;
}

/** A moment, on both clocks of a process, in milliseconds. */
export interface Moment {
  readonly now: number;
  readonly wall: number;
  /** How often evidence had been made void by then. */
  readonly era: number;
}

/** A read index that was confirmed (thesis §6.4). */
export interface Fact {
  /** When it was asked for, at the latest. */
  readonly began: Moment;
  /** The term of this node then. */
  readonly term: Term;
  /** A state with everything up to here applied held every write acknowledged before `began`. */
  readonly index: LogIndex;
}

/** The newest fact, and how old it may be. */
export interface AgedFact {
  readonly term: Term;
  readonly index: LogIndex;
  /** No more true time has passed since it began, in milliseconds. */
  readonly ageMs: number;
}

/**
 * What this node knows for certain about the recent past: the newest confirmed read index, and its age.
 *
 * The age is an upper bound in true time. A clock that is slow by `driftMax` shows too little. A machine
 * that was suspended may show nothing at all of that time; but its time of day goes on, so the two clocks
 * then differ. A difference of up to `partingMsMax` is let pass and added to the age, twice over, because
 * a clock of whole milliseconds hides a little, and one that is being corrected gradually does too. A
 * larger one makes void everything that began before it was seen.
 *
 * What no program can see is a machine that stops with all its clocks, such as a virtual one that is
 * moved and not told so. Where that happens, reads must not rest on time.
 */
export class Evidence {
  readonly #clock: Clock;
  readonly #trust: ClockTrust;
  #fact: Fact | undefined;
  /** Only what began in this era counts. */
  #era = 0;

  constructor(clock: Clock, trust: ClockTrust) {
    this.#clock = clock;
    this.#trust = trust;
  }

  /** This moment. */
  moment(): Moment {
    return { now: this.#clock.now(), wall: this.#clock.wall(), era: this.#era };
  }

  /** Takes note of a fact, unless a newer one is known. */
  note(fact: Fact): void {
    if (fact.began.era !== this.#era) return;
    if (this.#fact === undefined || fact.began.now > this.#fact.began.now) this.#fact = fact;
  }

  /** The process paused: nothing that began before now counts any more. */
  onPause(): void {
    this.#fact = undefined;
    this.#era++;
  }

  /** The newest fact, if there is one and the clocks vouch for its age. */
  newest(): AgedFact | undefined {
    if (this.#fact === undefined) return undefined;
    const { began, term, index } = this.#fact;
    const { driftMax, partingMsMax } = this.#trust;
    const passedMs = this.#clock.now() - began.now;
    if (Math.abs(this.#clock.wall() - began.wall - passedMs) > partingMsMax) {
      this.onPause();
      return undefined;
    }
    return { term, index, ageMs: passedMs / (1 - driftMax) + 2 * partingMsMax };
  }
}
