import { atLeast, atLeastOne, refuse, within } from "./check-option.ts";

/** When snapshots are taken, what the log keeps, and how snapshots are sent. */
export interface SnapshotOptions {
  /**
   * How many bytes of entries are applied after a snapshot before the next is taken. A state machine
   * without `snapshots` has none taken. At least 1.
   *
   * @default 64 MiB
   */
  readonly snapshotEveryBytes?: number;

  /**
   * How many entries are applied after a snapshot before the next is taken. At least 1.
   *
   * @default 100000
   */
  readonly snapshotEveryCount?: number;

  /**
   * How many of the last entries that a snapshot stands for stay in the log, for followers that are a
   * little behind: they catch up without a snapshot. At least 0.
   *
   * @default 10000
   */
  readonly snapshotTailCount?: number;

  /**
   * How many bytes of those entries stay at most. At least 0.
   *
   * @default 16 MiB
   */
  readonly snapshotTailBytes?: number;

  /**
   * How many bytes of entries stay at most for the sake of followers that need them: those that are
   * being sent a snapshot, and those that answer but are behind. One that needs more is sent a snapshot,
   * possibly again. At least `snapshotTailBytes`.
   *
   * @default 256 MiB
   */
  readonly snapshotKeepBytesMax?: number;

  /**
   * How many bytes of snapshots are sent per second at most, to all followers together. At least 1;
   * `Infinity` for as many as the network takes.
   *
   * @default 64 MiB
   */
  readonly snapshotBytesPerSecond?: number;

  /**
   * How many bytes of a snapshot may be on the way to one follower, and wait there for its disk: what a
   * heartbeat may have to wait for. At least `snapshotChunkBytes`.
   *
   * @default 2 MiB
   */
  readonly snapshotWindowBytes?: number;

  /**
   * How many bytes of a snapshot are read, sent and written at a time, 1 to 1,048,576.
   *
   * @default 256 KiB
   */
  readonly snapshotChunkBytes?: number;

  /**
   * How long the sending of a snapshot may make no progress before it is given up, in milliseconds, 1 to
   * 3,600,000. The receiver keeps what it has for four times as long, so that the next attempt goes on
   * from there.
   *
   * @default 30000
   */
  readonly snapshotStallMs?: number;

  /**
   * How long after a snapshot could not be taken or sent it is tried again, in milliseconds, 1 to
   * 3,600,000.
   *
   * @default 1000
   */
  readonly snapshotRetryMs?: number;
}

/** The options that concern snapshots, every one decided. */
export type CompleteSnapshotOptions = Required<SnapshotOptions>;

const mebi = 1024 * 1024;

/** Fills in the defaults. Throws `invalid_options` for a value of the wrong type or range. */
export function validateSnapshotOptions(options: SnapshotOptions): CompleteSnapshotOptions {
  const tailBytes = options.snapshotTailBytes ?? 16 * mebi;
  const keepBytes = options.snapshotKeepBytesMax ?? 256 * mebi;
  const chunkBytes = options.snapshotChunkBytes ?? mebi / 4;
  const windowBytes = options.snapshotWindowBytes ?? 2 * mebi;
  const rate = options.snapshotBytesPerSecond ?? 64 * mebi;
  const chosen = {
    snapshotEveryBytes: atLeastOne("snapshotEveryBytes", options.snapshotEveryBytes ?? 64 * mebi),
    snapshotEveryCount: atLeastOne("snapshotEveryCount", options.snapshotEveryCount ?? 100_000),
    snapshotTailCount: atLeast(0, "snapshotTailCount", options.snapshotTailCount ?? 10_000),
    snapshotTailBytes: atLeast(0, "snapshotTailBytes", tailBytes),
    snapshotKeepBytesMax: atLeast(0, "snapshotKeepBytesMax", keepBytes),
    snapshotBytesPerSecond: within(1, Infinity, "snapshotBytesPerSecond", rate),
    snapshotWindowBytes: atLeastOne("snapshotWindowBytes", windowBytes),
    snapshotChunkBytes: atLeastOne("snapshotChunkBytes", chunkBytes),
    snapshotStallMs: within(1, 3_600_000, "snapshotStallMs", options.snapshotStallMs ?? 30_000),
    snapshotRetryMs: within(1, 3_600_000, "snapshotRetryMs", options.snapshotRetryMs ?? 1000),
  };
  within(1, mebi, "snapshotChunkBytes", chunkBytes);
  if (windowBytes < chunkBytes) refuse("snapshotWindowBytes must be at least snapshotChunkBytes");
  if (keepBytes < tailBytes) refuse("snapshotKeepBytesMax must be at least snapshotTailBytes");
  return chosen;
}
