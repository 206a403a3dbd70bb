import {
  RaftError,
  type Answered,
  type Applied,
  type CallOptions,
  type ReadOptions,
  type ReplicaEvent,
  type ReplicaStatus,
} from "quorate";
import type { KvReplica } from "../src/kv-calls.ts";
import { KvStore, type KvAnswer, type KvQuery } from "../src/kv-store.ts";

/**
 * A group of one, in memory: commits at once. It stands in for a real replica where a test must decide
 * how a call ends.
 */
export class MemoryReplica implements KvReplica {
  readonly id = 1;
  readonly store = new KvStore();
  /** What `status()` says instead of the defaults. */
  state: Partial<ReplicaStatus> = {};
  /** What every call fails with, if anything. */
  failure: Error | undefined;
  /** The options of the last call. */
  lastOptions: ReadOptions | undefined;
  /** The reads and proposals that were let in. */
  callCount = 0;
  closed = false;
  readonly #listeners = new Set<(event: ReplicaEvent) => void>();
  #index = 0;
  #gate: Promise<void> | undefined;
  #open: () => void = () => {};

  /** Lets calls wait until `release`, or until their signal is aborted. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#gate = undefined;
    this.#open();
  }

  async propose(command: Uint8Array, options: CallOptions = {}): Promise<Applied> {
    const data = command.slice();
    await this.#enter(options);
    this.#index += 1;
    const [result] = this.store.apply([{ term: 1, index: this.#index, kind: "command", data }]);
    return { index: this.#index, result: result ?? new Uint8Array(0) };
  }

  async read(query: KvQuery, options: ReadOptions = {}): Promise<Answered<KvAnswer>> {
    await this.#enter(options);
    return { index: this.#index, answer: this.store.query(query) };
  }

  status(): ReplicaStatus {
    const index = this.#index;
    return {
      id: 1,
      role: "leader",
      term: 1,
      vote: 1,
      leader: 1,
      voters: [1],
      firstIndex: 1,
      last: { term: 1, index },
      persistedIndex: index,
      commitIndex: index,
      appliedIndex: index,
      electionElapsedTicks: 0,
      electionTimeoutTicks: 10,
      uncommittedBytes: 0,
      pendingReadCount: 0,
      progress: [],
      clusterId: "test",
      state: "running",
      failure: undefined,
      connected: [],
      pending: { proposals: 0, reads: 0 },
      unpersistedBytes: 0,
      ...this.state,
    };
  }

  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the subscribers of `event`. */
  emit(event: ReplicaEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.state = { state: "closed" };
  }

  async #enter(options: ReadOptions): Promise<void> {
    this.lastOptions = options;
    this.callCount += 1;
    if (this.failure !== undefined) throw this.failure;
    const gate = this.#gate;
    if (gate === undefined) return;
    await new Promise<void>((resolve, reject) => {
      options.signal?.addEventListener("abort", () =>
        reject(new RaftError("aborted", "by the caller")),
      );
      gate.then(resolve, reject);
    });
  }
}
