import { assert, at, type Entry, type LogIndex, none } from "@quorate/core";
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

/** What the apply queue works for. */
export interface ApplyQueueHost {
  /** `entry` was applied, with `result` if it is a command. */
  onEntryApplied(entry: Entry, result: Uint8Array | undefined): void;
  /** Everything up to `index` was applied. */
  onApplied(index: LogIndex): void;
  /** The state machine threw, or broke its contract. Nothing more is applied. */
  onFailed(error: unknown): void;
  /** Runs `work`, which an asynchronous state machine delayed, as an event of its own. */
  resume(work: () => void): void;
}

/**
 * The one door to the state machine. It applies in log order, one call at a time, whatever is queued
 * in one call. Queries run between applies: none starts while an apply runs, and an apply waits for
 * the queries that run, so that a query sees one state from its beginning to its end.
 *
 * What is queued is bounded by the core, which hands out only `applyBytesMax` before `onApplied`.
 */
export class ApplyQueue<Query, Answer> {
  readonly #host: ApplyQueueHost;
  readonly #stateMachine: StateMachine<Query, Answer>;
  #queued: Entry[] = [];
  #appliedIndex: LogIndex = none;
  #applying = false;
  #askingCount = 0;
  readonly #askers = new Set<Asker<Query, Answer>>();
  /** At most the smallest read index among the askers. */
  #readIndexLeast: LogIndex = Number.POSITIVE_INFINITY;
  #stopped = false;
  #onIdle: (() => void) | undefined;

  constructor(stateMachine: StateMachine<Query, Answer>, host: ApplyQueueHost) {
    this.#host = host;
    this.#stateMachine = stateMachine;
  }

  /** Queues committed entries, in log order. */
  push(entries: readonly Entry[]): void {
    for (const entry of entries) this.#queued.push(entry);
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

  /** Does what can be done now. */
  run(): void {
    while (!this.#stopped && !this.#applying) {
      if (this.#queued.length === 0) {
        this.#askReady();
        return;
      }
      if (this.#askingCount > 0) return;
      this.#applyQueued();
      if (!this.#isApplying()) this.#askReady();
    }
  }

  /** Applies and asks nothing more. Resolves when the apply and the queries that run are over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#queued = [];
    this.#askers.clear();
    if (!this.#applying && this.#askingCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #isApplying(): boolean {
    return this.#applying;
  }

  #applyQueued(): void {
    const entries = this.#queued;
    this.#queued = [];
    const commands = entries.filter((entry) => entry.kind === "command");
    this.#applying = true;
    let results: readonly Uint8Array[] | PromiseLike<readonly Uint8Array[]>;
    try {
      results = commands.length === 0 ? [] : this.#stateMachine.apply(commands);
    } catch (error) {
      this.#onApplyFailed(error);
      return;
    }
    if (!isPromiseLike(results)) {
      this.#onApplied(entries, commands.length, results);
      return;
    }
    void settle(
      results,
      (settled) => this.#host.resume(() => this.#onSlowApplied(entries, commands.length, settled)),
      (error) => this.#host.resume(() => this.#onApplyFailed(error)),
    );
  }

  #onSlowApplied(entries: readonly Entry[], count: number, results: readonly Uint8Array[]): void {
    this.#onApplied(entries, count, results);
    // Before the next apply begins, which under load is waiting already: else no query would ever run.
    if (!this.#stopped) this.#askReady();
    this.run();
  }

  #onApplied(entries: readonly Entry[], count: number, results: readonly Uint8Array[]): void {
    this.#applying = false;
    if (this.#stopped) {
      this.#settleIdle();
      return;
    }
    if (!isResults(results, count)) {
      const what = `${count} results, one per entry, each a Uint8Array`;
      this.#onApplyFailed(new TypeError(`apply must return ${what}`));
      return;
    }
    let next = 0;
    for (const entry of entries) {
      this.#host.onEntryApplied(entry, entry.kind === "command" ? at(results, next++) : undefined);
    }
    this.#appliedIndex = at(entries, entries.length - 1).index;
    this.#host.onApplied(this.#appliedIndex);
  }

  #onApplyFailed(error: unknown): void {
    this.#applying = false;
    if (this.#stopped) {
      this.#settleIdle();
      return;
    }
    this.#stopped = true;
    this.#host.onFailed(error);
  }

  #askReady(): void {
    if (this.#readIndexLeast > this.#appliedIndex) return;
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
    try {
      answer = this.#stateMachine.query(asker.query);
    } catch (error) {
      asker.onError(error);
      return;
    }
    if (!isPromiseLike(answer)) {
      asker.onAnswer(index, answer);
      return;
    }
    this.#askingCount++;
    void settle(
      answer,
      (settled) => this.#onAsked(() => asker.onAnswer(index, settled)),
      (error) => this.#onAsked(() => asker.onError(error)),
    );
  }

  #onAsked(tell: () => void): void {
    this.#host.resume(() => {
      assert(this.#askingCount > 0, "a query that ends was begun");
      this.#askingCount--;
      tell();
      if (this.#stopped) this.#settleIdle();
      else this.run();
    });
  }

  #settleIdle(): void {
    if (!this.#applying && this.#askingCount === 0) this.#onIdle?.();
  }
}

/** Whether a state machine, which may be written in JavaScript, returned what it must. */
function isResults(results: unknown, count: number): boolean {
  if (!Array.isArray(results) || results.length !== count) return false;
  // Not `every`, which passes over holes.
  for (const result of results) if (!(result instanceof Uint8Array)) return false;
  return true;
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
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
