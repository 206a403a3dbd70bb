import {
  type Message,
  type NodeId,
  none,
  RaftError,
  type RaftNode,
  type Ready,
} from "@quorate/core";
import type { Frame } from "@quorate/wire";
import { checkCallOptions } from "./call-options.ts";
import { interruptionOf } from "./failure.ts";
import { figuresOf, type FigureSources } from "./figures.ts";
import { flightRecordOf } from "./flight/recorded-node.ts";
import { transferLeadership } from "./leadership-calls.ts";
import type { Receiver } from "./ports.ts";
import type {
  Answered,
  Applied,
  CallOptions,
  ReadOptions,
  Replica,
  ReplicaMembers,
  ReplicaStatus,
  SnapshotTaken,
} from "./replica.ts";
import type { ReplicaEvent } from "./replica-event.ts";
import type { CompleteReplicaOptions } from "./replica-options.ts";
import { type LoopDoor, type Opened, ReplicaParts } from "./replica-parts.ts";
import { isOver, proposalRefusalIn, refusalIn, type ReplicaState } from "./replica-state.ts";
import { replicaStatusOf } from "./replica-status.ts";
import { RoleWatch } from "./role-watch.ts";
import { Ticker } from "./ticker.ts";
import { withinCall } from "./within-call.ts";

/**
 * The loop around the core. Data flows in one direction:
 *
 *     ticks, frames, calls ──► core ──pump──► outbox ──► network
 *          ▲                     ▲      ├───► snapshots ──► network
 *          │                     │      ├───► disk queue ──► log
 *          │                     │      ├───► apply queue ──► state machine
 *          │                     │      └───► reads
 *          └─────────────────────┴── persisted, applied, results
 *
 * Every event changes the core at once and asks for one pump, which runs after the events that are
 * already waiting: so what arrives together is written, sent and applied together. Nothing awaits
 * between looking and acting.
 *
 * While the disk is full (see `DiskRoom`), proposals are refused. The core's time stands still for a while,
 * so that one with room takes over (see `isSilent`), and as long as nothing can be written: a leader falls
 * silent, and a follower does not campaign. Messages are still answered as far as that promises nothing
 * about the disk.
 */
export class ReplicaLoop<Query, Answer> implements Replica<Query, Answer> {
  readonly id: NodeId;
  readonly members: ReplicaMembers;
  /** What the network is to deliver to. */
  readonly receiver: Receiver = {
    onFrame: (from, frame) => this.#event(() => this.#onFrame(from, frame)),
    onConnected: (peer) => this.#event(() => this.#onConnected(peer)),
    onDisconnected: (peer, reason) => this.#event(() => this.#onDisconnected(peer, reason)),
    onConnectFailed: (peer, reason) => this.#parts.observer.onConnectFailed(peer, reason),
    onRemoved: (by) => this.#event(() => this.#onRemoved(by)),
    onPeerSeen: (node) => this.#event(() => this.#parts.members.onPeerSeen(node)),
  };
  readonly #options: CompleteReplicaOptions<Query, Answer>;
  readonly #node: RaftNode;
  readonly #log: Opened["log"];
  readonly #store: Opened["store"];
  readonly #parts: ReplicaParts<Query, Answer>;
  #ticker: Ticker | undefined;
  #state: ReplicaState = { kind: "running" };
  /** Who says that this node was removed, while it still leads, or `none`. */
  #removedBy: NodeId = none;
  /** Until `start`, as if a pump were coming: nothing is sent before the network is open. */
  #pumpIsDue = true;
  #closing: Promise<void> | undefined;
  readonly #roleWatch: RoleWatch;
  readonly #sources: FigureSources;

  constructor(options: CompleteReplicaOptions<Query, Answer>, opened: Opened) {
    const { node, log, store } = opened;
    this.id = node.id;
    this.#options = options;
    this.#node = node;
    this.#log = log;
    this.#store = store;
    this.#roleWatch = new RoleWatch(node);
    this.#sources = { node, log, network: opened.network, roleWatch: this.#roleWatch };
    this.#parts = new ReplicaParts(options, opened, this.#door());
    if (this.#parts.diskRoom.isFull) this.#state = { kind: "full" };
    this.members = this.#parts.membersCalls;
    // The network is to know the members before it is opened.
    this.#parts.members.start();
  }

  /** Begins to act. Called once, when the network is open. */
  start(): void {
    const { clock, tickMs, tickCatchUpMax } = this.#options;
    if (isOver(this.#state)) return;
    this.#ticker = new Ticker(clock, tickMs, tickCatchUpMax, (count, lateMs) =>
      this.#event(() => this.#onTicks(count, lateMs)),
    );
    this.#pumpIsDue = false;
    this.#parts.diskRoom.start();
    this.#wake();
  }

  propose(command: Uint8Array, options: CallOptions = {}): Promise<Applied> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusalOf(options);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const { timeoutMs = this.#options.callTimeoutMs, signal } = options;
      this.#event(() =>
        this.#parts.proposals.submit(command, timeoutMs, signal, (result) => {
          if (result instanceof RaftError) reject(result);
          else resolve(result);
        }),
      );
    });
  }

  async read(query: Query, options: ReadOptions = {}): Promise<Answered<Answer>> {
    const refusal = this.#refusalOf(options);
    if (refusal !== undefined) throw refusal;
    const { timeoutMs = this.#options.callTimeoutMs } = options;
    return this.#parts.reads.submit(query, options, timeoutMs);
  }

  transferLeadership(to?: NodeId, options: CallOptions = {}): Promise<NodeId> {
    return transferLeadership(this.#parts.calls, to, options, this.#options.callTimeoutMs);
  }

  forgetLeader(): NodeId {
    const refusal = refusalIn(this.#state);
    if (refusal !== undefined) throw refusal;
    this.#wake();
    return this.#node.forgetLeader();
  }

  async snapshot(options: CallOptions = {}): Promise<SnapshotTaken> {
    const refusal = this.#refusalOf(options);
    if (refusal !== undefined) throw refusal;
    const { timeoutMs = this.#options.callTimeoutMs } = options;
    const { keeper, deadlines } = this.#parts;
    const taken = keeper.take().then(({ snapshot: { index, term }, contentBytes: bytes }) => {
      return { index, term, bytes };
    });
    return withinCall(taken, deadlines, timeoutMs, options.signal);
  }

  status(): ReplicaStatus {
    const figures = figuresOf(this.#sources, this.#parts);
    return {
      ...replicaStatusOf(this.#options.clusterId, this.#node, this.#state, this.#parts),
      ...figures,
    };
  }

  flightRecord(): Uint8Array | undefined {
    const state = this.#state;
    return flightRecordOf(this.#node, state.kind === "failed" ? state.error : undefined);
  }

  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    return this.#parts.events.subscribe(listener);
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      const farewell = this.#parts.farewell.begin(this.#options.handOverTimeoutMs);
      this.#closing = farewell === undefined ? this.#close() : this.#closeAfter(farewell);
    }
    return this.#closing;
  }

  async #closeAfter(farewell: Promise<void>): Promise<void> {
    await farewell;
    await (isOver(this.#state) ? this.#closing : this.#close());
  }

  async #close(): Promise<void> {
    this.#state = { kind: "closed" };
    const stopped = new RaftError("stopped", "the replica was closed while the call was pending");
    await this.#shutDown(stopped);
  }

  /** What the parts may ask of the loop. */
  #door(): LoopDoor {
    return {
      wake: () => this.#wake(),
      resume: (work) => this.#event(work),
      fail: (error) => this.#end({ kind: "failed", error }),
      onPersisted: (number, messages) => this.#onPersisted(number, messages),
      onFull: () => this.#onFull(),
      onRecovered: () => this.#onRecovered(),
      proposalRefusal: () => this.#proposalRefusal(),
      refusalOf: (options) => this.#refusalOf(options),
      onRemoved: (by) => this.#onRemoved(by),
      isSilent: () => this.#isSilent(),
      maySend: () => this.#state.kind !== "failed",
    };
  }

  // Events: each changes the core and asks for a pump.

  /** Runs one event. What it throws is a broken invariant: the replica stops. */
  #event(work: () => void): void {
    try {
      work();
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      this.#end({ kind: "failed", error: failure });
    }
    this.#parts.farewell.observe();
  }

  #onTicks(count: number, lateMs: number): void {
    const { tickMs, tickCatchUpMax } = this.#options;
    const { leadership, reads, diskRoom, observer } = this.#parts;
    observer.onTicks(lateMs, this.#state.kind === "full");
    if (lateMs >= tickMs * tickCatchUpMax) reads.onPause();
    diskRoom.onTicks(count);
    if (!diskRoom.isAtRest) {
      leadership.onTicks(count, lateMs);
      const passing = leadership.isFrozen ? 0 : count;
      for (let tick = 0; tick < passing; tick++) this.#node.tick();
    }
    this.#wake();
  }

  #onConnected(peer: NodeId): void {
    if (isOver(this.#state)) return;
    const { events, proposals, calls, sender, digests, observer } = this.#parts;
    observer.contacts.onConnected(peer);
    events.emit({ kind: "peer-connected", peer });
    sender.onConnected(peer);
    digests.onConnected(peer);
    proposals.retry();
    calls.retry();
  }

  #onDisconnected(peer: NodeId, reason: string): void {
    if (isOver(this.#state)) return;
    const { events, proposals, calls, sender, leadership, observer } = this.#parts;
    observer.onDisconnected(peer, reason);
    this.#node.reportUnreachable(peer);
    sender.onDisconnected(peer);
    leadership.onDisconnected(peer);
    this.#wake();
    proposals.onDisconnected(peer);
    calls.onDisconnected(peer);
    events.emit({ kind: "peer-disconnected", peer, reason });
  }

  #onFrame(from: NodeId, frame: Frame): void {
    if (isOver(this.#state)) return;
    this.#parts.inbox.take(from, frame);
    this.#parts.observer.onFrame(from);
  }

  #onRemoved(by: NodeId): void {
    if (isOver(this.#state)) return;
    this.#removedBy = by;
    this.#parts.leadership.retire();
    this.#wake();
  }

  #onPersisted(number: number, messages: readonly Message[]): void {
    this.#node.persisted(number);
    this.#parts.outbox.add(messages);
    this.#wake();
  }

  #onFull(): void {
    this.#state = { kind: "full" };
    this.#parts.events.emit({ kind: "disk-full" });
  }

  #onRecovered(): void {
    this.#state = { kind: "running" };
    this.#parts.events.emit({ kind: "disk-recovered" });
  }

  // The pump: carries what the core decided to where it is done.

  #wake(): void {
    if (this.#pumpIsDue || isOver(this.#state)) return;
    this.#pumpIsDue = true;
    this.#options.clock.defer(() => this.#event(() => this.#pump()));
  }

  #pump(): void {
    this.#pumpIsDue = false;
    if (isOver(this.#state)) return;
    const { members, outbox, diskQueue, applyQueue, reads } = this.#parts;
    members.observe();
    if (!this.#isSilent()) reads.request();
    this.#observe();
    while (this.#node.hasReady && !isOver(this.#state)) {
      const ready = this.#node.ready();
      this.#node.accept(ready);
      this.#handOut(ready);
      this.#observe();
    }
    // A listener may have closed the replica.
    if (isOver(this.#state)) return;
    outbox.flush();
    diskQueue.flush();
    applyQueue.run();
    if (this.#node.hasReady) this.#wake();
  }

  #handOut(ready: Ready): void {
    const { outbox, sender, diskQueue, applyQueue, receiver, reads } = this.#parts;
    const isInstall = ({ kind }: Message): boolean => kind === "install-snapshot";
    const { messages } = ready;
    for (const message of messages) {
      if (message.kind === "install-snapshot") sender.send(message);
    }
    outbox.add(messages.some(isInstall) ? messages.filter((one) => !isInstall(one)) : messages);
    diskQueue.accept(ready);
    if (ready.snapshot !== undefined) applyQueue.install(receiver.restorable(ready.snapshot));
    applyQueue.push(ready.committed);
    reads.onReadStates(ready.reads);
  }

  /** Tells of a new leader or role, and lets what waited for a leader go on. */
  #observe(): void {
    const { events, leadership, sender, proposals, reads, calls } = this.#parts;
    leadership.observe();
    sender.observe();
    const isFull = this.#state.kind === "full";
    const role = this.#roleWatch.roleChange(() => leadership.onEnded(isFull));
    if (role !== undefined) events.emit(role);
    const by = this.#removedBy;
    if (by !== none && this.#node.role !== "leader") this.#end({ kind: "removed", by });
    if (isOver(this.#state)) return;
    const leader = this.#roleWatch.leaderChange();
    if (leader === undefined) return;
    events.emit(leader);
    proposals.retry();
    reads.retry();
    calls.retry();
  }

  // Limits and the end.

  /** Whether this leader begins no reads, so that its heartbeats cease. */
  #isSilent(): boolean {
    return this.#node.role === "leader" && this.#parts.diskRoom.givesWay;
  }

  /** Why no call can be taken now, or why not this one. */
  #refusalOf(options: CallOptions): RaftError | undefined {
    const state = this.#parts.farewell.isWaiting ? ({ kind: "closed" } as const) : this.#state;
    return refusalIn(state) ?? checkCallOptions(options);
  }

  /** Why no command is handed over now. */
  #proposalRefusal(): RaftError | undefined {
    const { unpersistedBytes } = this.#parts.diskQueue;
    return proposalRefusalIn(this.#state, unpersistedBytes, this.#options.unpersistedBytesMax);
  }

  /** The replica stops by itself. */
  #end(state: Extract<ReplicaState, { readonly kind: "failed" | "removed" }>): void {
    if (isOver(this.#state)) return;
    this.#state = state;
    const pending =
      state.kind === "failed"
        ? interruptionOf(state.error)
        : new RaftError("stopped", `node ${this.id} was removed from the group`);
    this.#closing = this.#shutDown(pending);
    this.#parts.events.emit(state);
  }

  /** Settles everything and frees everything. Never rejects: what fails now can harm nobody. */
  async #shutDown(pending: RaftError): Promise<void> {
    const closed = new RaftError("closed", "the replica closed before the call was handed over");
    this.#ticker?.stop();
    this.#parts.observer.contacts.clear();
    await this.#parts.stop(closed, pending);
    await Promise.allSettled([
      this.#log.close(),
      this.#store.close(),
      this.#options.network.close(),
    ]);
  }
}
