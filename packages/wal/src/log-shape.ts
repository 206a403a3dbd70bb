import { assert, at, type EntryId, type HardState, type LogIndex } from "@quorate/core";

/** Which entries a log holds, without the entries: enough to name each, and small. */
export class LogShape {
  #base: EntryId;
  #lastIndex: LogIndex;
  /** The first entry of each stretch of one term after the base's stretch. Indexes and terms grow. */
  #stretches: EntryId[] = [];

  /** An empty log after `base`. */
  constructor(base: EntryId) {
    this.#base = base;
    this.#lastIndex = base.index;
  }

  /** The entry before the first; it may be named, and not replaced. */
  get base(): EntryId {
    return this.#base;
  }

  /** The last entry, or the base of an empty log. */
  get last(): EntryId {
    return this.idAt(this.#lastIndex);
  }

  /** Whether `index` is the base's or that of an entry. */
  has(index: LogIndex): boolean {
    return this.#base.index <= index && index <= this.#lastIndex;
  }

  /** The id of the entry at `index`, which the log must have. */
  idAt(index: LogIndex): EntryId {
    assert(this.has(index), "the index is inside the log");
    const stretch = this.#stretches.findLast((first) => first.index <= index);
    return { term: (stretch ?? this.#base).term, index };
  }

  /** Replaces everything after `prev`, which the log must have, by `entries`, which must follow it. */
  replace(prev: EntryId, entries: readonly EntryId[]): void {
    assert(
      this.idAt(prev.index).term === prev.term,
      "what is replaced follows an entry of the log",
    );
    while (
      this.#stretches.length > 0 &&
      at(this.#stretches, this.#stretches.length - 1).index > prev.index
    ) {
      this.#stretches.pop();
    }
    this.#lastIndex = prev.index;
    let term = prev.term;
    for (const entry of entries) {
      assert(entry.index === this.#lastIndex + 1, "indexes grow by one");
      assert(entry.term >= term, "terms never decrease");
      if (entry.term > term) this.#stretches.push({ term: entry.term, index: entry.index });
      term = entry.term;
      this.#lastIndex = entry.index;
    }
  }

  /** Forgets all entries: the log is empty after `base`. */
  reset(base: EntryId): void {
    this.#base = base;
    this.#lastIndex = base.index;
    this.#stretches = [];
  }

  /** Forgets the entries up to `index`, which becomes the base. */
  compact(index: LogIndex): void {
    this.#base = this.idAt(index);
    this.#stretches = this.#stretches.filter((first) => first.index > index);
  }
}

/** What a log was told last: a batch adds to it, or contradicts it. */
export interface LogState {
  readonly shape: LogShape;
  readonly hardState: HardState;
}

/** What is added to a log: entries after `prev`, and the hard state with them. */
export interface Addition {
  readonly prev: EntryId;
  readonly entries: readonly EntryId[];
  readonly hardState: HardState;
  /** Whether the log begins anew after `prev`. */
  readonly isReset: boolean;
}

/**
 * How `addition` contradicts `log`, or undefined if it may follow. The same rules bind who appends,
 * where breaking one is a defect, and who reads back, where it is corruption.
 */
export function contradiction(log: LogState, addition: Addition): string | undefined {
  const { prev, entries, hardState, isReset } = addition;
  const shape = isReset ? new LogShape(prev) : log.shape;
  if (!shape.has(prev.index)) return "the entries leave a hole, or reach before the log's base";
  if (shape.idAt(prev.index).term !== prev.term) {
    return "the entries follow one that the log does not hold";
  }
  let last = prev;
  for (const entry of entries) {
    if (entry.index !== last.index + 1) return "the indexes of the entries do not grow by one";
    if (entry.term < last.term) return "the terms of the entries decrease";
    last = entry;
  }
  if (entries.length === 0 && prev.index !== shape.last.index) {
    return "entries are removed, not replaced";
  }
  if (entries.length > 0 && prev.index < log.hardState.commitIndex) {
    return "a committed entry is replaced";
  }
  if (isReset && hardState.commitIndex < prev.index) {
    return "the log begins anew after an entry that is not committed";
  }
  if (hardState.commitIndex > last.index) return "the commit index lies beyond the log";
  if (last.term > hardState.term) return "an entry is of a later term than the hard state";
  return regression(log.hardState, hardState);
}

function regression(before: HardState, after: HardState): string | undefined {
  if (after.term < before.term) return "the term of the hard state goes back";
  if (after.commitIndex < before.commitIndex) return "the commit index goes back";
  const changed = before.vote !== 0 && before.vote !== after.vote;
  if (after.term === before.term && changed) return "the vote changes within a term";
  return undefined;
}
