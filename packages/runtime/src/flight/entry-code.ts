import { type Entry, type EntryKind, type LogIndex, newEntry, type Term } from "@quorate/core";
import { malformed, type TapeReader } from "./tape-reader.ts";
import type { TapeWriter } from "./tape-writer.ts";

/**
 * Entries in a row are told by stretches of equal ones: their term, their kind, how long their data is, and
 * how many there are. Of commands nothing else is told, neither here nor elsewhere; a change of the
 * configuration, which the core reads, is told whole.
 */

const kinds: readonly EntryKind[] = ["command", "no-op", "conf-change"];
const changeCode = 2;
/** A change of the configuration of which only the length is told: nobody reads it again. */
const oldChangeCode = 3;

/** The most entries that one list may hold. */
export const entryCountMax: number = 2 ** 22;

/** Writes `entries`, which are in a row; changes of the configuration up to `oldIndex` without their data. */
export function writeEntries(
  tape: TapeWriter,
  entries: readonly Entry[],
  oldIndex: LogIndex,
): void {
  tape.number(entries.length);
  let start = 0;
  while (start < entries.length) start = writeStretch(tape, entries, start, oldIndex);
}

/** Writes the stretch that begins at offset `start`, and returns where it ends. */
function writeStretch(
  tape: TapeWriter,
  entries: readonly Entry[],
  start: number,
  oldIndex: LogIndex,
): number {
  const first = entries[start];
  if (first === undefined) return entries.length;
  const { term, kind, index, data } = first;
  if (kind === "conf-change" && index > oldIndex) {
    tape.number(changeCode);
    tape.number(term);
    tape.prefixed(data);
    return start + 1;
  }
  const { length } = data;
  let end = start + 1;
  // A change of the configuration is a stretch of its own, so that none is drawn into another.
  while (kind !== "conf-change" && end < entries.length) {
    const next = entries[end];
    if (next?.term !== term || next.kind !== kind || next.data.length !== length) break;
    end += 1;
  }
  tape.number(kind === "conf-change" ? oldChangeCode : kinds.indexOf(kind));
  tape.number(term);
  tape.number(length);
  tape.number(end - start);
  return end;
}

/** Entries in a row that are equal but for their place. */
export interface Stretch {
  readonly kind: EntryKind;
  readonly term: Term;
  readonly length: number;
  /** What they hold, if that is told. */
  readonly data: Uint8Array | undefined;
  readonly times: number;
}

/** Reads entries of which the first has `index`; only passes over them if `isBuilt` is false. */
export function readEntries(tape: TapeReader, index: LogIndex, isBuilt: boolean): Entry[] {
  const entries: Entry[] = [];
  for (const { kind, term, length, data, times } of readStretches(tape)) {
    for (let each = 0; isBuilt && each < times; each++) {
      const id = { term, index: index + entries.length };
      entries.push(newEntry(id, kind, data ?? tape.blank(length)));
    }
  }
  return entries;
}

/** Reads a list of entries as the stretches that it is told by. Throws `malformed`. */
export function* readStretches(tape: TapeReader): Generator<Stretch, void, undefined> {
  const count = tape.number();
  if (count > entryCountMax) throw malformed(`${count} entries in a row`);
  for (let done = 0; done < count;) {
    const stretch = readStretch(tape);
    if (stretch.times === 0 || stretch.times > count - done) {
      throw malformed("a stretch is longer than its list");
    }
    yield stretch;
    done += stretch.times;
  }
}

function readStretch(tape: TapeReader): Stretch {
  const code = tape.number();
  const term = tape.number();
  if (code === changeCode) {
    const data = tape.bytes();
    return { kind: "conf-change", term, length: data.length, data, times: 1 };
  }
  const kind = code === oldChangeCode ? "conf-change" : kinds[code];
  if (kind === undefined) throw malformed(`entries of kind ${code}`);
  return { kind, term, length: tape.length(), data: undefined, times: tape.number() };
}
