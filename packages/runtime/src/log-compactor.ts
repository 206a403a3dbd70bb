import { type LogIndex, none, type RaftNode } from "@quorate/core";
import type { SnapshotStore, Wal } from "@quorate/wal";
import { LogMeter } from "./log-meter.ts";
import type { CompleteSnapshotOptions } from "./snapshot-options.ts";

/** What the compactor of the log works with. */
export interface LogCompactorHost {
  readonly node: RaftNode;
  readonly store: SnapshotStore;
  readonly log: Pick<Wal, "compact" | "committedIndex">;
  /** The log after this index is needed by those that are being sent a snapshot; `Infinity`: none is. */
  neededIndex(): LogIndex;
  /** The disk cannot be trusted any more. */
  onStorageFailed(error: unknown): void;
  /** Runs `work` as an event of its own. */
  resume(work: () => void): void;
}

/** How much more than a portion every limit is that is not 0. */
const portionCount = 64;

/**
 * Lets go of what the newest snapshot stands for: in memory, on the disk, and older snapshots. What stays
 * of the log behind it is a tail, for followers that are a little behind, and what those need that are
 * known to need it, within a bound.
 */
export class LogCompactor {
  readonly #options: CompleteSnapshotOptions;
  readonly #host: LogCompactorHost;
  readonly #meter: LogMeter;
  /** The work on the disk, if any is under way; never rejects. */
  #working: Promise<void> | undefined;
  /** How far the log on the disk is to be compacted next. */
  #nextIndex: LogIndex | undefined;
  #isStopped = false;

  /** Measures the entries after `index`. */
  constructor(options: CompleteSnapshotOptions, host: LogCompactorHost, index: LogIndex) {
    this.#options = options;
    this.#host = host;
    const { snapshotEveryBytes, snapshotTailBytes, snapshotKeepBytesMax } = options;
    const limits = [snapshotEveryBytes, snapshotTailBytes, snapshotKeepBytesMax];
    const least = Math.min(...limits.filter((bytes) => bytes > 0));
    this.#meter = new LogMeter(Math.ceil(least / portionCount), index);
  }

  /** Counts the next entry that was applied. */
  add(index: LogIndex, bytes: number): void {
    this.#meter.add(index, bytes);
  }

  /** How many bytes the applied entries after `index` have, or a little more. */
  bytesAfter(index: LogIndex): number {
    return this.#meter.bytesAfter(index);
  }

  /** The log begins anew, after `index`. */
  reset(index: LogIndex): void {
    this.#meter.reset(index);
  }

  /** Lets go of all that may go, with the snapshot that is the newest now. */
  compact(): void {
    const { node, store } = this.#host;
    const snapshot = store.newest?.snapshot;
    if (this.#isStopped || snapshot === undefined || snapshot.index === none) return;
    if (snapshot.index > node.appliedIndex) return;
    const index = this.#compactionIndex(snapshot.index);
    node.compact(snapshot, index);
    this.#meter.forget(index);
    this.#nextIndex = index;
    this.#working ??= this.#compactDisk();
  }

  /**
   * Lets the log on the disk go of all that the newest snapshot stands for, at whatever is kept for
   * followers otherwise: that stays in memory. Resolves when it is gone.
   */
  async compactAll(): Promise<void> {
    const { node, store } = this.#host;
    const index = store.newest?.snapshot.index ?? none;
    if (this.#isStopped || index === none || index > node.appliedIndex) return;
    this.#nextIndex = Math.max(index, this.#nextIndex ?? none);
    this.#working ??= this.#compactDisk();
    await this.#working;
  }

  /** Does nothing more. Resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#nextIndex = undefined;
    await this.#working;
  }

  /** How much of the log may go, with a snapshot that ends at `index`: everything up to what this gives. */
  #compactionIndex(index: LogIndex): LogIndex {
    const { snapshotTailCount, snapshotTailBytes, snapshotKeepBytesMax } = this.#options;
    const laterBytes = this.#meter.bytesAfter(index);
    const tailIndex = Math.max(
      index - snapshotTailCount,
      this.#meter.indexLeaving(laterBytes + snapshotTailBytes),
    );
    const boundIndex = this.#meter.indexLeaving(laterBytes + snapshotKeepBytesMax);
    const neededIndex = this.#neededIndex();
    return Math.max(none, Math.min(index, Math.max(boundIndex, Math.min(tailIndex, neededIndex))));
  }

  /** The log after this index is known to be needed by some follower. */
  #neededIndex(): LogIndex {
    let needed = this.#host.neededIndex();
    for (const { kind, recentlyActive, matchIndex } of this.#host.node.status().progress) {
      if (recentlyActive && kind !== "snapshot") needed = Math.min(needed, matchIndex);
    }
    return needed;
  }

  async #compactDisk(): Promise<void> {
    const { log, store } = this.#host;
    try {
      while (this.#nextIndex !== undefined) {
        const index = this.#nextIndex;
        this.#nextIndex = undefined;
        // The log on disk may not know yet how far it is committed.
        await log.compact(Math.min(index, log.committedIndex));
        await store.prune();
      }
    } catch (error) {
      this.#host.resume(() => {
        if (!this.#isStopped) this.#host.onStorageFailed(error);
      });
    } finally {
      this.#working = undefined;
    }
  }
}
