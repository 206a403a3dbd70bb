import { randomFillSync } from "node:crypto";
import { type Entry, newEntry, type Term } from "@quorate/core";
import { openWal, type Wal } from "@quorate/wal";
import { encodedEntryBytes, incarnationBytes } from "@quorate/wire";
import { openNodeDisk } from "quorate";

/** Commands that one leader appended, one after the other. */
export interface Stretch {
  readonly term: Term;
  readonly count: number;
  /** The length of each command. */
  readonly bytes: number;
}

/** A log that no process uses, to be written as a group would have written it. */
export interface PreparedLog {
  /** The id of the replica whose log it is, and where its files are. */
  readonly id: number;
  readonly directory: string;
}

/** Where a log ends, and the newest term that its node knows. */
export interface LogEnd {
  readonly term: Term;
  readonly lastIndex: number;
}

/** The length of each entry stands before it. */
const lengthBytes = 4;
/** Up to this many bytes of commands are written and synced at once. */
const batchBytesMax = 1 << 20;
/** Up to this many entries are written and synced at once. */
const batchCountMax = 10_000;

/** Where the log of `log` ends. */
export async function endOf(log: PreparedLog): Promise<LogEnd> {
  return withWal(log, async ({ hardState, lastIndex }) => ({ term: hardState.term, lastIndex }));
}

/**
 * Appends `stretches`, the terms of which must not decrease. `isCommitted`: the node knows that they are,
 * so that a majority must be given the same.
 */
export async function extendLog(
  log: PreparedLog,
  stretches: readonly Stretch[],
  isCommitted: boolean,
): Promise<void> {
  await withWal(log, async (wal) => {
    for (const stretch of stretches) {
      for (const entries of batchesOf(stretch, wal.lastIndex + 1)) {
        await wal.append({ entries, hardState: hardStateAfter(wal, entries, isCommitted) });
      }
    }
  });
}

/** The entries of `stretch`, from `firstIndex` on, in batches as they are written. */
export function* batchesOf(stretch: Stretch, firstIndex: number): Generator<Entry[], void> {
  const { term, count, bytes } = stretch;
  const data = new Uint8Array(bytes).fill(7);
  const batchCount = Math.max(1, Math.min(batchCountMax, Math.floor(batchBytesMax / (bytes + 1))));
  for (let done = 0; done < count; done += batchCount) {
    yield Array.from({ length: Math.min(batchCount, count - done) }, (_, offset) =>
      newEntry({ term, index: firstIndex + done + offset }, "command", data),
    );
  }
}

/** How many bytes `stretch` takes in a log from `firstIndex` on, without the heads of batches. */
export function logBytesOf(stretch: Stretch, firstIndex: number): number {
  let bytes = 0;
  for (const entries of batchesOf(stretch, firstIndex)) {
    for (const entry of entries) bytes += lengthBytes + encodedEntryBytes(entry);
  }
  return bytes;
}

function hardStateAfter(
  { hardState, lastIndex }: Wal,
  entries: readonly Entry[],
  isCommitted: boolean,
) {
  const { term, index } = entries.at(-1) ?? { term: hardState.term, index: lastIndex };
  const isNewTerm = term > hardState.term;
  return {
    term: isNewTerm ? term : hardState.term,
    vote: isNewTerm ? 0 : hardState.vote,
    commitIndex: isCommitted ? index : hardState.commitIndex,
  };
}

async function withWal<T>(log: PreparedLog, use: (wal: Wal) => Promise<T>): Promise<T> {
  const disk = await openNodeDisk(log.directory);
  const { wal, snapshots } = await openWal(disk, {
    identity: { clusterId: "quorate", nodeId: log.id },
    incarnation: randomFillSync(new Uint8Array(incarnationBytes)),
  });
  try {
    return await use(wal);
  } finally {
    await wal.close();
    await snapshots.close();
  }
}
