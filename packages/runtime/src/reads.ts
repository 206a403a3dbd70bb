import {
  type LogIndex,
  none,
  RaftError,
  type RaftNode,
  type ReadId,
  type ReadState,
} from "@quorate/core";
import type { ApplyQueue, Asker } from "./apply-queue.ts";
import { listen } from "./call-options.ts";
import type { DeadlineKey, Deadlines, Expiring } from "./deadlines.ts";
import type { Clock, Timer } from "./ports.ts";
import type { AbortSignalLike, Answered } from "./replica.ts";

/** What the table of reads works with. */
export interface ReadsHost<Query, Answer> {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly applyQueue: ApplyQueue<Query, Answer>;
  /** The core is to be asked for a read index. */
  wake(): void;
  /** Runs `work` as an event of its own: what it throws stops the replica. */
  resume(work: () => void): void;
}

/** One read that waits for its answer. */
class Read<Query, Answer> implements Asker<Query, Answer>, Expiring {
  readonly query: Query;
  /** The core's name for the round that it shares, or `none` before it was asked. */
  readId: ReadId = none;
  readIndex: LogIndex = none;
  deadlineKey: DeadlineKey = 0;
  isSettled = false;
  unlisten: (() => void) | undefined = undefined;
  readonly #table: Reads<Query, Answer>;
  readonly #resolve: (answered: Answered<Answer>) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    table: Reads<Query, Answer>,
    query: Query,
    resolve: (answered: Answered<Answer>) => void,
    reject: (error: unknown) => void,
  ) {
    this.#table = table;
    this.query = query;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onAnswer(index: LogIndex, answer: Answer): void {
    if (this.#table.release(this)) this.#resolve({ index, answer });
  }

  onError(error: unknown): void {
    if (this.#table.release(this)) this.#reject(error);
  }

  onDeadline(): void {
    this.onError(new RaftError("unavailable", "the read was not answered in time"));
  }
}

/**
 * The reads that wait for an answer (thesis §6.4).
 *
 *     arrived ──readIndex──► asked ──confirmed──► waiting to be applied ──► answered
 *        └──────◄── refused ───┘
 *
 * All reads that arrive in one turn share one read index: it is drawn after the last of them arrived,
 * so it covers every write that was acknowledged before any of them.
 */
export class Reads<Query, Answer> {
  readonly #host: ReadsHost<Query, Answer>;
  readonly #countMax: number;
  readonly #retryMs: number;
  readonly #pending = new Set<Read<Query, Answer>>();
  readonly #arrived = new Set<Read<Query, Answer>>();
  readonly #asked = new Map<ReadId, Set<Read<Query, Answer>>>();
  #retry: Timer | undefined;

  constructor(countMax: number, retryMs: number, host: ReadsHost<Query, Answer>) {
    this.#host = host;
    this.#countMax = countMax;
    this.#retryMs = retryMs;
  }

  /** How many are pending. */
  get count(): number {
    return this.#pending.size;
  }

  /** Takes a read; `linearizable` or of whatever is applied here. */
  submit(
    query: Query,
    linearizable: boolean,
    timeoutMs: number,
    signal: AbortSignalLike | undefined,
  ): Promise<Answered<Answer>> {
    return new Promise((resolve, reject) => {
      if (this.#pending.size >= this.#countMax) {
        reject(new RaftError("busy", `${this.#pending.size} reads are pending`));
        return;
      }
      const read = new Read(this, query, resolve, reject);
      this.#pending.add(read);
      read.deadlineKey = this.#host.deadlines.add(read, timeoutMs);
      if (signal !== undefined) this.#listen(read, signal);
      if (read.isSettled) return;
      if (!linearizable) {
        this.#host.applyQueue.ask(read);
        this.#host.resume(() => this.#host.applyQueue.run());
        return;
      }
      this.#arrived.add(read);
      this.#host.wake();
    });
  }

  /** Asks the core for a read index for all that arrived, unless a leader has just refused one. */
  request(): void {
    if (this.#arrived.size === 0 || this.#retry !== undefined) return;
    let readId: ReadId;
    try {
      readId = this.#host.node.readIndex();
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      // What it lacks comes with a change of the core, and so with a pump that asks again.
      return;
    }
    for (const read of this.#arrived) read.readId = readId;
    this.#asked.set(readId, new Set(this.#arrived));
    this.#arrived.clear();
  }

  /** The core confirmed reads, or gave them up. What is confirmed waits for the apply queue to run. */
  onReadStates(states: readonly ReadState[]): void {
    for (const state of states) {
      const reads = this.#asked.get(state.readId) ?? [];
      this.#asked.delete(state.readId);
      for (const read of reads) {
        if (state.index === none) this.#arrived.add(read);
        else {
          read.readIndex = state.index;
          this.#host.applyQueue.ask(read);
        }
      }
      if (state.index === none && this.#arrived.size > 0) this.#backOff();
    }
  }

  /** Asks again without further delay: another leader may be known now. */
  retry(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    if (this.#arrived.size > 0) this.#host.wake();
  }

  /** Settles everything with `error`. */
  stop(error: RaftError): void {
    this.#retry?.cancel();
    for (const read of [...this.#pending]) read.onError(error);
  }

  /** Forgets `read`, which is about to settle. False if it is settled. */
  release(read: Read<Query, Answer>): boolean {
    if (read.isSettled) return false;
    read.isSettled = true;
    this.#pending.delete(read);
    this.#arrived.delete(read);
    this.#asked.get(read.readId)?.delete(read);
    this.#host.applyQueue.forget(read);
    this.#host.deadlines.remove(read, read.deadlineKey);
    read.unlisten?.();
    return true;
  }

  #listen(read: Read<Query, Answer>, signal: AbortSignalLike): void {
    const unlisten = listen(signal, () =>
      read.onError(new RaftError("unavailable", "the read was aborted", { cause: signal.reason })),
    );
    if (unlisten instanceof RaftError) read.onError(unlisten);
    else read.unlisten = unlisten;
  }

  #backOff(): void {
    this.#retry ??= this.#host.clock.setTimer(this.#retryMs, () => {
      this.#retry = undefined;
      this.#host.resume(() => this.#host.wake());
    });
  }
}
