import {
  exactlyOnce,
  RaftError,
  type Answered,
  type Applied,
  type CallOptions,
  type ChangeOptions,
  type ConfState,
  type MemberPlan,
  type MembersView,
  type MemberWish,
  type ReadOptions,
  type ReplicaEvent,
  type ReplicaFigures,
  type ReplicaMembers,
  type ReplicaStatus,
  type SnapshotTaken,
} from "quorate";
import type { KvReplica } from "../src/kv-calls.ts";
import { KvStore, type KvAnswer, type KvQuery } from "../src/kv-store.ts";

/** What a replica counts and measures that has done nothing yet. */
const figures: ReplicaFigures = {
  counters: {
    elections: { started: 1, won: 1 },
    leaderChanges: 1,
    sent: { frames: 0, messages: 0, bytes: 0, droppedFrames: 0 },
    received: { frames: 0, bytes: 0 },
    snapshots: { taken: 0, failed: 0, sent: 0, givenUp: 0, received: 0, restored: 0 },
    proposals: { applied: 0, notApplied: 0, unknown: 0 },
    reads: { answered: 0, failed: 0 },
  },
  links: [],
  logBytes: 0,
};

/** The configuration in which `voters` vote. */
export function confStateOf(voters: readonly number[]): ConfState {
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

/**
 * A group of one, in memory: commits at once. It stands in for a real replica where a test must decide
 * how a call ends.
 */
export class MemoryReplica implements KvReplica {
  readonly id = 1;
  readonly store = new KvStore();
  readonly #machine = exactlyOnce(this.store);
  /** What `status()` says instead of the defaults. */
  state: Partial<ReplicaStatus> = {};
  /** What every call fails with, if anything. */
  failure: Error | undefined;
  /** What the next proposals fail with after they were applied: their answers are lost. */
  readonly lost: Error[] = [];
  /** The options of the last call. */
  lastOptions: ReadOptions | undefined;
  /** The reads and proposals that were let in. */
  callCount = 0;
  closed = false;
  /** What it kept of what its core was told, or undefined. */
  flight: Uint8Array | undefined;
  /** What is wanted of the members, in order. */
  readonly wishes: MemberWish[] = [];
  /** The options of the last change of members, and to whom leadership was last handed over. */
  lastChange: ChangeOptions | undefined;
  lastTransfer: number | undefined;
  /** Whom it forgets when it is told to. */
  followed = 2;
  /** What the members are, and what would be done about them. */
  view: MembersView = {
    index: 7,
    confState: confStateOf([1]),
    members: [{ id: 1, role: "voter", address: "a:1", priority: 0, incarnation: undefined }],
    removed: [],
  };
  plan: MemberPlan = { steps: [], confState: confStateOf([1]) };
  readonly members: ReplicaMembers = {
    list: () => this.view,
    plan: (wish) => {
      this.wishes.push(wish);
      if (this.failure !== undefined) throw this.failure;
      return this.plan;
    },
    change: (wish, options) => this.#change(wish, options),
    add: (member, options) => this.#change({ kind: "add", ...member }, options),
    remove: (id, options) => this.#change({ kind: "remove", id }, options),
    promote: (id, options) => this.#change({ kind: "promote", id }, options),
    demote: (id, options) => this.#change({ kind: "demote", id }, options),
    replace: (id, by, options) => this.#change({ kind: "replace", id, by }, options),
    set: (members, options) => this.#change({ kind: "set", ...members }, options),
    update: (member, options) => this.#change({ kind: "update", ...member }, options),
  };
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
    const index = this.#index;
    const [result] = await this.#machine.apply([{ term: 1, index, kind: "command", data }]);
    const applied = { index, result: result ?? new Uint8Array(0) };
    const lost = this.lost.shift();
    if (lost !== undefined) throw lost;
    return applied;
  }

  async read(query: KvQuery, options: ReadOptions = {}): Promise<Answered<KvAnswer>> {
    await this.#enter(options);
    return { index: this.#index, answer: this.store.query(query) };
  }

  flightRecord(): Uint8Array | undefined {
    return this.flight;
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
      leasePromiseTicks: 0,
      hasUnappliedChange: false,
      pendingReadCount: 0,
      progress: [],
      confState: confStateOf([1]),
      confIndex: 0,
      snapshotIndex: 0,
      transferTarget: 0,
      transferBegun: false,
      stepDownReason: undefined,
      leadershipEnd: undefined,
      snapshots: { sending: [], receiving: undefined },
      clusterId: "test",
      state: "running",
      failure: undefined,
      connected: [],
      pending: { proposals: 0, reads: 0, calls: 0 },
      unpersistedBytes: 0,
      digest: undefined,
      diskLacks: undefined,
      runningMs: 60_000,
      electionTimeoutMs: 1000,
      peers: [],
      leaderHeard: undefined,
      election: undefined,
      strain: {
        leaderlessMs: 0,
        commitStalledMs: 0,
        applyStalledMs: 0,
        readStalledMs: 0,
        writingMs: 0,
        diskIsStuck: false,
        diskFullMs: 0,
        loopLateMs: 0,
      },
      limits: {
        proposalCountMax: 65_536,
        unpersistedBytesMax: 64 * 1024 * 1024,
        uncommittedBytesMax: 64 * 1024 * 1024,
      },
      memberChange: undefined,
      ...figures,
      ...this.state,
    };
  }

  async snapshot(options: CallOptions = {}): Promise<SnapshotTaken> {
    await this.#enter(options);
    return { index: this.#index, term: 1, bytes: 5 };
  }

  forgetLeader(): number {
    this.callCount += 1;
    if (this.failure !== undefined) throw this.failure;
    return this.followed;
  }

  async transferLeadership(to?: number, options: CallOptions = {}): Promise<number> {
    this.lastTransfer = to;
    await this.#enter(options);
    return to ?? 2;
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

  async #change(wish: MemberWish, options: ChangeOptions = {}): Promise<MembersView> {
    this.wishes.push(wish);
    this.lastChange = options;
    await this.#enter(options);
    return this.view;
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
