import type { LogIndex, NodeId } from "@quorate/core";

/** How many rounds a new member has to catch up in. */
export const catchUpRoundCountMax = 10;

/** What the leader knows now. */
export interface CatchUpLook {
  /** The last entry of its log. */
  readonly lastIndex: LogIndex;
  /** Up to where a learner is known to have the log. */
  readonly matchIndexOf: (id: NodeId) => LogIndex;
  /** The time, in milliseconds. */
  readonly now: number;
}

/** How catching up stands. */
export type CatchUpState = "going-on" | "done" | "failed";

/**
 * Brings learners within reach of the end of the log, in rounds (thesis §4.2.1): each lasts until they
 * have all that the log held when it began. Once a round takes less than an election timeout, so little
 * is missing that their vote does not keep the group from committing. If none of
 * `catchUpRoundCountMax` rounds does, the log grows faster than they follow.
 */
export class CatchUp {
  readonly ids: readonly NodeId[];
  readonly #roundMsMax: number;
  #round = 1;
  #roundEnd: LogIndex;
  #roundBeganAt: number;
  #state: CatchUpState = "going-on";

  constructor(ids: readonly NodeId[], roundMsMax: number, { lastIndex, now }: CatchUpLook) {
    this.ids = ids;
    this.#roundMsMax = roundMsMax;
    this.#roundEnd = lastIndex;
    this.#roundBeganAt = now;
  }

  /** Takes in what is known now. Once it is done or failed it stays so. */
  look(known: CatchUpLook): CatchUpState {
    if (this.#state !== "going-on" || this.#slowest(known).matchIndex < this.#roundEnd) {
      return this.#state;
    }
    if (known.now - this.#roundBeganAt < this.#roundMsMax) {
      this.#state = "done";
    } else if (this.#round >= catchUpRoundCountMax) {
      this.#state = "failed";
    } else {
      this.#round += 1;
      this.#roundEnd = known.lastIndex;
      this.#roundBeganAt = known.now;
    }
    return this.#state;
  }

  /** How far it came, for people. */
  describe(known: CatchUpLook): string {
    const { id, matchIndex } = this.#slowest(known);
    const round = `in round ${this.#round} of ${catchUpRoundCountMax}`;
    return `${round} node ${id} has entry ${matchIndex} of ${known.lastIndex}`;
  }

  #slowest({ matchIndexOf }: CatchUpLook): { id: NodeId; matchIndex: LogIndex } {
    let slowest = { id: 0, matchIndex: Number.POSITIVE_INFINITY };
    for (const id of this.ids) {
      const matchIndex = matchIndexOf(id);
      if (matchIndex < slowest.matchIndex) slowest = { id, matchIndex };
    }
    return slowest;
  }
}
