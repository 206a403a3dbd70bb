import {
  type Message,
  type NodeId,
  none,
  RaftError,
  type RaftNode,
  type RoleKind,
  type Term,
  type Ticks,
} from "@quorate/core";
import type { Frame } from "@quorate/wire";
import { ApplyQueue } from "./apply-queue.ts";
import { checkCallOptions, copyCommand } from "./call-options.ts";
import { Deadlines } from "./deadlines.ts";
import { type Append, DiskQueue } from "./disk-queue.ts";
import { Events } from "./events.ts";
import { failureOf, interruptionOf } from "./failure.ts";
import { Forwarding } from "./forwarding.ts";
import { Inbox } from "./inbox.ts";
import { Outbox } from "./outbox.ts";
import type { Clock, Receiver } from "./ports.ts";
import { Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";
import type {
  Answered,
  Applied,
  CallOptions,
  ReadOptions,
  Replica,
  ReplicaEvent,
  ReplicaStatus,
} from "./replica.ts";
import type { CompleteReplicaOptions } from "./replica-options.ts";
import { isSilent } from "./silence.ts";
import { Ticker } from "./ticker.ts";

/** The log as the loop sees it. */
export interface ReplicaLog {
  /** Writes and syncs; resolves once durable. Rejects with `disk_full`, or with what is fatal. */
  append(append: Append): Promise<void>;
  close(): Promise<void>;
}

/** What the replica can still do. */
type State =
  | { readonly kind: "running" }
  | { readonly kind: "full"; readonly ticks: Ticks }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "closed" };

/**
 * The loop around the core. Data flows in one direction:
 *
 *     ticks, frames, calls ──► core ──pump──► outbox ──► network
 *          ▲                     ▲      ├───► disk queue ──► log
 *          │                     │      ├───► apply queue ──► state machine
 *          │                     │      └───► reads
 *          └─────────────────────┴── persisted, applied, results
 *
 * Every event changes the core at once and asks for one pump, which runs after the events that are
 * already waiting: so what arrives together is written, sent and applied together. Nothing awaits
 * between looking and acting.
 *
 * While the disk is full, proposals are refused and the core's time stands still: a leader falls
 * silent, so that one with room takes over (see `isSilent`), and a follower does not campaign.
 * Messages are still answered as far as that promises nothing about the disk.
 */
export class ReplicaLoop<Query, Answer> implements Replica<Query, Answer> {
  readonly id: NodeId;
  /** What the network is to deliver to. */
  readonly receiver: Receiver = {
    onFrame: (from, frame) => this.#event(() => this.#onFrame(from, frame)),
    onConnected: (peer) => this.#event(() => this.#onConnected(peer)),
    onDisconnected: (peer, reason) => this.#event(() => this.#onDisconnected(peer, reason)),
    onRemoved: () => {},
    onPeerSeen: () => {},
  };
  readonly #options: CompleteReplicaOptions<Query, Answer>;
  readonly #node: RaftNode;
  readonly #log: ReplicaLog;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #events: Events;
  readonly #outbox: Outbox;
  readonly #diskQueue: DiskQueue;
  readonly #applyQueue: ApplyQueue<Query, Answer>;
  readonly #forwarding: Forwarding;
  readonly #inbox: Inbox;
  readonly #proposals: Proposals;
  readonly #reads: Reads<Query, Answer>;
  #ticker: Ticker | undefined;
  readonly #connected = new Set<NodeId>();
  #state: State = { kind: "running" };
  /** Until `start`, as if a pump were coming: nothing is sent before the network is open. */
  #pumpIsDue = true;
  #closing: Promise<void> | undefined;
  /** What the last events told. */
  #toldTerm: Term;
  #toldLeader: NodeId;
  #toldRole: RoleKind;

  constructor(options: CompleteReplicaOptions<Query, Answer>, node: RaftNode, log: ReplicaLog) {
    const { clock, network } = options;
    this.id = node.id;
    this.#options = options;
    this.#node = node;
    this.#log = log;
    this.#clock = clock;
    this.#toldTerm = node.term;
    this.#toldLeader = node.leader;
    this.#toldRole = node.role;
    this.#deadlines = new Deadlines(clock, (work) => this.#event(work));
    this.#events = new Events(clock);
    this.#outbox = new Outbox(network, (peer) => node.reportUnreachable(peer));
    this.#diskQueue = this.#newDiskQueue();
    this.#applyQueue = this.#newApplyQueue();
    this.#forwarding = new Forwarding(network, options.random);
    this.#proposals = this.#newProposals();
    this.#reads = this.#newReads();
    this.#inbox = this.#newInbox();
  }

  /** Begins to act. Called once, when the network is open. */
  start(): void {
    const { tickMs, tickCatchUpMax } = this.#options;
    if (this.#isOver()) return;
    this.#ticker = new Ticker(this.#clock, tickMs, tickCatchUpMax, (count, lateMs) =>
      this.#event(() => this.#onTicks(count, lateMs)),
    );
    this.#pumpIsDue = false;
    this.#wake();
  }

  propose(command: Uint8Array, options: CallOptions = {}): Promise<Applied> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusalOf(options);
      const copy = refusal ?? copyCommand(command);
      if (copy instanceof RaftError) {
        reject(copy);
        return;
      }
      const { timeoutMs = this.#options.callTimeoutMs, signal } = options;
      this.#event(() =>
        this.#proposals.submit(copy, timeoutMs, signal, (result) => {
          if (result instanceof RaftError) reject(result);
          else resolve(result);
        }),
      );
    });
  }

  async read(query: Query, options: ReadOptions = {}): Promise<Answered<Answer>> {
    const refusal = this.#refusalOf(options);
    if (refusal !== undefined) throw refusal;
    return this.#reads.submit(query, options, options.timeoutMs ?? this.#options.callTimeoutMs);
  }

  status(): ReplicaStatus {
    return {
      ...this.#node.status(),
      clusterId: this.#options.clusterId,
      state: this.#state.kind,
      failure: this.#state.kind === "failed" ? this.#state.error.message : undefined,
      connected: [...this.#connected].sort((a, b) => a - b),
      pending: { proposals: this.#proposals.count, reads: this.#reads.count },
      unpersistedBytes: this.#diskQueue.unpersistedBytes,
    };
  }

  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    return this.#events.subscribe(listener);
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#state = { kind: "closed" };
      const stopped = new RaftError("stopped", "the replica was closed while the call was pending");
      this.#closing = this.#shutDown(stopped);
    }
    return this.#closing;
  }

  // Construction: what each part may ask of the loop.

  #newDiskQueue(): DiskQueue {
    const { clock, diskFullRetryMs } = this.#options;
    return new DiskQueue(clock, diskFullRetryMs, {
      append: (append) => this.#log.append(append),
      onPersisted: (number, messages) => this.#onPersisted(number, messages),
      onFull: () => this.#onFull(),
      onRecovered: () => this.#onRecovered(),
      onFailed: (error) => this.#fail(failureOf("storage_failed", error)),
      resume: (work) => this.#event(work),
    });
  }

  #newApplyQueue(): ApplyQueue<Query, Answer> {
    return new ApplyQueue(this.#options.stateMachine, {
      onEntryApplied: (entry, result) => this.#proposals.onEntryApplied(entry, result),
      onApplied: (index) => {
        this.#node.applied(index);
        this.#wake();
      },
      onRestored: () => {},
      onFailed: (error) => this.#fail(failureOf("state_machine_failed", error)),
      resume: (work) => this.#event(work),
    });
  }

  #newProposals(): Proposals {
    return new Proposals(this.#options, {
      node: this.#node,
      clock: this.#clock,
      deadlines: this.#deadlines,
      refusal: () => this.#proposalRefusal(),
      forward: (leader, command, timeoutMs) => this.#forwarding.send(leader, command, timeoutMs),
      wake: () => this.#wake(),
      resume: (work) => this.#event(work),
    });
  }

  #newReads(): Reads<Query, Answer> {
    return new Reads(this.#options, {
      node: this.#node,
      clock: this.#clock,
      deadlines: this.#deadlines,
      applyQueue: this.#applyQueue,
      hasTransferred: () => this.#node.status().transferBegun,
      wake: () => this.#wake(),
      resume: (work) => this.#event(work),
    });
  }

  #newInbox(): Inbox {
    return new Inbox({
      node: this.#node,
      voters: this.#options.voters,
      events: this.#events,
      forwarding: this.#forwarding,
      proposals: this.#proposals,
      diskIsBehind: () => this.#diskIsBehind(),
      isSilent: () => this.#isSilent(),
      maySend: () => this.#state.kind !== "failed",
      wake: () => this.#wake(),
    });
  }

  // Events: each changes the core and asks for a pump.

  /** Runs one event. What it throws is a broken invariant: the replica stops. */
  #event(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onTicks(count: number, lateMs: number): void {
    const { tickMs, tickCatchUpMax } = this.#options;
    if (lateMs >= tickMs * tickCatchUpMax) this.#reads.onPause();
    if (this.#state.kind === "full") {
      this.#state = { kind: "full", ticks: this.#state.ticks + count };
    } else {
      for (let tick = 0; tick < count; tick++) this.#node.tick();
    }
    this.#wake();
  }

  #onConnected(peer: NodeId): void {
    if (this.#isOver()) return;
    this.#connected.add(peer);
    this.#events.emit({ kind: "peer-connected", peer });
    this.#proposals.retry();
  }

  #onDisconnected(peer: NodeId, reason: string): void {
    if (this.#isOver()) return;
    this.#connected.delete(peer);
    this.#node.reportUnreachable(peer);
    this.#wake();
    this.#proposals.onDisconnected(peer);
    this.#events.emit({ kind: "peer-disconnected", peer, reason });
  }

  #onFrame(from: NodeId, frame: Frame): void {
    if (!this.#isOver()) this.#inbox.take(from, frame);
  }

  #onPersisted(number: number, messages: readonly Message[]): void {
    this.#node.persisted(number);
    this.#outbox.add(messages);
    this.#wake();
  }

  #onFull(): void {
    this.#state = { kind: "full", ticks: 0 };
    this.#events.emit({ kind: "disk-full" });
  }

  #onRecovered(): void {
    this.#state = { kind: "running" };
    this.#events.emit({ kind: "disk-recovered" });
  }

  // The pump: carries what the core decided to where it is done.

  #wake(): void {
    if (this.#pumpIsDue || this.#isOver()) return;
    this.#pumpIsDue = true;
    this.#clock.defer(() => this.#event(() => this.#pump()));
  }

  #pump(): void {
    this.#pumpIsDue = false;
    if (this.#isOver()) return;
    if (!this.#isSilent()) this.#reads.request();
    this.#observe();
    while (this.#node.hasReady && !this.#isOver()) {
      const ready = this.#node.ready();
      this.#node.accept(ready);
      this.#outbox.add(ready.messages);
      this.#diskQueue.accept(ready);
      this.#applyQueue.push(ready.committed);
      this.#reads.onReadStates(ready.reads);
      this.#observe();
    }
    // A listener may have closed the replica.
    if (this.#isOver()) return;
    this.#outbox.flush();
    this.#diskQueue.flush();
    this.#applyQueue.run();
    if (this.#node.hasReady) this.#wake();
  }

  /** Tells of a new leader or role, and lets what waited for a leader go on. */
  #observe(): void {
    const { term, leader, role } = this.#node;
    if (role !== this.#toldRole) {
      this.#toldRole = role;
      this.#events.emit({ kind: "role-changed", term, role });
    }
    if (leader === this.#toldLeader && (leader === none || term === this.#toldTerm)) return;
    this.#toldTerm = term;
    this.#toldLeader = leader;
    this.#events.emit({ kind: "leader-changed", term, leader });
    this.#proposals.retry();
    this.#reads.retry();
  }

  // Limits and the end.

  #isOver(): boolean {
    return this.#state.kind === "failed" || this.#state.kind === "closed";
  }

  /** Whether this leader begins no reads, so that its heartbeats cease. */
  #isSilent(): boolean {
    if (this.#state.kind !== "full" || this.#node.role !== "leader") return false;
    const { electionTimeoutTicks, voters } = this.#options;
    return voters.length > 1 && isSilent(this.#state.ticks, electionTimeoutTicks);
  }

  #diskIsBehind(): boolean {
    return this.#diskQueue.unpersistedBytes > this.#options.unpersistedBytesMax;
  }

  /** Why no call can be taken now, or why not this one. */
  #refusalOf(options: CallOptions): RaftError | undefined {
    if (this.#state.kind === "failed") {
      const cause = this.#state.error;
      return new RaftError("closed", `the replica has failed: ${cause.message}`, { cause });
    }
    if (this.#state.kind === "closed") return new RaftError("closed", "the replica is closed");
    return checkCallOptions(options);
  }

  /** Why no command is handed over now. */
  #proposalRefusal(): RaftError | undefined {
    if (this.#state.kind === "full") return new RaftError("disk_full", "the disk has no room");
    if (!this.#diskIsBehind()) return undefined;
    const bytes = this.#diskQueue.unpersistedBytes;
    return new RaftError("busy", `${bytes} bytes of entries wait for the disk`);
  }

  #fail(error: Error): void {
    if (this.#isOver()) return;
    this.#state = { kind: "failed", error };
    this.#closing = this.#shutDown(interruptionOf(error));
    this.#events.emit({ kind: "failed", error });
  }

  /** Settles everything and frees everything. Never rejects: what fails now can harm nobody. */
  async #shutDown(pending: RaftError): Promise<void> {
    const closed = new RaftError("closed", "the replica closed before the call was handed over");
    this.#ticker?.stop();
    this.#proposals.stop(closed, pending);
    this.#reads.stop(closed);
    this.#deadlines.clear();
    this.#connected.clear();
    await Promise.all([this.#diskQueue.stop(), this.#applyQueue.stop()]);
    await Promise.allSettled([this.#log.close(), this.#options.network.close()]);
  }
}
