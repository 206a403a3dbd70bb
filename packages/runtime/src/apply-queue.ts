import {
  assert,
  at,
  type Entry,
  type LogIndex,
  none,
  RaftError,
  type Snapshot,
} from "@quorate/core";
import { isPromiseLike, isResults } from "./results.ts";
import type { StateMachine } from "./state-machine.ts";

/** One who wants to query the state machine. */
export interface Asker<Query, Answer> {
  readonly query: Query;
  /** The state must have been applied up to here (thesis §6.4). */
  readonly readIndex: LogIndex;
  /** The answer, and how far the state that gave it was applied. */
  onAnswer(index: LogIndex, answer: Answer): void;
  /** What the query threw. */
  onError(error: unknown): void;
}

/** A snapshot that the state machine is to be restored from. */
export interface Restorable {
  /** Which entry it stands for, and the configuration as of it. */
  readonly snapshot: Snapshot;
  /** The member table as of the same entry, encoded. */
  readonly members: Uint8Array;
  /** The state. Read once, when everything that was queued before is applied. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** What is done between applies, with a state machine that stands still. */
export interface Interlude {
  /**
   * Called when no apply runs; none begins before what it returns is settled. Must not throw or reject.
   */
  run(): void | Promise<void>;
  /** Called instead, if the queue stopped or failed. */
  onStopped(): void;
}

/** What the apply queue works for. */
export interface ApplyQueueHost {
  /** `entry` was applied, with `result` if it is a command. */
  onEntryApplied(entry: Entry, result: Uint8Array | undefined): void;
  /** Everything up to `index` was applied. */
  onApplied(index: LogIndex): void;
  /**
   * The state machine was restored, from what takes the place of everything up to it: of the entries
   * that were not applied before, nobody will learn a result. `onApplied` follows.
   */
  onRestored(from: Restorable): void;
  /** The state machine threw, or broke its contract. Nothing more is applied. */
  onFailed(error: unknown): void;
  /** Runs `work`, which an asynchronous state machine delayed, as an event of its own. */
  resume(work: () => void): void;
}

/** What is next to reach the state machine. */
type Step =
  | { readonly kind: "apply"; readonly entries: Entry[] }
  | { readonly kind: "restore"; readonly from: Restorable };

/**
 * The one door to the state machine. It applies in log order, one call at a time, whatever is queued
 * in one call; a snapshot in its place in that order. Queries run between applies: none starts while
 * an apply or a restore runs, and these wait for the queries that run, so that a query sees one state
 * from its beginning to its end. Interludes come between applies, too; queries
 * that run may go on meanwhile.
 *
 * What is queued is bounded by the core, which hands out only `applyBytesMax` before `onApplied`.
 */
export class ApplyQueue<Query, Answer> {
  readonly #host: ApplyQueueHost;
  readonly #stateMachine: Pick<StateMachine<Query, Answer>, "apply" | "query" | "snapshots">;
  #steps: Step[] = [];
  #appliedIndex: LogIndex;
  readonly #restEveryCount: number;
  /** Whether an apply, a restore or an interlude runs. */
  #busy = false;
  /** Whether the host is being told what was applied. */
  #isTelling = false;
  readonly #interludes = new Set<Interlude>();
  #askingCount = 0;
  readonly #askers = new Set<Asker<Query, Answer>>();
  /** At most the smallest read index among the askers. */
  #readIndexLeast: LogIndex = Number.POSITIVE_INFINITY;
  #stopped = false;
  #onIdle: (() => void) | undefined;

  /**
   * `appliedIndex`: how far the state machine has the log already. `restEveryCount`: entries are not
   * applied in one call beyond an index that is divisible by it, so that interludes find the state as of that
   * very index; 0: in whatever calls.
   */
  constructor(
    stateMachine: Pick<StateMachine<Query, Answer>, "apply" | "query" | "snapshots">,
    host: ApplyQueueHost,
    appliedIndex: LogIndex = none,
    restEveryCount = 0,
  ) {
    this.#host = host;
    this.#stateMachine = stateMachine;
    this.#appliedIndex = appliedIndex;
    this.#restEveryCount = restEveryCount;
  }

  /** Queues committed entries, in log order. */
  push(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const last = this.#steps.at(-1);
    if (last?.kind !== "apply") {
      this.#steps.push({ kind: "apply", entries: [...entries] });
      return;
    }
    for (const entry of entries) last.entries.push(entry);
  }

  /** Queues a snapshot that takes the place of the log up to its index, behind what was queued before. */
  install(from: Restorable): void {
    assert(this.#stateMachine.snapshots !== undefined, "the state machine can be restored");
    this.#steps.push({ kind: "restore", from });
  }

  /** Queues what is to be done between applies, ahead of all that is not begun. */
  interrupt(interlude: Interlude): void {
    if (this.#stopped) interlude.onStopped();
    else this.#interludes.add(interlude);
  }

  /** Queues a query, to be asked once the state is new enough and no apply runs. */
  ask(asker: Asker<Query, Answer>): void {
    this.#askers.add(asker);
    this.#readIndexLeast = Math.min(this.#readIndexLeast, asker.readIndex);
  }

  /** Forgets an asker that waits. One that is being answered is answered. */
  forget(asker: Asker<Query, Answer>): void {
    this.#askers.delete(asker);
  }

  /** Does what can be done now. Within a call of the host, that is when the host has heard all. */
  run(): void {
    while (!this.#stopped && !this.#busy && !this.#isTelling) {
      const [interlude] = this.#interludes;
      if (interlude !== undefined) {
        this.#interrupt(interlude);
        continue;
      }
      const [step] = this.#steps;
      if (step === undefined) {
        this.#askReady();
        return;
      }
      if (this.#askingCount > 0) return;
      this.#steps.shift();
      if (step.kind === "apply") this.#apply(this.#untilRest(step.entries));
      else void this.#restore(step.from);
      if (!this.#isBusy()) this.#askReady();
    }
  }

  /** Applies and asks nothing more. Resolves when the apply and the queries that run are over. */
  async stop(): Promise<void> {
    this.#end();
    this.#askers.clear();
    if (!this.#busy && this.#askingCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #end(): void {
    this.#stopped = true;
    this.#steps = [];
    const interludes = [...this.#interludes];
    this.#interludes.clear();
    for (const interlude of interludes) interlude.onStopped();
  }

  #isBusy(): boolean {
    return this.#busy;
  }

  #interrupt(interlude: Interlude): void {
    this.#interludes.delete(interlude);
    this.#busy = true;
    const running = interlude.run();
    if (running === undefined) {
      this.#onDone(() => {});
      return;
    }
    void running.then(() => this.#host.resume(() => this.#onDone(() => this.run())));
  }

  /** What kept the state machine busy is over: goes on with `next`, unless the queue was stopped. */
  #onDone(next: () => void): void {
    this.#busy = false;
    if (this.#stopped) this.#settleIdle();
    else next();
  }

  async #restore(from: Restorable): Promise<void> {
    const { snapshots } = this.#stateMachine;
    assert(snapshots !== undefined, "the state machine can be restored");
    const { index } = from.snapshot;
    this.#busy = true;
    try {
      await snapshots.restore(this.#untilStopped(from.chunks()), index);
    } catch (error) {
      this.#host.resume(() => this.#onDone(() => this.#fail(error)));
      return;
    }
    this.#host.resume(() => this.#onDone(() => this.#onRestored(from)));
  }

  /** The same chunks; they end in an error when the queue stops, so that nobody waits for the rest. */
  async *#untilStopped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      if (this.#stopped) throw new RaftError("closed", "the replica was closed during a restore");
      yield chunk;
    }
  }

  #onRestored(from: Restorable): void {
    this.#appliedIndex = from.snapshot.index;
    this.#isTelling = true;
    this.#host.onRestored(from);
    this.#host.onApplied(this.#appliedIndex);
    this.#isTelling = false;
    this.#askReady();
    this.run();
  }

  /** Those of `entries` that are applied in one call. The others are next. */
  #untilRest(entries: Entry[]): readonly Entry[] {
    const every = this.#restEveryCount;
    if (every === 0) return entries;
    const { index } = at(entries, 0);
    const count = Math.ceil(index / every) * every - index + 1;
    if (count >= entries.length) return entries;
    this.#steps.unshift({ kind: "apply", entries: entries.slice(count) });
    return entries.slice(0, count);
  }

  #apply(entries: readonly Entry[]): void {
    const commands = entries.filter((entry) => entry.kind === "command");
    this.#busy = true;
    let results: readonly Uint8Array[] | PromiseLike<readonly Uint8Array[]>;
    try {
      results = commands.length === 0 ? [] : this.#stateMachine.apply(commands);
    } catch (error) {
      this.#onDone(() => this.#fail(error));
      return;
    }
    if (!isPromiseLike(results)) {
      const given = results;
      this.#onDone(() => this.#onApplied(entries, commands, given));
      return;
    }
    void settle(
      results,
      (given) =>
        this.#host.resume(() => this.#onDone(() => this.#onSlow(entries, commands, given))),
      (error) => this.#host.resume(() => this.#onDone(() => this.#fail(error))),
    );
  }

  #onSlow(
    entries: readonly Entry[],
    commands: readonly Entry[],
    results: readonly Uint8Array[],
  ): void {
    this.#onApplied(entries, commands, results);
    // Before the next apply begins, which under load is waiting already: else no query would ever run.
    this.#askReady();
    this.run();
  }

  #onApplied(
    entries: readonly Entry[],
    commands: readonly Entry[],
    results: readonly Uint8Array[],
  ): void {
    if (!isResults(results, commands.length)) {
      const what = `${commands.length} results, one per entry, each a Uint8Array`;
      this.#fail(new TypeError(`apply must return ${what}`));
      return;
    }
    this.#appliedIndex = at(entries, entries.length - 1).index;
    this.#isTelling = true;
    let next = 0;
    for (const entry of entries) {
      this.#host.onEntryApplied(entry, entry.kind === "command" ? at(results, next++) : undefined);
    }
    this.#host.onApplied(this.#appliedIndex);
    this.#isTelling = false;
  }

  #fail(error: unknown): void {
    this.#end();
    this.#host.onFailed(error);
  }

  #askReady(): void {
    if (this.#stopped || this.#readIndexLeast > this.#appliedIndex) return;
    this.#readIndexLeast = Number.POSITIVE_INFINITY;
    for (const asker of this.#askers) {
      if (asker.readIndex > this.#appliedIndex) {
        this.#readIndexLeast = Math.min(this.#readIndexLeast, asker.readIndex);
        continue;
      }
      this.#askers.delete(asker);
      this.#ask(asker);
    }
  }

  #ask(asker: Asker<Query, Answer>): void {
    const index = this.#appliedIndex;
    let answer: Answer | PromiseLike<Answer>;
    // Already while it is called: it may come back here, through its replica.
    this.#askingCount++;
    try {
      answer = this.#stateMachine.query(asker.query);
    } catch (error) {
      this.#endAsking(() => asker.onError(error));
      return;
    }
    if (!isPromiseLike(answer)) {
      const given = answer;
      this.#endAsking(() => asker.onAnswer(index, given));
      return;
    }
    void settle(
      answer,
      (settled) => this.#onAsked(() => asker.onAnswer(index, settled)),
      (error) => this.#onAsked(() => asker.onError(error)),
    );
  }

  #onAsked(tell: () => void): void {
    this.#host.resume(() => {
      this.#endAsking(tell);
      if (!this.#stopped) this.run();
    });
  }

  #endAsking(tell: () => void): void {
    assert(this.#askingCount > 0, "a query that ends was begun");
    this.#askingCount--;
    tell();
    if (this.#stopped) this.#settleIdle();
  }

  #settleIdle(): void {
    if (!this.#busy && this.#askingCount === 0) this.#onIdle?.();
  }
}

/** Tells how `work` ended, also if it is a promise of another making and its `then` throws. */
async function settle<T>(
  work: PromiseLike<T>,
  onValue: (value: T) => void,
  onError: (error: unknown) => void,
): Promise<void> {
  let value: T;
  try {
    value = await work;
  } catch (error) {
    onError(error);
    return;
  }
  onValue(value);
}
