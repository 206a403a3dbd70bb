import {
  type LogIndex,
  none,
  RaftError,
  type RaftNode,
  type ReadId,
  type ReadState,
  type Term,
} from "@quorate/core";
import { listen } from "./abort-signal.ts";
import type { ApplyQueue, Asker } from "./apply-queue.ts";
import type { DeadlineKey, Deadlines, Expiring } from "./deadlines.ts";
import { Evidence, type Moment } from "./evidence.ts";
import type { Clock, Timer } from "./ports.ts";
import { clockTrustOf, leaseMsOf, type LeaseTerms } from "./read-lease.ts";
import { type ReadDemand, readDemandOf } from "./read-options.ts";
import type { AbortSignalLike, Answered, ReadOptions } from "./replica.ts";

/** How many reads may wait, how long refused ones do, and what leases follow from. */
export interface ReadLimits extends LeaseTerms {
  readonly readCountMax: number;
  readonly retryMs: number;
  /** Whether reads may count on leases. */
  readonly leaseReads: boolean;
}

/** What the table of reads works with. */
export interface ReadsHost<Query, Answer> {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly applyQueue: ApplyQueue<Query, Answer>;
  /** Whether this leader began to hand over in its term, with whatever success. */
  hasTransferred(): boolean;
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
  /** What it waits to be applied, before which it is not answered. */
  readIndex: LogIndex;
  /** The term whose lease it counts on, or `none`. */
  leaseTerm: Term = none;
  deadlineKey: DeadlineKey = 0;
  isSettled = false;
  unlisten: (() => void) | undefined = undefined;
  readonly #table: Reads<Query, Answer>;
  readonly #resolve: (answered: Answered<Answer>) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    table: Reads<Query, Answer>,
    query: Query,
    atLeast: LogIndex,
    resolve: (answered: Answered<Answer>) => void,
    reject: (error: unknown) => void,
  ) {
    this.#table = table;
    this.query = query;
    this.readIndex = atLeast;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onAnswer(index: LogIndex, answer: Answer): void {
    if (!this.#table.stands(this)) return;
    if (!this.#table.release(this)) return;
    this.#table.outcomes.answered++;
    this.#resolve({ index, answer });
  }

  onError(error: unknown): void {
    if (!this.#table.release(this)) return;
    this.#table.outcomes.failed++;
    this.#reject(error);
  }

  onDeadline(): void {
    this.onError(new RaftError("unavailable", "the read was not answered in time"));
  }
}

/** A read index that was asked for. */
interface Question<Query, Answer> {
  readonly began: Moment;
  readonly term: Term;
  /** Who shares it; nobody, if it was asked to renew what is known. */
  readonly reads: Set<Read<Query, Answer>>;
}

/**
 * The reads that wait for an answer (thesis §6.4).
 *
 *     arrived ──readIndex──► asked ──confirmed──► waiting to be applied ──► answered
 *      │   └──────◄── refused ───┘                  ▲             │
 *      ├───── what is known is young enough ────────┘             │
 *      └──────────────────────◄── the lease is over ──────────────┘
 *
 * All reads that arrive in one turn share one read index: it is drawn after the last of them arrived,
 * so it covers every write that was acknowledged before any of them. Each that is confirmed is evidence,
 * by which others are answered without asking: those that may be a little old; and on a leader, as long
 * as nobody else can have been elected since, those that count on its lease. That no other led is looked
 * at again once such a query is answered; if it is not certain then, the read is asked like any other.
 *
 * Evidence that is used is renewed in the background at half its age, so that under a steady load of
 * reads none has to wait for a round.
 */
export class Reads<Query, Answer> {
  /** What became of those that are settled, or were refused. */
  readonly outcomes: { answered: number; failed: number } = { answered: 0, failed: 0 };
  readonly #host: ReadsHost<Query, Answer>;
  readonly #limits: ReadLimits;
  readonly #evidence: Evidence;
  /** How old evidence may become before another leader is possible; no age will do without leases. */
  readonly #leaseMs: number;
  readonly #pending = new Set<Read<Query, Answer>>();
  readonly #arrived = new Set<Read<Query, Answer>>();
  readonly #asked = new Map<ReadId, Question<Query, Answer>>();
  /** Whether to ask although no read waits for it. */
  #renews = false;
  #retry: Timer | undefined;

  constructor(limits: ReadLimits, host: ReadsHost<Query, Answer>) {
    this.#host = host;
    this.#limits = limits;
    this.#evidence = new Evidence(host.clock, clockTrustOf(limits));
    this.#leaseMs = limits.leaseReads ? leaseMsOf(limits) : 0;
  }

  /** How many are pending. */
  get count(): number {
    return this.#pending.size;
  }

  /** The one that has waited longest; undefined if none waits. */
  get oldest(): unknown {
    const [oldest] = this.#pending;
    return oldest;
  }

  /** Takes a read, which settles within `timeoutMs`. */
  submit(query: Query, options: ReadOptions, timeoutMs: number): Promise<Answered<Answer>> {
    return new Promise((resolve, reject) => {
      const demand = readDemandOf(options, this.#limits.leaseReads);
      if (demand instanceof RaftError) {
        this.outcomes.failed++;
        reject(demand);
        return;
      }
      if (this.#pending.size >= this.#limits.readCountMax) {
        this.outcomes.failed++;
        reject(new RaftError("busy", `${this.#pending.size} reads are pending`));
        return;
      }
      const read = new Read(this, query, demand.atLeast, resolve, reject);
      this.#pending.add(read);
      read.deadlineKey = this.#host.deadlines.add(read, timeoutMs);
      if (options.signal !== undefined) this.#listen(read, options.signal);
      if (!read.isSettled) this.#begin(read, demand);
    });
  }

  /** Asks the core for a read index for all that arrived, unless a leader has just refused one. */
  request(): void {
    if (this.#retry !== undefined || (this.#arrived.size === 0 && !this.#renews)) return;
    this.#renews = false;
    const { node } = this.#host;
    // Before the core is asked, and so before anything is sent.
    const began = this.#evidence.moment();
    let readId: ReadId;
    try {
      readId = node.readIndex();
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      // What it lacks comes with a change of the core, and so with a pump that asks again.
      return;
    }
    for (const read of this.#arrived) read.readId = readId;
    this.#asked.set(readId, { began, term: node.term, reads: new Set(this.#arrived) });
    this.#arrived.clear();
  }

  /** The core confirmed reads, or gave them up. What is confirmed waits for the apply queue to run. */
  onReadStates(states: readonly ReadState[]): void {
    for (const { readId, index } of states) {
      const question = this.#asked.get(readId);
      if (question === undefined) continue;
      this.#asked.delete(readId);
      const { began, term, reads } = question;
      if (index !== none) this.#evidence.note({ began, term, index });
      for (const read of reads) {
        if (index === none) this.#arrived.add(read);
        else this.#await(read, index);
      }
      if (index === none && this.#arrived.size > 0) this.#backOff();
    }
  }

  /** The process paused: nothing that was confirmed or asked for before counts as evidence any more. */
  onPause(): void {
    this.#evidence.onPause();
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

  /** Whether the answer to `read` may be given. If not, it is asked for anew. */
  stands(read: Read<Query, Answer>): boolean {
    if (read.isSettled || read.leaseTerm === none) return true;
    if (read.leaseTerm === this.#leaseTerm()) return true;
    read.leaseTerm = none;
    this.#arrive(read);
    return false;
  }

  /** Forgets `read`, which is about to settle. False if it is settled. */
  release(read: Read<Query, Answer>): boolean {
    if (read.isSettled) return false;
    read.isSettled = true;
    this.#pending.delete(read);
    this.#arrived.delete(read);
    this.#asked.get(read.readId)?.reads.delete(read);
    this.#host.applyQueue.forget(read);
    this.#host.deadlines.remove(read, read.deadlineKey);
    read.unlisten?.();
    return true;
  }

  #begin(read: Read<Query, Answer>, { consistency }: ReadDemand): void {
    switch (consistency.kind) {
      case "linearizable":
        this.#arrive(read);
        break;
      case "lease": {
        const term = this.#leaseTerm();
        if (term === none) {
          this.#arrive(read);
          break;
        }
        read.leaseTerm = term;
        // Everything acknowledged so far: nobody else can have acknowledged anything.
        this.#answer(read, this.#host.node.commitIndex);
        break;
      }
      case "local": {
        const { stalenessMsMax } = consistency;
        if (stalenessMsMax === Number.POSITIVE_INFINITY) {
          this.#answer(read, none);
          break;
        }
        const index = this.#indexWithin(stalenessMsMax);
        if (index === undefined) this.#arrive(read);
        else this.#answer(read, index);
        break;
      }
    }
  }

  /** The term that this node leads for certain, and in which it alone acknowledges writes, or `none`. */
  #leaseTerm(): Term {
    const { node } = this.#host;
    if (node.role !== "leader") return none;
    const fact = this.#evidence.newest();
    // Confirmed in this very term: so something is committed in it (§8).
    if (fact === undefined || fact.term !== node.term || fact.ageMs >= this.#leaseMs) return none;
    if (this.#host.hasTransferred()) return none;
    this.#renewAfter(fact.ageMs, this.#leaseMs);
    return fact.term;
  }

  /** A state applied up to this index is at most `ageMsMax` old; undefined if none is known to be. */
  #indexWithin(ageMsMax: number): LogIndex | undefined {
    const fact = this.#evidence.newest();
    if (fact === undefined || fact.ageMs > ageMsMax) return undefined;
    this.#renewAfter(fact.ageMs, ageMsMax);
    return fact.index;
  }

  /** Asks for newer evidence in good time, unless a question is under way. */
  #renewAfter(ageMs: number, ageMsMax: number): void {
    if (this.#renews || 2 * ageMs < ageMsMax || this.#asked.size > 0) return;
    this.#renews = true;
    this.#host.wake();
  }

  /** Lets `read` be asked with the next question. */
  #arrive(read: Read<Query, Answer>): void {
    this.#arrived.add(read);
    this.#host.wake();
  }

  /** Answers `read` as soon as `index` is applied, which it may be. */
  #answer(read: Read<Query, Answer>, index: LogIndex): void {
    this.#await(read, index);
    this.#host.resume(() => this.#host.applyQueue.run());
  }

  #await(read: Read<Query, Answer>, index: LogIndex): void {
    read.readIndex = Math.max(read.readIndex, index);
    this.#host.applyQueue.ask(read);
  }

  #listen(read: Read<Query, Answer>, signal: AbortSignalLike): void {
    const unlisten = listen(signal, () =>
      read.onError(new RaftError("unavailable", "the read was aborted", { cause: signal.reason })),
    );
    if (unlisten instanceof RaftError) read.onError(unlisten);
    else read.unlisten = unlisten;
  }

  #backOff(): void {
    this.#retry ??= this.#host.clock.setTimer(this.#limits.retryMs, () => {
      this.#retry = undefined;
      this.#host.resume(() => this.#host.wake());
    });
  }
}
