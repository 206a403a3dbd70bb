import {
  assert,
  confStateOf,
  emptyStorage,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  RaftNode,
  type RaftOptions,
  type Ready,
  snapshotAtStart,
  type Term,
} from "@quorate/core";
import type { Answered, LeadershipEnd, ReadOptions } from "@quorate/runtime";
import { ManualClock } from "@quorate/runtime/testing";
import { ApplyQueue } from "../src/apply-queue.ts";
import { Deadlines } from "../src/deadlines.ts";
import { Leadership } from "../src/leadership.ts";
import { Reads } from "../src/reads.ts";
import { Ticker } from "../src/ticker.ts";
import { Watched } from "./cluster.ts";
import { bytesOf, Journal, type JournalQuery } from "./journal.ts";

export const tickMs = 100;
export const electionTimeoutTicks = 10;
export const tickCatchUpMax = 2;
export const clockDriftMax = 0.1;

/** True time goes on in steps of this many milliseconds; a message takes one. */
const stepMs = 5;

/** What the nodes of a group share. */
interface TimedHost {
  readonly size: number;
  readonly raft: RaftOptions;
  send(messages: readonly Message[]): void;
  isConnected(a: NodeId, b: NodeId): boolean;
  priorityOf(id: NodeId): number;
}

/**
 * One node of a timed group: a core, a clock of its own, and what reads and leadership need, wired as in
 * a replica.
 */
export class TimedNode {
  readonly id: NodeId;
  readonly clock: ManualClock = new ManualClock();
  readonly journal: Journal = new Journal();
  readonly raft: RaftNode;
  readonly reads: Reads<JournalQuery, readonly string[]>;
  readonly leadership: Leadership;
  /** Why it stopped being leader, each time. */
  readonly ends: (LeadershipEnd | undefined)[] = [];
  /** Whether writes that begin now stay under way until it is not held any more. */
  holdsDisk = false;
  isFull = false;
  /** How fast its clock goes. */
  rate = 1;
  /** A process that is paused does nothing, but its clocks go on; one that is suspended loses time. */
  state: "running" | "paused" | "suspended" = "running";
  readonly #host: TimedHost;
  readonly #applyQueue: ApplyQueue<JournalQuery, readonly string[]>;
  readonly #ticker: Ticker;
  #pumpIsDue = false;
  /** What the write under way makes durable, and what waits behind it. */
  #writing: readonly Ready[] = [];
  #queued: Ready[] = [];
  #held: (() => void)[] = [];
  #wasLeader = false;

  constructor(id: NodeId, host: TimedHost) {
    const { raft } = host;
    const peers = Array.from({ length: host.size }, (_, offset) => offset + 1);
    const { clock } = this;
    const resume = (work: () => void): void => work();
    const wake = (): void => this.wake();
    this.id = id;
    this.#host = host;
    this.raft = new RaftNode(id, peers, { electionTimeoutTicks, leaseReads: true, ...raft });
    this.#applyQueue = new ApplyQueue(this.journal, {
      onEntryApplied: () => {},
      onRestored: () => {},
      onApplied: (index) => {
        this.raft.applied(index);
        wake();
      },
      onFailed: (error) => {
        throw error;
      },
      resume,
    });
    const { raft: node } = this;
    this.reads = new Reads(
      {
        readCountMax: 100,
        retryMs: 20,
        leaseReads: raft.leaseReads ?? true,
        tickMs,
        electionTimeoutTicks,
        tickCatchUpMax,
        clockDriftMax,
      },
      {
        node,
        clock,
        deadlines: new Deadlines(clock, resume),
        applyQueue: this.#applyQueue,
        hasTransferred: () => this.leadership.hasTransferred,
        wake,
        resume,
      },
    );
    this.leadership = new Leadership(
      { tickMs, electionTimeoutTicks },
      {
        node,
        clock,
        wake,
        resume,
        isConnected: (peer) => host.isConnected(id, peer),
        priorityOf: (peer) => host.priorityOf(peer),
      },
    );
    this.#ticker = new Ticker(clock, tickMs, tickCatchUpMax, (count, lateMs) =>
      this.#onTicks(count, lateMs),
    );
    wake();
  }

  /** Lets `ms` of true time pass. */
  pass(ms: number): void {
    switch (this.state) {
      case "running":
        this.clock.advance(ms * this.rate);
        this.clock.runDeferred();
        break;
      case "paused":
        this.clock.pause(ms * this.rate);
        break;
      case "suspended":
        this.clock.suspend(ms);
        break;
    }
  }

  take(message: Message): void {
    this.raft.step(message);
    this.wake();
  }

  wake(): void {
    if (this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    this.clock.defer(() => this.#pump());
  }

  /** Reads all commands. */
  ask(options: ReadOptions = {}, timeoutMs = 60_000): Watched<Answered<readonly string[]>> {
    return new Watched(this.reads.submit("all", options, timeoutMs));
  }

  propose(text: string): void {
    this.raft.propose(bytesOf(text));
    this.wake();
  }

  stop(): void {
    this.#ticker.stop();
  }

  #onTicks(count: number, lateMs: number): void {
    if (lateMs >= tickMs * tickCatchUpMax) this.reads.onPause();
    if (!this.leadership.isFrozen) for (let tick = 0; tick < count; tick++) this.raft.tick();
    this.leadership.onTicks(count, lateMs);
    this.wake();
  }

  /** Lets writes that are held end. */
  release(): void {
    this.holdsDisk = false;
    const held = this.#held;
    this.#held = [];
    for (const end of held) end();
  }

  #pump(): void {
    this.#pumpIsDue = false;
    this.reads.request();
    this.#observe();
    while (this.raft.hasReady) {
      const ready = this.raft.ready();
      this.raft.accept(ready);
      this.#host.send(ready.messages);
      this.#queued.push(ready);
      this.#applyQueue.push(ready.committed);
      this.reads.onReadStates(ready.reads);
      this.#observe();
    }
    this.#write();
    this.#applyQueue.run();
    if (this.raft.leader !== none) this.reads.retry();
  }

  #observe(): void {
    this.leadership.observe();
    const isLeader = this.raft.role === "leader";
    if (this.#wasLeader && !isLeader) this.ends.push(this.leadership.onEnded(this.isFull));
    this.#wasLeader = isLeader;
  }

  #write(): void {
    if (this.#writing.length > 0 || this.#queued.length === 0) return;
    this.#writing = this.#queued;
    this.#queued = [];
    if (!this.holdsDisk) {
      this.#onWritten();
      return;
    }
    const write = new Promise<void>((resolve) => this.#held.push(resolve));
    void this.leadership.duringWrite(write).then(() => this.#onWritten());
  }

  #onWritten(): void {
    const written = this.#writing;
    this.#writing = [];
    this.raft.persisted(written.at(-1)?.number ?? 0);
    for (const { messagesAfterPersist } of written) this.#host.send(messagesAfterPersist);
    this.wake();
  }
}

/** A message on its way, or one that is held back. */
interface Envelope {
  readonly at: number;
  readonly message: Message;
}

/** A group of nodes that share nothing but true time and messages: for faults of single clocks. */
export class TimedGroup {
  readonly nodes: readonly TimedNode[];
  /** True time. */
  now = 0;
  /** Messages that are lost. */
  loses: (message: Message) => boolean = () => false;
  /** Messages that stay on their way. */
  holds: (message: Message) => boolean = () => false;
  /** Whether two nodes are connected, as far as they can tell. */
  isConnected: (a: NodeId, b: NodeId) => boolean = () => true;
  readonly priorities = new Map<NodeId, number>();
  #onTheWay: Envelope[] = [];

  constructor(size: number, raft: RaftOptions = {}) {
    this.nodes = Array.from({ length: size }, (_, offset) => {
      const id = offset + 1;
      return new TimedNode(id, {
        size,
        raft: { seed: id, ...raft },
        send: (messages) => {
          for (const message of messages) this.#onTheWay.push({ at: this.now + stepMs, message });
        },
        isConnected: (a, b) => this.isConnected(a, b),
        priorityOf: (member) => this.priorities.get(member) ?? 0,
      });
    });
  }

  /** A group that has a leader, which is ready for reads, and that all follow. */
  static async led(size: number, raft: RaftOptions = {}): Promise<TimedGroup> {
    const group = new TimedGroup(size, raft);
    await group.until(() => {
      const { leader } = group.node(1).raft;
      return (
        leader !== none &&
        group.nodes.every((node) => node.raft.leader === leader && node.raft.appliedIndex > 0)
      );
    });
    return group;
  }

  /** The node that leads the newest term. */
  get leader(): TimedNode {
    const leaders = this.nodes.filter(({ raft }) => raft.role === "leader");
    const leader = leaders.toSorted((a, b) => b.raft.term - a.raft.term)[0];
    assert(leader !== undefined, "someone leads");
    return leader;
  }

  /** The most that any node has applied. */
  get appliedIndex(): LogIndex {
    return Math.max(...this.nodes.map(({ raft }) => raft.appliedIndex));
  }

  /** All but `node`. */
  others(node: TimedNode): readonly TimedNode[] {
    return this.nodes.filter((other) => other !== node);
  }

  node(id: NodeId): TimedNode {
    const node = this.nodes[id - 1];
    assert(node !== undefined, `there is a node ${id}`);
    return node;
  }

  /** Cuts `id` off from everyone. */
  isolate(id: NodeId): void {
    this.loses = ({ from, to }) => from === id || to === id;
  }

  /** Lets `ms` pass. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    while (this.now < end) await this.#step();
  }

  /** Lets time pass until `condition` holds; fails after a minute. */
  async until(condition: () => boolean): Promise<void> {
    const end = this.now + 60_000;
    while (!condition()) {
      assert(this.now < end, `within a minute: ${condition.toString()}`);
      await this.#step();
    }
  }

  /** Ends the ticks of all nodes. */
  stop(): void {
    for (const node of this.nodes) node.stop();
  }

  async #step(): Promise<void> {
    this.now += stepMs;
    const kept: Envelope[] = [];
    const due: Envelope[] = [];
    for (const envelope of this.#onTheWay) {
      if (this.loses(envelope.message)) continue;
      const waits =
        this.holds(envelope.message) || this.node(envelope.message.to).state !== "running";
      if (waits || envelope.at > this.now) kept.push(envelope);
      else due.push(envelope);
    }
    this.#onTheWay = kept;
    // What arrived is looked at before timers that are due: a process that goes on finds it waiting.
    for (const { message } of due) this.node(message.to).take(message);
    for (const node of this.nodes) node.pass(stepMs);
    for (let turn = 0; turn < 8; turn++) {
      await Promise.resolve();
      for (const node of this.nodes) if (node.state === "running") node.clock.runDeferred();
    }
  }
}

/** What makes nodes from the fourth on learners, in a group of `size`. */
export function withLearners(size: number): RaftOptions {
  const learners = Array.from({ length: size - 3 }, (_, offset) => offset + 4);
  const snapshot = snapshotAtStart({ ...confStateOf([1, 2, 3]), learners });
  return { storage: { ...emptyStorage, snapshot } };
}

/** A group, and who leads it in which term. */
export async function newLed(size = 3): Promise<{ group: TimedGroup; old: TimedNode; term: Term }> {
  const group = await TimedGroup.led(size);
  const old = group.leader;
  return { group, old, term: old.raft.term };
}

/** Another node of `group` than `node`. */
export function firstOther(group: TimedGroup, node: TimedNode): TimedNode {
  const [other] = group.others(node);
  assert(other !== undefined, "there are others");
  return other;
}

/** Whether another node than `old` believes that it leads. */
export function isDeposed(group: TimedGroup, old: TimedNode): boolean {
  return group.others(old).some(({ raft }) => raft.role === "leader");
}
