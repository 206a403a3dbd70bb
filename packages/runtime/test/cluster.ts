import { assert, type NodeId, RaftError } from "@quorate/core";
import {
  type Answered,
  type Applied,
  openReplica,
  type ReadOptions,
  type Replica,
  type ReplicaEvent,
  type ReplicaOptions,
} from "@quorate/runtime";
import { LoopbackHub, ManualClock, SeededRandom } from "@quorate/runtime/testing";
import { MemoryDisk } from "@quorate/wal/testing";
import { HoldingDisk } from "./holding-disk.ts";
import { bytesOf, Journal, type JournalQuery, textOf } from "./journal.ts";

/** What a test may choose about its replicas. */
export type ClusterOptions = Partial<ReplicaOptions<JournalQuery, readonly string[]>>;

/** How a call ended, or that it has not. */
export type Ending<T> =
  | { readonly kind: "pending" }
  | { readonly kind: "resolved"; readonly value: T }
  | { readonly kind: "rejected"; readonly error: unknown };

/** A call that a test watches. */
export class Watched<T> {
  ending: Ending<T> = { kind: "pending" };

  constructor(promise: Promise<T>) {
    promise.then(
      (value) => (this.ending = { kind: "resolved", value }),
      (error: unknown) => (this.ending = { kind: "rejected", error }),
    );
  }

  get isSettled(): boolean {
    return this.ending.kind !== "pending";
  }

  /** The code of the `RaftError` that it was rejected with, or what else became of it. */
  get code(): string {
    if (this.ending.kind !== "rejected") return this.ending.kind;
    return this.ending.error instanceof RaftError ? this.ending.error.code : "other";
  }

  get error(): RaftError {
    assert(this.ending.kind === "rejected", "the call was rejected");
    assert(this.ending.error instanceof RaftError, "by a RaftError");
    return this.ending.error;
  }

  get value(): T {
    assert(this.ending.kind === "resolved", `the call succeeded: ${this.code}`);
    return this.ending.value;
  }
}

/** One member of a cluster: all that it is made of, for tests to look at and to meddle with. */
export interface Member {
  readonly id: NodeId;
  readonly replica: Replica<JournalQuery, readonly string[]>;
  readonly journal: Journal;
  readonly memory: MemoryDisk;
  readonly disk: HoldingDisk;
  readonly events: ReplicaEvent[];
}

/** A whole cluster in one thread: real replicas over disks in memory, one hub and one manual clock. */
export class Cluster {
  readonly clock: ManualClock = new ManualClock();
  readonly hub: LoopbackHub = new LoopbackHub(this.clock);
  readonly voters: readonly NodeId[];
  /** The disks of all runs of all members. */
  readonly disks: HoldingDisk[] = [];
  readonly #options: ClusterOptions;
  readonly #members = new Map<NodeId, Member>();
  #runCount = 0;

  constructor(size: number, options: ClusterOptions = {}) {
    this.voters = Array.from({ length: size }, (_, offset) => offset + 1);
    this.#options = options;
  }

  /** A cluster whose members all run, and one of which leads, ready for reads. */
  static async ready(size: number, options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(size, options);
    for (const id of cluster.voters) await cluster.start(id);
    await cluster.untilLed();
    // The leader records what its members' logs are called; tests begin after that.
    await cluster.run(1500);
    return cluster;
  }

  /** Starts member `id` on `memory`. */
  async start(
    id: NodeId,
    memory: MemoryDisk = new MemoryDisk(),
    options: ClusterOptions = {},
  ): Promise<Member> {
    const journal = new Journal();
    const disk = new HoldingDisk(memory);
    this.disks.push(disk);
    const opening = openReplica<JournalQuery, readonly string[]>({
      id,
      voters: this.voters,
      clusterId: "test",
      stateMachine: journal,
      disk,
      network: this.hub.network(id),
      clock: this.clock,
      random: new SeededRandom(id * 1000 + this.#runCount++),
      segmentBytes: 16 * 1024,
      // A member that is killed would wait for ever on a clock that stands still.
      handOverTimeoutMs: 0,
      ...this.#options,
      ...options,
    });
    const replica = await opening;
    const events: ReplicaEvent[] = [];
    replica.subscribe((event) => events.push(event));
    const member = { id, replica, journal, memory, disk, events };
    this.#members.set(id, member);
    return member;
  }

  /** Member `id`, as it last ran. */
  member(id: NodeId): Member {
    const member = this.#members.get(id);
    assert(member !== undefined, `member ${id} was started`);
    return member;
  }

  /**
   * Ends `id` as a power failure would. What it leaves is given to the next `start`: what was synced,
   * and of the rest what `survives`.
   */
  async crash(id: NodeId, survives: () => boolean = () => false): Promise<MemoryDisk> {
    const { memory, replica, disk } = this.member(id);
    const left = memory.afterPowerLoss(survives);
    memory.intercept = () => "kill-before";
    disk.release();
    this.hub.kill(id);
    this.#members.delete(id);
    await replica.close();
    return left;
  }

  /** The member that all running members follow. */
  get leader(): Member {
    const leader = this.members.find(({ replica }) => replica.status().role === "leader");
    assert(leader !== undefined, "someone leads");
    return leader;
  }

  /** Those that run and do not lead. */
  get followers(): readonly Member[] {
    return this.members.filter(({ replica }) => replica.status().role !== "leader");
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Waits until the members agree on a leader that has committed in its term. */
  async untilLed(): Promise<void> {
    await this.until(() => {
      const statuses = this.members.map(({ replica }) => replica.status());
      const leader = statuses.find(({ role }) => role === "leader");
      if (leader === undefined || leader.appliedIndex < leader.last.index) return false;
      return statuses.every(({ term, leader: id }) => term === leader.term && id === leader.id);
    });
  }

  /** Proposes `text` on a member and watches what becomes of it. */
  propose(member: Member, text: string, timeoutMs?: number): Watched<Applied> {
    return new Watched(member.replica.propose(bytesOf(text), { timeoutMs }));
  }

  /** Proposes `text` and waits for its result, as text. */
  async write(member: Member, text: string): Promise<string> {
    const call = this.propose(member, text);
    await this.until(() => call.isSettled);
    return textOf(call.value.result);
  }

  /** Asks a member for its commands and watches what becomes of it. */
  ask(member: Member, options: ReadOptions = {}): Watched<Answered<readonly string[]>> {
    return new Watched(member.replica.read("all", options));
  }

  /** Asks a member for its commands and waits for the answer. */
  async read(member: Member, options: ReadOptions = {}): Promise<readonly string[]> {
    const call = this.ask(member, options);
    await this.until(() => call.isSettled);
    return call.value.answer;
  }

  /** Runs everything that needs no time to pass. */
  async settle(): Promise<void> {
    do {
      this.clock.runDeferred();
      for (let turn = 0; turn < promiseTurnsMax; turn++) await Promise.resolve();
    } while (this.clock.hasDeferred);
  }

  /** Lets `ms` pass, in small steps. */
  async run(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await this.settle();
    while (this.clock.now() < end) {
      this.clock.advance(Math.min(stepMs, end - this.clock.now()));
      await this.settle();
    }
  }

  /** Lets time pass until `condition` holds; fails after a minute of the cluster's time. */
  async until(condition: () => boolean): Promise<void> {
    const end = this.clock.now() + 60_000;
    await this.settle();
    while (!condition()) {
      assert(this.clock.now() < end, `within a minute: ${condition.toString()}`);
      this.clock.advance(stepMs);
      await this.settle();
    }
  }

  /** Closes every member and checks that nothing is left running. */
  async close(): Promise<void> {
    for (const { journal, disk } of this.members) {
      disk.release();
      journal.holdsApplies = false;
      journal.release();
    }
    const closing = this.members.map(({ replica }) => replica.close());
    await this.settle();
    for (const { journal } of this.members) journal.release();
    await Promise.all(closing);
    await this.settle();
    assert(this.clock.timerCount === 0, "a closed replica leaves no timer");
    for (const { disk } of this.members) {
      assert(disk.openFileCount === 0, "a closed replica leaves no open file");
    }
  }
}

const stepMs = 10;

/** More promises than any call on a disk in memory chains one after the other. */
const promiseTurnsMax = 256;
