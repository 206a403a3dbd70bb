import { isSafe, none, RaftError, type Storage } from "@quorate/core";
import type { Disk } from "./disk.ts";
import { recover } from "./recovery.ts";
import { Replay } from "./replay.ts";
import { createSegment, type Segment } from "./segment-file.ts";
import {
  clusterIdUnitsMax,
  incarnationBytes,
  newSegmentHeader,
  sectorBytes,
  type WalIdentity,
} from "./segment.ts";
import { type OpenSegment, Wal } from "./wal.ts";

/** What a log is opened with. */
export interface WalOptions {
  /** Whose log it is. A log of another node or cluster is refused. */
  readonly identity: WalIdentity;
  /**
   * 16 unpredictable bytes. They become the log's incarnation if it is created now, and are ignored
   * if it exists: then `Wal.incarnation` tells those of its creation.
   */
  readonly incarnation: Uint8Array;
  /**
   * The length of a segment file, in bytes: a multiple of 512 from 2 KiB to 1 GiB. A batch that is
   * longer gets a segment of its own length. The log takes up to two segments more than its entries.
   *
   * @default 64 MiB
   */
  readonly segmentBytes?: number;
}

/** A log that was opened, and all that was durable in it. */
export interface OpenedWal {
  readonly wal: Wal;
  /** What to start the node from. The log keeps no entries in memory itself. */
  readonly storage: Storage;
}

const segmentBytesMin = 2 * 1024;
const segmentBytesMax = 1024 * 1024 * 1024;
const segmentBytesDefault = 64 * 1024 * 1024;

/**
 * Opens the log on `disk`, or creates it if there is none. All that `append` ever reported durable is
 * in the result, and durable; a batch that was under way at a crash is there whole or not at all.
 *
 * Rejects with `corrupt` (bytes that were durable are damaged or gone; the message names file, offset
 * and remedy), `wrong_identity`, `unsupported_version`, `invalid_options`, or what the disk rejects
 * with. Then nothing was cut or removed but what was never durable.
 */
export async function openWal(disk: Disk, options: WalOptions): Promise<OpenedWal> {
  const segmentBytes = validateOptions(options);
  const { identity } = options;
  const recovered = await recover(disk, identity);
  const incarnation = recovered?.incarnation ?? options.incarnation.slice();
  const replay = recovered?.replay ?? new Replay();
  const segments = recovered?.segments ?? [];

  // Makes durable what an earlier run named or removed and did not live to sync.
  await disk.syncDirectory();
  const last = segments.at(-1);
  const file = last === undefined ? undefined : await disk.open(last.name);
  let spare: OpenSegment | undefined;
  try {
    spare = await openSpare(disk, recovered?.spare);
    if (last === undefined && spare === undefined) {
      spare = await createSegment(disk, newSegmentHeader(identity, incarnation, 1), segmentBytes);
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  const wal = new Wal({
    disk,
    identity,
    incarnation,
    segmentBytes,
    segments,
    file,
    spare,
    shape: replay.shape,
    hardState: replay.hardState,
    nextNumber: replay.nextNumber ?? 1,
  });
  const { hardState, entries } = replay;
  return { wal, storage: { hardState, base: replay.shape.base, entries } };
}

async function openSpare(
  disk: Disk,
  segment: Segment | undefined,
): Promise<OpenSegment | undefined> {
  return segment === undefined ? undefined : { segment, file: await disk.open(segment.name) };
}

function validateOptions(options: WalOptions): number {
  const { identity, incarnation, segmentBytes = segmentBytesDefault } = options;
  const units = identity.clusterId.length;
  if (units < 1 || units > clusterIdUnitsMax) {
    throw invalid(
      `identity.clusterId must have 1 to ${clusterIdUnitsMax} characters, it has ${units}`,
    );
  }
  if (!isSafe(identity.nodeId) || identity.nodeId === none) {
    throw invalid(`identity.nodeId must be a safe integer of at least 1, it is ${identity.nodeId}`);
  }
  if (incarnation.length !== incarnationBytes) {
    throw invalid(`incarnation must have ${incarnationBytes} bytes, it has ${incarnation.length}`);
  }
  const isInRange = segmentBytes >= segmentBytesMin && segmentBytes <= segmentBytesMax;
  if (!isInRange || segmentBytes % sectorBytes !== 0) {
    throw invalid(
      `segmentBytes must be a multiple of ${sectorBytes} from ${segmentBytesMin} to ${segmentBytesMax}, ` +
        `it is ${segmentBytes}`,
    );
  }
  return segmentBytes;
}

function invalid(detail: string): RaftError {
  return new RaftError("invalid_options", detail);
}
