import { type EntryId, type HardState, none, type Snapshot } from "@quorate/core";
import { corrupt } from "./damage.ts";
import { newestOf, type FoundSnapshots } from "./disk-snapshot-store.ts";
import type { LogState } from "./log-shape.ts";
import type { FoundLog } from "./recovery.ts";
import { segmentHeaderBytes, segmentName } from "./segment.ts";

/**
 * Judges a log and the newest snapshot beside it, both of which are whole by themselves. Returns the
 * entry after which the log must begin anew, if it does not hold the one that the snapshot stands for:
 * then a crash came after the snapshot was stored and before the reset was.
 *
 * Throws `corrupt` if the two cannot be what one process after another left.
 */
export function reconcile(
  log: Pick<FoundLog, "segments" | "replay">,
  snapshots: Pick<FoundSnapshots, "files">,
): EntryId | undefined {
  const newest = newestOf(snapshots.files);
  const { shape, hardState } = log.replay;
  const [first] = log.segments;
  if (newest === undefined) {
    if (first === undefined || shape.base.index === 0) return undefined;
    const detail = `the log begins after ${describe(shape.base)}, and there is no snapshot`;
    throw corrupt(first.name, segmentHeaderBytes, detail);
  }
  const { term, index } = newest.stored.snapshot;
  // The first segment is there before the first snapshot, and one always stays.
  if (first === undefined) throw corrupt(segmentName(1), 0, `the log of ${newest.name} is gone`);
  if (shape.base.index > index) {
    const detail = `the snapshot ends at ${term}/${index}, and the log begins after`;
    throw corrupt(newest.name, 0, `${detail} ${describe(shape.base)}`);
  }
  if (shape.has(index) && shape.idAt(index).term === term) return undefined;
  if (hardState.commitIndex < index) return { term, index };
  const detail = `the snapshot ends at ${term}/${index}, and the log has committed`;
  throw corrupt(newest.name, 0, `${detail} ${describe(shape.idAt(index))}`);
}

/**
 * The hard state of a log beside `snapshot`. What a snapshot stands for was committed, even where that
 * was not written yet; a log that does not hold its entry is about to be reset, and says so then.
 */
export function committedBy(
  snapshot: Snapshot | undefined,
  { shape, hardState }: LogState,
): HardState {
  if (snapshot === undefined || !shape.has(snapshot.index)) return hardState;
  if (shape.idAt(snapshot.index).term !== snapshot.term) return hardState;
  return { ...hardState, commitIndex: Math.max(hardState.commitIndex, snapshot.index) };
}

/** The hard state of a log that begins anew after `base`, the last entry of a stored snapshot. */
export function hardStateAfterReset({ term, vote }: HardState, base: EntryId): HardState {
  const isNewer = base.term > term;
  return {
    term: isNewer ? base.term : term,
    vote: isNewer ? none : vote,
    commitIndex: base.index,
  };
}

function describe({ term, index }: EntryId): string {
  return `${term}/${index}`;
}
