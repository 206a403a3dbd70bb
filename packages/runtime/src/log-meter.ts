import { assert, type LogIndex } from "@quorate/core";

/** How much of the log there is up to an entry. */
interface Mark {
  readonly index: LogIndex;
  /** Bytes of all entries that were counted up to it. */
  readonly bytes: number;
}

/**
 * Measures the log in bytes. Not entry by entry: it remembers a mark every `markBytes`, and answers as if
 * entries came in portions that end at marks.
 */
export class LogMeter {
  readonly #markBytes: number;
  /** Ascending; the first is where counting begins, and never missing. */
  #marks: Mark[];
  #lastIndex: LogIndex;
  #bytes = 0;

  /** Counts the entries after `index`. */
  constructor(markBytes: number, index: LogIndex) {
    this.#markBytes = markBytes;
    this.#marks = [{ index, bytes: 0 }];
    this.#lastIndex = index;
  }

  /** Counts the next entry. */
  add(index: LogIndex, bytes: number): void {
    assert(index > this.#lastIndex, "entries are counted in order");
    this.#lastIndex = index;
    this.#bytes += bytes;
    const mark = this.#marks.at(-1);
    if (mark === undefined || this.#bytes - mark.bytes >= this.#markBytes) {
      this.#marks.push({ index, bytes: this.#bytes });
    }
  }

  /** How many bytes the entries after `index` have: no less than they do, and at most a portion more. */
  bytesAfter(index: LogIndex): number {
    if (index >= this.#lastIndex) return 0;
    const mark = this.#marks.findLast((candidate) => candidate.index <= index);
    return this.#bytes - (mark?.bytes ?? 0);
  }

  /** An index after which the entries have at most `bytesMax` bytes: the least, or up to a portion later. */
  indexLeaving(bytesMax: number): LogIndex {
    const mark = this.#marks.find(({ bytes }) => this.#bytes - bytes <= bytesMax);
    return mark?.index ?? this.#lastIndex;
  }

  /** Forgets what is only needed to measure what is before `index`. */
  forget(index: LogIndex): void {
    const kept = this.#marks.findLastIndex((mark) => mark.index <= index);
    if (kept > 0) this.#marks = this.#marks.slice(kept);
  }

  /** Counts anew, after `index`. */
  reset(index: LogIndex): void {
    this.#marks = [{ index, bytes: 0 }];
    this.#lastIndex = index;
    this.#bytes = 0;
  }
}
