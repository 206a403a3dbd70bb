import { at, type Entry, type EntryId, type LogIndex, newEntry } from "@quorate/core";
import { entryCountMax, readStretches } from "./entry-code.ts";
import { malformed, type TapeReader } from "./tape-reader.ts";

/** Lengths of older entries that a record tells: `times` entries from `index` on. */
interface KnownLengths {
  readonly index: LogIndex;
  readonly length: number;
  readonly times: number;
}

/** How many lengths a record may tell in all. */
const knownCountMax = 4 * entryCountMax;

/**
 * The entries that an image leaves out. What they hold is not known, and how long they are only of those
 * that the record tells later, because the node sent them: nobody looks at the lengths of others.
 */
export class OlderEntries {
  readonly #known: KnownLengths[] = [];
  #knownCount = 0;

  /** Reads lengths from `tape`. Throws `malformed`. */
  learn(tape: TapeReader): void {
    let index = tape.number();
    for (const { length, times } of readStretches(tape)) {
      this.#known.push({ index, length, times });
      this.#knownCount += times;
      if (this.#knownCount > knownCountMax) throw malformed("it tells too many lengths");
      index += times;
    }
  }

  /**
   * The entries after `base` and before `from`, of which `terms` are the first of each term. Throws
   * `malformed` for what cannot be a log, or one that is too long to be made here.
   */
  fill(base: EntryId, terms: readonly EntryId[], from: LogIndex, tape: TapeReader): Entry[] {
    const firstIndex = base.index + 1;
    const count = from - firstIndex;
    if (count < 0 || count > entryCountMax) throw malformed(`it leaves out ${count} entries`);
    if (count > 0 && terms[0]?.index !== firstIndex) throw malformed("the log has no beginning");
    const lengths = this.#lengths(firstIndex, count);
    const entries: Entry[] = [];
    for (const [place, { term, index }] of terms.entries()) {
      const end = terms[place + 1]?.index ?? from;
      if (index !== firstIndex + entries.length || end <= index || end > from) {
        throw malformed("the terms of the log are out of order");
      }
      while (firstIndex + entries.length < end) {
        const data = tape.blank(at(lengths, entries.length));
        entries.push(newEntry({ term, index: firstIndex + entries.length }, "command", data));
      }
    }
    return entries;
  }

  /** How long the `count` entries from `firstIndex` on are, as far as that is known. */
  #lengths(firstIndex: LogIndex, count: number): number[] {
    const lengths = Array.from({ length: count }, () => 0);
    for (const { index, length, times } of this.#known) {
      const start = Math.max(index, firstIndex);
      const end = Math.min(index + times, firstIndex + count);
      if (start < end) lengths.fill(length, start - firstIndex, end - firstIndex);
    }
    return lengths;
  }
}
