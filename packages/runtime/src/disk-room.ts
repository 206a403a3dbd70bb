import { RaftError, type Ticks } from "@quorate/core";
import type { Append, AppendOptions, Reserve, Wal } from "@quorate/wal";
import type { Clock, Timer } from "./ports.ts";
import type { ReplicaEvent } from "./replica-event.ts";
import { isSilent } from "./silence.ts";

/** What sees to room on the disk works with. */
export interface DiskRoomHost {
  readonly log: Pick<Wal, "isShortOfRoom" | "prepare">;
  readonly reserve: Reserve;
  append(append: Append, options: AppendOptions): Promise<void>;
  /**
   * Takes a snapshot if the log could let go of anything then, and lets go of it. Resolves with whether it
   * could. Never rejects.
   */
  compact(): Promise<boolean>;
  /** Whether there are no other voters. */
  isAlone(): boolean;
  /** Whether a snapshot is being written, of this state machine or from the leader. */
  isStoring(): boolean;
  /** No proposals are to be taken from now on. */
  onFull(): void;
  /** The disk has room again: for the reserve, and for the log to go on. */
  onRecovered(): void;
  /** The disk cannot be trusted any more. */
  onStorageFailed(error: unknown): void;
  /** Runs `work`, which the disk delayed, as an event of its own. */
  resume(work: () => void): void;
}

/** How it is seen to: see `ReplicaOptions`. */
export interface DiskRoomOptions {
  readonly clock: Clock;
  readonly diskFullRetryMs: number;
  readonly electionTimeoutTicks: Ticks;
}

/** What a full disk has no room for. */
export type DiskLack =
  /** A snapshot, though the reserve was given up for it: the reserve is too small for the state. */
  | "snapshot"
  /** Entries that were taken already, and votes. */
  | "entries"
  /** The next segment of the log. */
  | "segment"
  /** The reserve, which is made last. */
  | "reserve";

/** How many times as long as between two attempts a write waits for a snapshot that is to make room. */
const waitCount = 10;

/**
 * Sees to it that a disk which is full of log does not stay so, and that one which is full of other things
 * is noticed in time.
 *
 *     enough ──a segment is refused, or a snapshot needs the reserve──► full
 *       ▲                                                                 │ the reserve is given up;
 *       │                                                                 ▼ a snapshot, the log is compacted
 *       └──── nothing waits, the next segment and the reserve are there ──┘ again and again
 *
 * The reserve is for snapshots first, and only then for what was promised already: of a log that a snapshot
 * stands for all but the end can go, which is more than either takes. Proposals are taken again only when
 * all of it is back, so that a disk at its limit does not change its mind with every write.
 */
export class DiskRoom {
  readonly #host: DiskRoomHost;
  readonly #clock: Clock;
  readonly #retryMs: number;
  readonly #electionTimeoutTicks: Ticks;
  #isFull: boolean;
  /** For how many ticks it has been full. */
  #fullTicks = 0;
  #lack: "segment" | "reserve" = "reserve";
  /** Whether a write was refused and is not done yet. */
  #isWaiting = false;
  /** Whether the last snapshot found no room. */
  #isSnapshotRefused = false;
  /** The attempt to make room or to recover that is under way; never rejects. */
  #working: Promise<void> | undefined;
  #timer: Timer | undefined;
  /** Ends the wait for a snapshot. */
  #endWait: (() => void) | undefined;
  #isStopped = false;

  /** A disk without its reserve is full. */
  constructor(options: DiskRoomOptions, host: DiskRoomHost) {
    this.#host = host;
    this.#clock = options.clock;
    this.#retryMs = options.diskFullRetryMs;
    this.#electionTimeoutTicks = options.electionTimeoutTicks;
    this.#isFull = !host.reserve.isWhole;
    host.reserve.onGivenUp = () => host.resume(() => this.#enter());
  }

  /** Whether proposals are to be refused. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Whether it is left to others to lead. */
  get givesWay(): boolean {
    if (!this.#isFull || !isSilent(this.#fullTicks, this.#electionTimeoutTicks)) return false;
    return !this.#host.isAlone();
  }

  /** Whether the core's time stands still: nothing can be written, or others are to go first. */
  get isAtRest(): boolean {
    return this.#isFull && (this.#isWaiting || this.givesWay);
  }

  /** What there is no room for; undefined unless the disk is full. */
  get lack(): DiskLack | undefined {
    if (!this.#isFull) return undefined;
    if (this.#isSnapshotRefused) return "snapshot";
    return this.#isWaiting ? "entries" : this.#lack;
  }

  onTicks(count: number): void {
    if (this.#isFull) this.#fullTicks += count;
  }

  /** Begins to act. Tells of a disk that is full already. */
  start(): void {
    if (!this.#isFull || this.#isStopped) return;
    this.#clock.defer(() => this.#host.resume(() => this.#host.onFull()));
    this.#armTimer();
  }

  /**
   * Appends to the log. If there is no room, makes some and tries once more. Rejects as the log does; with
   * `disk_full` if that was not enough.
   */
  async append(append: Append): Promise<void> {
    try {
      await this.#host.append(append, {});
    } catch (error) {
      if (!isDiskFull(error) || this.#isStopped) throw error;
      await this.#appendInNeed(append);
    }
    if (this.#isFull || this.#isWaiting || this.#host.log.isShortOfRoom) {
      this.#host.resume(() => this.#onAppended());
    }
  }

  /** Takes note of what became of a snapshot, taken here or from the leader. */
  observe(event: ReplicaEvent): void {
    switch (event.kind) {
      case "snapshot-taken":
      case "snapshot-received":
        this.#isSnapshotRefused = false;
        this.#tryRecovery();
        break;
      case "snapshot-failed":
      case "message-refused":
        if (isDiskFull(event.error)) this.#isSnapshotRefused = true;
        break;
      default:
        break;
    }
  }

  /** Does nothing more. Resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#endWait?.();
    await this.#host.reserve.close();
    await this.#working;
  }

  async #appendInNeed(append: Append): Promise<void> {
    this.#isWaiting = true;
    this.#host.resume(() => this.#enter());
    await this.#host.reserve.giveUp();
    await this.#working;
    await this.#compactInTime();
    await this.#host.append(append, { makesDo: true });
  }

  #onAppended(): void {
    if (this.#isStopped) return;
    this.#isWaiting = false;
    if (this.#isFull) this.#tryRecovery();
    else if (this.#host.log.isShortOfRoom) this.#work(() => this.#relieve());
  }

  #enter(): void {
    if (this.#isStopped || this.#isFull) return;
    this.#isFull = true;
    this.#fullTicks = 0;
    this.#host.onFull();
    this.#armTimer();
  }

  #armTimer(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#retryMs, () =>
      this.#host.resume(() => this.#tryRecovery()),
    );
  }

  #tryRecovery(): void {
    if (this.#isStopped || !this.#isFull) return;
    this.#armTimer();
    // What waits tries again by itself, and makes room first.
    if (!this.#isWaiting) this.#work(() => this.#recover());
  }

  /** Does `work` unless something is being done already. */
  #work(work: () => Promise<void>): void {
    this.#working ??= work()
      .catch((error: unknown) =>
        this.#host.resume(() => {
          if (!this.#isStopped) this.#host.onStorageFailed(error);
        }),
      )
      .finally(() => {
        this.#working = undefined;
      });
  }

  /** Makes room for the next segment before it is needed, so that nobody is refused. */
  async #relieve(): Promise<void> {
    if (await this.#compactInTime()) await this.#host.log.prepare();
  }

  async #recover(): Promise<void> {
    const { log, reserve } = this.#host;
    await this.#compactInTime();
    // The room is for what waits, and for the snapshot.
    if (this.#isWaiting || this.#isStopped || this.#host.isStoring()) return;
    this.#lack = "segment";
    if (log.isShortOfRoom && !(await log.prepare())) return;
    if (this.#isWaiting) return;
    this.#lack = "reserve";
    if (!(await reserve.restore())) return;
    this.#host.resume(() => this.#onRecovered());
  }

  #onRecovered(): void {
    if (this.#isStopped || this.#isWaiting || !this.#host.reserve.isWhole) return;
    this.#isFull = false;
    this.#timer?.cancel();
    this.#host.onRecovered();
  }

  /** A write does not wait for ever for a snapshot of a state machine that has to do with its own disk. */
  async #compactInTime(): Promise<boolean> {
    if (this.#isStopped) return false;
    let timer: Timer | undefined;
    const patience = new Promise<boolean>((resolve) => {
      this.#endWait = () => resolve(false);
      timer = this.#clock.setTimer(waitCount * this.#retryMs, this.#endWait);
    });
    const hasFreed = await Promise.race([this.#host.compact(), patience]);
    timer?.cancel();
    return hasFreed && !this.#isStopped;
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof RaftError && error.code === "disk_full";
}
