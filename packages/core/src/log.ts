import { assert, at } from "./assert.ts";
import { entryBytes, type Entry, type EntryId, type EntryKind, idOf } from "./entry.ts";
import type { LogIndex, Term } from "./ids.ts";

/** Entries handed out for writing, and not yet reported durable. */
interface Write {
  readonly number: number;
  /** The last entry of the write that no later write replaced. */
  lastIndex: LogIndex;
}

/** A log as a plain value. */
export interface LogImage {
  readonly base: EntryId;
  /** The first entry that is not left out; all after it are not either. */
  readonly from: LogIndex;
  /** The first entry of each term among those that are left out. Oldest first. */
  readonly terms: readonly EntryId[];
  readonly entries: readonly Entry[];
  readonly handedIndex: LogIndex;
  readonly persistedIndex: LogIndex;
  /** The writes under way, oldest first. */
  readonly writes: readonly Readonly<Write>[];
}

/**
 * A node's log, with how far it was handed out for writing and how far it is durable.
 *
 *     base        persistedIndex     handedIndex      lastIndex
 *      │  durable  │  being written   │  to be written  │
 *
 * Invariants: base.index ≤ persistedIndex ≤ handedIndex ≤ lastIndex; indexes grow by one from
 * `base`, terms never decrease.
 */
export class Log {
  #base: EntryId;
  #entries: Entry[];
  #handedIndex: LogIndex;
  #persistedIndex: LogIndex;
  #writes: Write[] = [];

  /** A log whose `entries` follow `base` and are durable. */
  constructor(base: EntryId, entries: readonly Entry[]) {
    this.#base = idOf(base);
    this.#entries = [...entries];
    this.#handedIndex = this.lastIndex;
    this.#persistedIndex = this.lastIndex;
  }

  /** An equal log that goes its own way from here. Shares the entries, which never change. */
  copy(): Log {
    const copy = new Log(this.base, this.#entries);
    copy.#handedIndex = this.#handedIndex;
    copy.#persistedIndex = this.#persistedIndex;
    for (const { number, lastIndex } of this.#writes) copy.#writes.push({ number, lastIndex });
    return copy;
  }

  /** The log as a plain value, with the entries from `from` on; of those before it, only their terms. */
  image(from: LogIndex): LogImage {
    const start = Math.max(from, this.firstIndex);
    const terms: EntryId[] = [];
    for (let next = this.firstIndex; next < start;) {
      const first = this.entryAt(next);
      terms.push(idOf(first));
      next = this.lastAtMost(start - 1, first.term).index + 1;
    }
    return {
      base: this.base,
      from: start,
      terms,
      entries: this.#entries.slice(start - this.firstIndex),
      handedIndex: this.#handedIndex,
      persistedIndex: this.#persistedIndex,
      writes: this.#writes.map((write) => ({ ...write })),
    };
  }

  /** A log that equals what `image` is of, which must leave nothing out. */
  static fromImage({ base, terms, entries, handedIndex, persistedIndex, writes }: LogImage): Log {
    assert(terms.length === 0, "a log is made of all its entries");
    const log = new Log(base, entries);
    log.#handedIndex = handedIndex;
    log.#persistedIndex = persistedIndex;
    log.#writes = writes.map((write) => ({ ...write }));
    return log;
  }

  /** The entry before the first: what a snapshot stands in for, or `origin`. */
  get base(): EntryId {
    return this.#base;
  }

  get firstIndex(): LogIndex {
    return this.#base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#base.index + this.#entries.length;
  }

  /** The id of the last entry, or `base`. */
  get last(): EntryId {
    const { length } = this.#entries;
    return length === 0 ? this.#base : at(this.#entries, length - 1);
  }

  get handedIndex(): LogIndex {
    return this.#handedIndex;
  }

  get persistedIndex(): LogIndex {
    return this.#persistedIndex;
  }

  /** Where the write `number` ends as far as it still counts, or undefined if it is not under way. */
  writeEnd(number: number): LogIndex | undefined {
    return this.#writes.find((write) => write.number === number)?.lastIndex;
  }

  /** The term of the entry at `index`, or undefined if the log does not reach there. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.base.index) return this.base.term;
    return this.#entries[index - this.firstIndex]?.term;
  }

  /** Whether the log holds the entry that `id` names. */
  holds(id: EntryId): boolean {
    return this.termAt(id.index) === id.term;
  }

  /** The entry at `index`, which must exist. */
  entryAt(index: LogIndex): Entry {
    return at(this.#entries, index - this.firstIndex);
  }

  /**
   * The entries from `from` up to and including `to`, cut before they exceed `bytesMax` together,
   * but never to none.
   */
  slice(from: LogIndex, to: LogIndex, bytesMax: number = Number.POSITIVE_INFINITY): Entry[] {
    assert(from >= this.firstIndex && to <= this.lastIndex, "the slice is inside the log");
    const start = from - this.firstIndex;
    const limit = to - this.base.index;
    if (bytesMax === Number.POSITIVE_INFINITY) return this.#entries.slice(start, limit);
    let end = start;
    let bytes = 0;
    while (end < limit) {
      bytes += entryBytes(at(this.#entries, end));
      if (bytes > bytesMax && end > start) break;
      end += 1;
    }
    return this.#entries.slice(start, end);
  }

  /** The bytes of the entries after `after` up to and including `to`, as far as the log has them. */
  bytesBetween(after: LogIndex, to: LogIndex): number {
    let bytes = 0;
    for (let index = Math.max(after, this.base.index) + 1; index <= to; index++) {
      bytes += entryBytes(this.entryAt(index));
    }
    return bytes;
  }

  /** Whether an entry of `kind` is among those after `after` up to and including `to`. */
  hasKind(kind: EntryKind, after: LogIndex, to: LogIndex): boolean {
    for (let index = Math.max(after, this.base.index) + 1; index <= to; index++) {
      if (this.entryAt(index).kind === kind) return true;
    }
    return false;
  }

  /** Forgets the entries up to and including `index`, which are durable, here and in a snapshot (§7). */
  compact(index: LogIndex): void {
    if (index <= this.base.index) return;
    assert(index <= this.#persistedIndex, "only durable entries are compacted");
    const base = idOf(this.entryAt(index));
    this.#entries = this.#entries.slice(index - this.base.index);
    this.#base = base;
  }

  /** Begins anew after `base`, which a durable snapshot stands in for. Writes under way count no more. */
  restore(base: EntryId): void {
    this.#base = idOf(base);
    this.#entries = [];
    this.#handedIndex = base.index;
    this.#persistedIndex = base.index;
    this.#writes = [];
  }

  /**
   * The last entry at or before `index` whose term is at most `term`: the last place where this log
   * can still equal one that has `term` at `index` (§5.3). Terms never decrease, so it halves.
   */
  lastAtMost(index: LogIndex, term: Term): EntryId {
    let low = this.base.index;
    let high = Math.min(index, this.lastIndex);
    if (high <= low) return this.base;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.entryAt(middle).term <= term) low = middle;
      else high = middle - 1;
    }
    return low === this.base.index ? this.base : this.entryAt(low);
  }

  /** Adds one entry at the end. */
  append(entry: Entry): void {
    const last = this.last;
    assert(entry.index === last.index + 1, "an entry is appended right after the last");
    assert(entry.term >= last.term, "terms never decrease along the log");
    this.#entries.push(entry);
  }

  /**
   * Makes the log hold `entries`, which follow one that it holds. Removes its own entries only from
   * the first that conflicts: one of the same index and another term (§5.3). Entries that it has
   * stay, and so do those behind them, since a shorter message may merely be late.
   */
  merge(entries: readonly Entry[]): void {
    let fresh = 0;
    while (fresh < entries.length && this.holds(at(entries, fresh))) fresh += 1;
    if (fresh === entries.length) return;
    const first = at(entries, fresh);
    if (first.index <= this.lastIndex) this.#truncate(first.index);
    for (let offset = fresh; offset < entries.length; offset++) this.append(at(entries, offset));
  }

  /** Removes the entry at `from` and all behind it. Writes of them under way no longer count. */
  #truncate(from: LogIndex): void {
    assert(from >= this.firstIndex, "only what is in the log is removed");
    this.#entries.length = from - this.firstIndex;
    const end = from - 1;
    this.#handedIndex = Math.min(this.#handedIndex, end);
    this.#persistedIndex = Math.min(this.#persistedIndex, end);
    // A notice that arrives later for what was overwritten must not count (the ABA race).
    for (const write of this.#writes) write.lastIndex = Math.min(write.lastIndex, end);
  }

  /** The entries that were not handed out yet. */
  unhanded(): readonly Entry[] {
    if (this.#handedIndex === this.lastIndex) return [];
    return this.#entries.slice(this.#handedIndex - this.base.index);
  }

  /**
   * `entries`, which `unhanded` returned, went out as write `number`. Those that were overwritten in
   * the meantime are not in the log any more; what replaced them goes out next.
   */
  handedOver(number: number, entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const kept = entries.findLast(
      (entry) => this.#entries[entry.index - this.firstIndex] === entry,
    );
    const end = Math.max(this.#handedIndex, kept?.index ?? this.base.index);
    this.#handedIndex = end;
    this.#writes.push({ number, lastIndex: end });
  }

  /** All writes up to `number` are durable. */
  persisted(number: number): void {
    let done = 0;
    for (const write of this.#writes) {
      if (write.number > number) break;
      this.#persistedIndex = Math.max(this.#persistedIndex, write.lastIndex);
      done += 1;
    }
    if (done > 0) this.#writes = this.#writes.slice(done);
  }
}
