/** The counts of a group's processes, by their ids. */
type CountsById<Counts> = ReadonlyMap<number, Counts>;

/** What was counted in the processes of a group, and what it is spread over. */
export interface CountedParts<Counts> {
  readonly leader: number;
  /** Where the counts began; those that are not here began at 0. */
  readonly before: CountsById<Counts>;
  readonly after: CountsById<Counts>;
  /** How many entries, or seconds, the counts are of. */
  readonly per: number;
}

/** Counts of a group's processes, per entry or per second. `of` picks one of them. */
export class Counted<Counts> {
  readonly #parts: CountedParts<Counts>;

  constructor(parts: CountedParts<Counts>) {
    this.#parts = parts;
  }

  /** Of the leader. */
  leader(of: (counts: Counts) => number): number {
    return this.#sum((id) => id === this.#parts.leader, of);
  }

  /** Of one follower, on average. */
  follower(of: (counts: Counts) => number): number {
    const { leader, after } = this.#parts;
    return this.#sum((id) => id !== leader, of) / (after.size - 1);
  }

  /** Of all together. */
  group(of: (counts: Counts) => number): number {
    return this.#sum(() => true, of);
  }

  #sum(takes: (id: number) => boolean, of: (counts: Counts) => number): number {
    const { before, after, per } = this.#parts;
    let sum = 0;
    for (const [id, counts] of after) {
      const start = before.get(id);
      if (takes(id)) sum += of(counts) - (start === undefined ? 0 : of(start));
    }
    return sum / per;
  }
}
