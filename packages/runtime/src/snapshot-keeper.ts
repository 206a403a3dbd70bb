import {
  assert,
  type Entry,
  entryBytes,
  type EntryId,
  type LogIndex,
  none,
  origin,
  RaftError,
  type Snapshot,
} from "@quorate/core";
import type { SnapshotMetadata, StoredSnapshot, Wal } from "@quorate/wal";
import type { Interlude } from "./apply-queue.ts";
import { failureOf } from "./failure.ts";
import { LogCompactor, type LogCompactorHost } from "./log-compactor.ts";
import type { Clock, Random, Timer } from "./ports.ts";
import { orFailed, type SnapshotChunks, snapshotFailed } from "./snapshot-content.ts";
import type { CompleteSnapshotOptions } from "./snapshot-options.ts";
import { newSnapshotId } from "./snapshot-source.ts";
import { writeSnapshot } from "./snapshot-writing.ts";
import type { StateMachine } from "./state-machine.ts";

/** What the keeper of snapshots works with. */
export interface SnapshotKeeperHost extends LogCompactorHost {
  readonly log: LogCompactorHost["log"] & Pick<Wal, "frees">;
  readonly clock: Clock;
  readonly random: Random;
  readonly stateMachine: Pick<StateMachine<never, unknown>, "snapshots">;
  /** The member table as of the applied index, encoded. */
  members(): Uint8Array;
  /** Queues what is to be done between applies, and sees to it. */
  interrupt(interlude: Interlude): void;
  /** A snapshot was taken, within `ms` milliseconds: it is durable, and the core counts on it. */
  onTaken(stored: StoredSnapshot, ms: number): void;
  /** A snapshot could not be taken. It is tried again. */
  onFailed(error: RaftError): void;
}

/** One who asked for a snapshot. */
interface Asker {
  readonly onTaken: (stored: StoredSnapshot) => void;
  readonly onFailed: (error: RaftError) => void;
}

/** What is to be written: what the snapshot stands for, and its content, if it has any. */
interface Capture {
  readonly metadata: SnapshotMetadata;
  readonly chunks: SnapshotChunks;
}

/**
 * Takes snapshots of the state machine, and lets the log forget what they stand for (§7).
 *
 *     due, asked for ──► between applies: a view of the state, and what it stands for
 *                              │
 *                              ▼ while applying goes on
 *                        written, piece by piece ──► durable ──► core, log and older snapshots let go
 *
 * Of a state machine that is durable by itself only what the snapshot stands for is written, and only
 * once the state machine says that it holds all of it.
 */
export class SnapshotKeeper {
  readonly #options: CompleteSnapshotOptions;
  readonly #host: SnapshotKeeperHost;
  readonly #compactor: LogCompactor;
  /** Whether a snapshot is being taken. */
  #isBusy = false;
  /** When its view was taken. */
  #beganAt = 0;
  /** The last command that was applied, or the snapshot that was restored after it. */
  #lastCommand: EntryId = origin;
  /** Those who asked for a snapshot of what is applied now, or for the one that is being taken. */
  #waiting: Asker[] = [];
  #served: Asker[] = [];
  /** Whether the state machine was restored, and what that replaced is still there. */
  #isRestored = false;
  /** Whether a snapshot is wanted whatever the log holds. */
  #isNeeded = false;
  /** Runs when the last snapshot failed: until then none is begun unless somebody asks. */
  #retry: Timer | undefined;
  /** Settles when the last snapshot is written or given up; never rejects. */
  #writing: Promise<void> = Promise.resolve();
  /** Ends a pause in writing. */
  #endPause: (() => void) | undefined;
  #isStopped = false;

  /** `log`: the entries of the log that the core starts with. Those that are applied already count. */
  constructor(
    options: CompleteSnapshotOptions,
    host: SnapshotKeeperHost,
    log: readonly Entry[] = [],
  ) {
    this.#options = options;
    this.#host = host;
    const { appliedIndex } = host.node;
    const applied = log.filter(({ index }) => index <= appliedIndex);
    this.#compactor = new LogCompactor(options, host, (applied[0]?.index ?? appliedIndex + 1) - 1);
    for (const entry of applied) this.onEntryApplied(entry);
  }

  /** Counts an entry that was applied. */
  onEntryApplied(entry: Entry): void {
    const { term, index, kind } = entry;
    this.#compactor.add(index, entryBytes(entry));
    if (kind === "command") this.#lastCommand = { term, index };
  }

  /** Begins a snapshot if one is due. To be called after entries were applied, or a snapshot restored. */
  onApplied(): void {
    if (this.#isRestored) {
      this.#isRestored = false;
      this.compact();
    }
    if (!this.#isBusy && this.#retry === undefined && this.#isDue()) this.#begin();
  }

  /** The state machine was restored from the newest snapshot. */
  onRestored({ term, index }: Snapshot): void {
    this.#isRestored = true;
    this.#compactor.reset(index);
    this.#lastCommand = { term, index };
  }

  /**
   * Takes a snapshot of everything applied until now, or gives the newest if it is that. Rejects with
   * `snapshot_failed`, `disk_full`, `closed`, or with what the disk failed with.
   */
  take(): Promise<StoredSnapshot> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) {
        reject(closed());
        return;
      }
      this.#waiting.push({ onTaken: resolve, onFailed: reject });
      if (!this.#isBusy) this.#begin();
    });
  }

  /** Takes a snapshot soon, whatever the log holds: the newest cannot be read, say. */
  need(): void {
    this.#isNeeded = true;
    this.onApplied();
  }

  /**
   * Makes room on a disk that is short of it, whatever the options say of when a snapshot is due: takes one
   * if that lets the log go of anything, and lets it go of all that it can. Resolves with whether it could,
   * when that is done or has failed; never rejects.
   */
  async makeRoom(): Promise<boolean> {
    const { log, store } = this.#host;
    const newestIndex = store.newest?.snapshot.index ?? none;
    const index = Math.max(newestIndex, this.#point()?.index ?? none);
    if (!log.frees(index)) return false;
    // Who fails is told so, and the next attempt is soon.
    if (!log.frees(newestIndex)) await this.take().catch(() => undefined);
    await this.#compactor.compactAll();
    return true;
  }

  /** Whether a snapshot is being taken. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Lets go of what nobody needs any more. To be called when a follower has got its snapshot. */
  compact(): void {
    this.#compactor.compact();
  }

  /** How many bytes the applied entries after `index` have, or a little more. */
  bytesAfter(index: LogIndex): number {
    return this.#compactor.bytesAfter(index);
  }

  /** Takes no more snapshots, and gives up the one under way. Resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#endPause?.();
    // Those of the one under way as well: the disk may never come to an end with it.
    const asking = [...this.#served, ...this.#waiting];
    this.#served = [];
    this.#waiting = [];
    for (const asker of asking) asker.onFailed(closed());
    await Promise.all([this.#writing, this.#compactor.stop()]);
  }

  #isDue(): boolean {
    const { node, store } = this.#host;
    const newestIndex = store.newest?.snapshot.index ?? none;
    const index = this.#point()?.index ?? none;
    if (this.#isStopped || index < newestIndex) return false;
    const { snapshotEveryCount, snapshotEveryBytes } = this.#options;
    if (index === newestIndex) return this.#isNeeded;
    return (
      this.#isNeeded ||
      node.appliedIndex - newestIndex >= snapshotEveryCount ||
      this.#compactor.bytesAfter(newestIndex) >= snapshotEveryBytes
    );
  }

  /**
   * What a snapshot that is taken now stands for; undefined if none can be. A state machine that keeps
   * the state by itself knows of commands only: a snapshot of it ends with the last one, so that it can
   * tell after a restart whether it still has all of it. That is one entry of many as long as the
   * configuration is the same.
   */
  #point(): Snapshot | undefined {
    const { node, stateMachine } = this.#host;
    const { snapshot, appliedIndex, confState, confIndex } = node;
    const isRestoring = snapshot !== undefined && snapshot.index > appliedIndex;
    const isJoining = confState.voters.length === 0;
    if (isRestoring || isJoining || stateMachine.snapshots === undefined) return undefined;
    if (stateMachine.snapshots.kind === "memory") return node.snapshotPoint();
    const { term, index } = this.#lastCommand;
    return confIndex <= index ? { term, index, confState } : undefined;
  }

  #begin(): void {
    this.#isBusy = true;
    this.#host.interrupt({ run: () => this.#onTurn(), onStopped: () => this.#onNoTurn() });
  }

  /** Nothing is applied any more: the replica stops. */
  #onNoTurn(): void {
    this.#served = this.#waiting;
    this.#waiting = [];
    this.#onFailed(closed());
  }

  /** Called between applies: what is captured is the state at the applied index, and what that stands for. */
  #onTurn(): void {
    if (this.#isStopped) {
      this.#onNoTurn();
      return;
    }
    this.#served = this.#waiting;
    this.#waiting = [];
    const { newest } = this.#host.store;
    const point = this.#point();
    if (point === undefined && this.#served.length === 0) {
      // It was due, and will be again.
      this.#isBusy = false;
      return;
    }
    const isNeeded = this.#isNeeded;
    this.#isNeeded = false;
    if (newest !== undefined && point !== undefined) {
      const missing = point.index - newest.snapshot.index;
      if (missing < 0 || (missing === 0 && !isNeeded)) {
        this.#onTaken(newest, false);
        return;
      }
    }
    let capture: Capture;
    this.#beganAt = this.#host.clock.now();
    try {
      capture = this.#capture(point);
    } catch (error) {
      this.#onFailed(error);
      return;
    }
    // The state machine may have closed its own replica.
    if (this.#isStopped) return;
    this.#writing = this.#write(capture).then(
      (stored) => this.#host.resume(() => this.#onTaken(stored, true)),
      (error: unknown) => this.#host.resume(() => this.#onFailed(error)),
    );
  }

  #capture(snapshot: Snapshot | undefined): Capture {
    const { random, stateMachine } = this.#host;
    const { snapshots } = stateMachine;
    if (snapshots === undefined) throw failed("the state machine takes no snapshots");
    if (snapshot === undefined) {
      throw failed("a restore or a change of members came last: try again after the next command");
    }
    const external = snapshots.kind === "durable";
    const metadata = {
      snapshot,
      members: this.#host.members(),
      id: newSnapshotId(random),
      external,
    };
    if (external) return { metadata, chunks: [] };
    try {
      return { metadata, chunks: snapshots.save() };
    } catch (error) {
      throw snapshotFailed(error);
    }
  }

  async #write({ metadata, chunks }: Capture): Promise<StoredSnapshot> {
    if (metadata.external) await this.#untilDurable(metadata.snapshot.index);
    const { snapshotChunkBytes } = this.#options;
    return writeSnapshot(this.#host.store, metadata, chunks, snapshotChunkBytes, () =>
      this.#pause(0),
    );
  }

  /** Waits until a state machine that keeps the state by itself holds the command at `index` durably. */
  async #untilDurable(index: LogIndex): Promise<void> {
    const { snapshots } = this.#host.stateMachine;
    assert(snapshots?.kind === "durable", "the state machine keeps the state by itself");
    while ((await orFailed(() => snapshots.appliedIndex())) < index) {
      await this.#pause(this.#options.snapshotRetryMs);
    }
  }

  /** Lets other work go ahead, for `ms` or at least one turn. Rejects with `closed` if stopped meanwhile. */
  async #pause(ms: number): Promise<void> {
    if (!this.#isStopped) {
      await new Promise<void>((resolve) => {
        const { clock } = this.#host;
        let timer: Timer | undefined;
        if (ms > 0) timer = clock.setTimer(ms, resolve);
        else clock.defer(resolve);
        this.#endPause = () => {
          timer?.cancel();
          resolve();
        };
      });
      this.#endPause = undefined;
    }
    if (this.#isStopped) throw closed();
  }

  #onTaken(stored: StoredSnapshot, isNew: boolean): void {
    this.#isBusy = false;
    const served = this.#served;
    this.#served = [];
    for (const asker of served) asker.onTaken(stored);
    if (!isNew) {
      this.#goOn();
      return;
    }
    this.#host.onTaken(stored, this.#host.clock.now() - this.#beganAt);
    this.compact();
    if (!this.#goOn()) this.onApplied();
  }

  #onFailed(error: unknown): void {
    this.#isBusy = false;
    const isHarmless = error instanceof RaftError && harmlessCodes.has(error.code);
    const failure = isHarmless ? error : failureOf("storage_failed", error);
    const served = this.#served;
    this.#served = [];
    for (const asker of served) asker.onFailed(failure);
    if (this.#isStopped) return;
    if (!isHarmless) {
      this.#host.onStorageFailed(failure);
      return;
    }
    this.#retry?.cancel();
    this.#retry = this.#host.clock.setTimer(this.#options.snapshotRetryMs, () =>
      this.#host.resume(() => {
        this.#retry = undefined;
        this.onApplied();
      }),
    );
    if (failure.code !== "closed") this.#host.onFailed(failure);
    this.#goOn();
  }

  /** Begins the next snapshot if somebody asked for it while the last one was under way. */
  #goOn(): boolean {
    if (this.#isBusy || this.#isStopped || this.#waiting.length === 0) return false;
    this.#begin();
    return true;
  }
}

/** How a snapshot may fail while the disk is sound. */
const harmlessCodes: ReadonlySet<string> = new Set([
  "snapshot_failed",
  "disk_full",
  "invalid_argument",
  "closed",
]);

function failed(detail: string): RaftError {
  return new RaftError("snapshot_failed", detail);
}

function closed(): RaftError {
  return new RaftError("closed", "the replica was closed");
}
