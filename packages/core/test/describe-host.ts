import {
  describeEntries,
  describeHardState,
  describeSnapshot,
  type Entry,
  type EntryId,
  type NodeId,
  type Storage,
} from "../src/index.ts";
import { isSnapshot, type Work } from "./host.ts";

/** What a state machine took in: `restored 1/20 applied [1/21 "x"]`. */
export function describeWork(work: readonly Work[]): string {
  const from = work.findLast(isSnapshot);
  const entries = work.filter((each): each is Entry => !isSnapshot(each));
  const restored = from === undefined ? [] : [`restored ${entryNames([from])}`];
  if (entries.length === 0 && from !== undefined) return restored.join("");
  return [...restored, `applied ${describeEntries(entries)}`].join(" ");
}

/** What would survive a crash: `n1 term=1 vote=n1 commit=2 snapshot=1/1 (1 2) log=1/2`. */
export function describeDisk(id: NodeId, { hardState, snapshot, entries }: Storage): string {
  const compacted = snapshot === undefined ? "" : ` ${describeSnapshot(snapshot)}`;
  return `n${id} ${describeHardState(hardState)}${compacted} log=${entryNames(entries)}`;
}

/** The ids of entries, `-` for none. */
export function entryNames(entries: readonly EntryId[]): string {
  return entries.map(({ term, index }) => `${term}/${index}`).join(" ") || "-";
}
