import {
  assert,
  at,
  type Entry,
  entryBytes,
  type EntryId,
  type HardState,
  type Message,
  RaftError,
  type Ready,
} from "@quorate/core";
import type { Clock, Timer } from "./ports.ts";

/** What one write makes durable. */
export interface Append {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  /** The log begins anew after this entry, which a stored snapshot stands for. */
  readonly reset?: EntryId | undefined;
}

/** What the disk queue works for. */
export interface DiskQueueHost {
  /**
   * Writes and syncs; resolves once durable. Rejects with `disk_full`, after which the queue tries again by
   * itself, or with what is fatal.
   */
  append(append: Append): Promise<void>;
  /** All Readys up to `number` are durable; what they promised may now be said. */
  onPersisted(number: number, messages: readonly Message[]): void;
  /** The disk cannot be trusted any more. Nothing more is written. */
  onFailed(error: unknown): void;
  /** Runs `work`, which the disk delayed, as an event of its own. */
  resume(work: () => void): void;
}

/** Readys that become durable together. */
interface Batch {
  /** The last of them. */
  number: number;
  /** After which entry the log begins anew, if it does. */
  reset: EntryId | undefined;
  /** Without holes; what was overwritten before it was written is gone. */
  readonly entries: Entry[];
  readonly messages: Message[];
  bytes: number;
}

/**
 * How many messages wait for the disk at most; what comes on top is dropped, as a network might.
 * The entries they answer are bounded in bytes; this bounds what a disk that is full for hours collects.
 */
export const heldMessageCountMax = 65_536;

/**
 * Makes Readys durable, in order: one write and one sync at a time, and everything that arrives
 * meanwhile together in the next (group commit).
 *
 *     accept ──► queued ──flush──► writing ──synced──► onPersisted
 *                   ▲                 │
 *                   └──── disk full ──┘
 *
 * A Ready with nothing to sync waits only for those before it: it joins the batch that is queued, or
 * else the one being written, or else is done at once. A commit index that comes alone is written
 * with the next batch that is; losing it costs nothing, since the leader tells it again.
 */
export class DiskQueue {
  readonly #host: DiskQueueHost;
  readonly #clock: Clock;
  readonly #retryMs: number;
  #queued: Batch | undefined;
  #writing: Batch | undefined;
  /** The newest hard state that no write has taken yet. */
  #hardState: HardState | undefined;
  /** Settles when the write in flight is over; never rejects. */
  #inFlight: Promise<void> = Promise.resolve();
  #full = false;
  #retry: Timer | undefined;
  #stopped = false;

  constructor(clock: Clock, retryMs: number, host: DiskQueueHost) {
    this.#host = host;
    this.#clock = clock;
    this.#retryMs = retryMs;
  }

  /** Bytes of entries that are not durable yet. */
  get unpersistedBytes(): number {
    return (this.#queued?.bytes ?? 0) + (this.#writing?.bytes ?? 0);
  }

  /** Takes a Ready, in order. Nothing is written before `flush`. */
  accept(ready: Ready): void {
    if (ready.hardState !== undefined) this.#hardState = ready.hardState;
    if (ready.entries.length > 0 || ready.mustSync) {
      const { number } = ready;
      this.#queued ??= { number, reset: undefined, entries: [], messages: [], bytes: 0 };
      addWork(this.#queued, { reset: ready.snapshot, entries: ready.entries });
    }
    const batch = this.#queued ?? this.#writing;
    if (batch === undefined) {
      this.#host.onPersisted(ready.number, ready.messagesAfterPersist);
      return;
    }
    batch.number = ready.number;
    hold(batch, ready.messagesAfterPersist);
  }

  /** Starts to write what is queued, unless a write is in flight or the disk is full. */
  flush(): void {
    if (this.#stopped || this.#full || this.#writing !== undefined) return;
    this.#write();
  }

  /** Writes nothing more. Resolves when the write in flight, if any, is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    await this.#inFlight;
  }

  #write(): void {
    const batch = this.#queued;
    if (batch === undefined) return;
    const hardState = this.#hardState;
    this.#queued = undefined;
    this.#hardState = undefined;
    this.#writing = batch;
    const { entries, reset } = batch;
    this.#inFlight = this.#host.append({ entries, hardState, reset }).then(
      () => this.#host.resume(() => this.#onWritten()),
      (error: unknown) => this.#host.resume(() => this.#onRefused(error, hardState)),
    );
  }

  #onWritten(): void {
    if (this.#stopped) return;
    const batch = this.#writing;
    assert(batch !== undefined, "a write that ends was begun");
    this.#writing = undefined;
    this.#full = false;
    this.#host.onPersisted(batch.number, batch.messages);
  }

  #onRefused(error: unknown, hardState: HardState | undefined): void {
    if (this.#stopped) return;
    if (!(error instanceof RaftError) || error.code !== "disk_full") {
      this.#stopped = true;
      this.#host.onFailed(error);
      return;
    }
    const batch = this.#writing;
    assert(batch !== undefined, "a write that is refused was begun");
    // Back in front of what arrived meanwhile.
    const later = this.#queued;
    if (later !== undefined) {
      addWork(batch, later);
      batch.number = later.number;
      hold(batch, later.messages);
    }
    this.#writing = undefined;
    this.#queued = batch;
    this.#hardState ??= hardState;
    this.#retry = this.#clock.setTimer(this.#retryMs, () =>
      this.#host.resume(() => this.#tryAgain()),
    );
    this.#full = true;
  }

  #tryAgain(): void {
    if (!this.#stopped) this.#write();
  }
}

/** Adds what is to be written next. A log that begins anew forgets what was to be written before. */
function addWork(
  batch: Batch,
  { reset, entries }: { readonly reset: EntryId | undefined; readonly entries: readonly Entry[] },
): void {
  if (reset !== undefined) {
    batch.reset = { term: reset.term, index: reset.index };
    batch.entries.length = 0;
    batch.bytes = 0;
  }
  appendEntries(batch, entries);
}

/** Appends `entries` to the batch; at or before its end they replace it and all that followed (§5.3). */
function appendEntries(batch: Batch, entries: readonly Entry[]): void {
  if (entries.length === 0) return;
  const first = batch.entries[0];
  if (first !== undefined) {
    const kept = Math.max(0, at(entries, 0).index - first.index);
    assert(kept <= batch.entries.length, "entries leave no hole");
    for (let offset = kept; offset < batch.entries.length; offset++) {
      batch.bytes -= entryBytes(at(batch.entries, offset));
    }
    batch.entries.length = kept;
  }
  for (const entry of entries) {
    batch.entries.push(entry);
    batch.bytes += entryBytes(entry);
  }
}

function hold(batch: Batch, messages: readonly Message[]): void {
  const room = heldMessageCountMax - batch.messages.length;
  for (const message of room >= messages.length ? messages : messages.slice(0, room)) {
    batch.messages.push(message);
  }
}
