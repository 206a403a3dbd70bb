import {
  assert,
  confStateOf,
  type Entry,
  type HardState,
  type LogIndex,
  type Message,
  type NodeId,
  RaftError,
  RaftNode,
  type Ready,
  snapshotAtStart,
} from "@quorate/core";
import type { Network, SnapshotOptions, StateMachine } from "@quorate/runtime";
import { LoopbackHub, ManualClock, SeededRandom } from "@quorate/runtime/testing";
import { openWal, type SnapshotStore, type Wal } from "@quorate/wal";
import { MemoryDisk } from "@quorate/wal/testing";
import {
  decodeBatch,
  decodeFrame,
  decodeSnapshotChunk,
  decodeSnapshotOffer,
  decodeSnapshotReceipt,
  encodeBatch,
  encodeFrame,
  type Frame,
  type FrameType,
} from "@quorate/wire";
import { ApplyQueue, type Interlude, type Restorable } from "../src/apply-queue.ts";
import { SnapshotKeeper } from "../src/snapshot-keeper.ts";
import { validateSnapshotOptions } from "../src/snapshot-options.ts";
import { SnapshotReceiver } from "../src/snapshot-receiver.ts";
import { restoreAtStart } from "../src/snapshot-restore.ts";
import { SnapshotSender } from "../src/snapshot-sender.ts";
import { HoldingDisk } from "./holding-disk.ts";
import { bytesOf } from "./journal.ts";

/** A state machine that outposts can host. */
export type Machine = StateMachine<null, readonly string[]> & {
  readonly commands: readonly string[];
};

/** What an outpost is opened with. */
export interface OutpostOptions {
  readonly id: NodeId;
  readonly voters: readonly NodeId[];
  readonly machine: Machine;
  readonly memory?: MemoryDisk;
  readonly snapshots?: SnapshotOptions;
}

/** How small everything is, unless a test says otherwise. */
const small: SnapshotOptions = {
  snapshotEveryCount: 10,
  snapshotTailCount: 0,
  snapshotTailBytes: 0,
  snapshotKeepBytesMax: 0,
  snapshotChunkBytes: 16,
  snapshotWindowBytes: 64,
  snapshotStallMs: 1000,
  snapshotRetryMs: 100,
};

const members = Uint8Array.of(1, 2, 3);

/** Where outposts live: one clock and one hub. */
export class Outland {
  readonly clock: ManualClock = new ManualClock();
  readonly hub: LoopbackHub = new LoopbackHub(this.clock);
  /** Those that run. A step of time is a tick for them. */
  readonly posts: Set<Outpost> = new Set();

  /** Runs what is deferred now, and the promises that can go on then. */
  async turn(): Promise<void> {
    this.clock.runDeferred();
    for (let turn = 0; turn < 32; turn++) await Promise.resolve();
  }

  /** Runs everything that needs no time to pass. */
  async settle(): Promise<void> {
    do {
      this.clock.runDeferred();
      for (let turn = 0; turn < 256; turn++) await Promise.resolve();
    } while (this.clock.hasDeferred);
  }

  /** Lets time pass, in steps of 10 ms. */
  async run(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    await this.settle();
    while (this.clock.now() < until) await this.#step();
  }

  /** Lets time pass until `condition` holds; fails after a minute of it. */
  async until(condition: () => boolean): Promise<void> {
    const until = this.clock.now() + 60_000;
    await this.settle();
    while (!condition()) {
      assert(this.clock.now() < until, `within a minute: ${condition.toString()}`);
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    this.clock.advance(10);
    for (const post of this.posts) post.do((node) => node.tick());
    await this.settle();
  }
}

/**
 * A node with a log, a state machine and snapshots, and nothing else: the loop of a replica without its
 * callers.
 */
export class Outpost {
  readonly id: NodeId;
  readonly machine: Machine;
  readonly memory: MemoryDisk;
  readonly disk: HoldingDisk;
  readonly node: RaftNode;
  readonly wal: Wal;
  readonly store: SnapshotStore;
  readonly keeper: SnapshotKeeper;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  /** What happened, in order. */
  readonly told: string[] = [];
  failure: unknown;
  /** Whether the network has no room for a frame of this type. */
  isCongested: (type: FrameType) => boolean = () => false;
  readonly #land: Outland;
  readonly #network: Network;
  readonly #applyQueue: ApplyQueue<null, readonly string[]>;
  #writing: Promise<void> = Promise.resolve();
  /** What no write has taken yet. */
  #hardState: HardState | undefined;
  #pumpIsDue = false;
  #isClosed = false;

  static async open(land: Outland, options: OutpostOptions): Promise<Outpost> {
    const memory = options.memory ?? new MemoryDisk();
    const disk = new HoldingDisk(memory);
    const confState = confStateOf(options.voters);
    const opened = await openWal(disk, {
      identity: { clusterId: "test", nodeId: options.id },
      incarnation: new Uint8Array(16).fill(options.id),
      segmentBytes: 2048,
      start: { snapshot: snapshotAtStart(confState), members },
    });
    const appliedIndex = await restoreAtStart(options.machine, opened.snapshots);
    const { storage } = opened;
    const node = new RaftNode(options.id, [], { storage, seed: options.id, appliedIndex });
    const outpost = new Outpost(land, { ...options, memory }, disk, node, opened);
    await outpost.#network.open({
      onFrame: (from, frame) => outpost.#event(() => outpost.#onFrame(from, frame)),
      onConnected: (peer) => outpost.#event(() => outpost.sender.onConnected(peer)),
      onDisconnected: (peer) => outpost.#event(() => outpost.#onDisconnected(peer)),
      onRemoved: () => {},
      onPeerSeen: () => {},
    });
    land.posts.add(outpost);
    outpost.wake();
    return outpost;
  }

  private constructor(
    land: Outland,
    options: OutpostOptions & { readonly memory: MemoryDisk },
    disk: HoldingDisk,
    node: RaftNode,
    opened: Awaited<ReturnType<typeof openWal>>,
  ) {
    const { id, machine, memory } = options;
    this.id = id;
    this.machine = machine;
    this.memory = memory;
    this.disk = disk;
    this.node = node;
    this.wal = opened.wal;
    this.store = opened.snapshots;
    this.#land = land;
    const { clock } = land;
    this.#network = this.#newNetwork(land.hub.network(id));
    this.#applyQueue = this.#newApplyQueue();
    const chosen = validateSnapshotOptions({ ...small, ...options.snapshots });
    const shared = {
      node,
      clock,
      random: new SeededRandom(id * 1000 + memory.operationCount),
      network: this.#network,
      store: this.store,
      stateMachine: machine,
      members: () => members,
      interrupt: (interlude: Interlude) => {
        this.#applyQueue.interrupt(interlude);
        this.wake();
      },
      wake: () => this.wake(),
      onStorageFailed: (error: unknown) => this.#fail(error),
      resume: (work: () => void) => this.#event(work),
    };
    this.keeper = new SnapshotKeeper(
      chosen,
      {
        ...shared,
        log: this.wal,
        neededIndex: () => this.sender.neededIndex,
        onTaken: ({ snapshot }) => this.told.push(`taken ${snapshot.index}`),
        onFailed: ({ code }) => this.told.push(`not taken ${code}`),
      },
      opened.storage.entries,
    );
    this.sender = new SnapshotSender(chosen, {
      ...shared,
      onSent: (peer, index) => {
        this.told.push(`sent ${index} to ${peer}`);
        this.keeper.compact();
      },
      onGivenUp: (peer, error) => {
        const code = error instanceof RaftError ? error.code : String(error);
        this.told.push(`given up ${peer} ${code}`);
        if (code === "corrupt") this.keeper.need();
      },
    });
    this.receiver = new SnapshotReceiver(chosen, {
      ...shared,
      canRestore: machine.snapshots !== undefined,
      onRestored: () => {},
      onReceived: ({ snapshot }, from) => this.told.push(`received ${snapshot.index} from ${from}`),
      onRefused: (from, { code }) => this.told.push(`refused ${from} ${code}`),
    });
  }

  /** Where the log in memory begins. */
  get firstIndex(): LogIndex {
    return this.node.status().firstIndex;
  }

  /** Does something to the node, as an event. */
  do(work: (node: RaftNode) => void): void {
    this.#event(() => work(this.node));
    this.wake();
  }

  /** Proposes commands, `from` to `to`. */
  propose(from: number, to: number): void {
    this.do((node) => {
      for (let number = from; number <= to; number++) node.propose(bytesOf(`command ${number}`));
    });
  }

  wake(): void {
    if (this.#pumpIsDue || this.#isClosed) return;
    this.#pumpIsDue = true;
    this.#land.clock.defer(() => this.#event(() => this.#pump()));
  }

  /** Ends all, and checks that nothing is left running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#land.posts.delete(this);
    this.disk.release();
    const { keeper, sender, receiver } = this;
    const stops = [this.#applyQueue.stop(), keeper.stop(), sender.stop(), receiver.stop()];
    await Promise.all([...stops, this.#writing]);
    await Promise.allSettled([this.store.close(), this.wal.close()]);
    await this.#network.close();
    assert(this.disk.openFileCount === 0, "no file is left open");
  }

  /** Ends as a power failure would; gives what the disk holds then. */
  async crash(survives: () => boolean = () => false): Promise<MemoryDisk> {
    const left = this.memory.afterPowerLoss(survives);
    this.memory.intercept = () => "kill-before";
    this.#land.hub.kill(this.id);
    await this.close();
    return left;
  }

  #newNetwork(network: Network): Network {
    return {
      ...network,
      send: (to, chunks) => !this.isCongested(decodeFrame(chunks).type) && network.send(to, chunks),
    };
  }

  #newApplyQueue(): ApplyQueue<null, readonly string[]> {
    const host = {
      onEntryApplied: (entry: Entry) => this.keeper.onEntryApplied(entry),
      onApplied: (index: LogIndex) => {
        this.node.applied(index);
        this.receiver.onApplied(index);
        this.keeper.onApplied();
        this.wake();
      },
      onRestored: ({ snapshot }: Restorable) => {
        this.told.push(`restored ${snapshot.index}`);
        this.keeper.onRestored(snapshot);
      },
      onFailed: (error: unknown) => this.#fail(error),
      resume: (work: () => void) => this.#event(work),
    };
    return new ApplyQueue(this.machine, host, this.node.appliedIndex);
  }

  #event(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.failure ??= error;
    this.told.push("failed");
  }

  #pump(): void {
    this.#pumpIsDue = false;
    if (this.#isClosed) return;
    this.sender.observe();
    while (this.node.hasReady) {
      const ready = this.node.ready();
      this.node.accept(ready);
      for (const message of ready.messages) this.#post(message);
      if (ready.snapshot !== undefined) {
        this.#applyQueue.install(this.receiver.restorable(ready.snapshot));
      }
      this.#applyQueue.push(ready.committed);
      this.#persist(ready);
    }
    this.#applyQueue.run();
  }

  #persist({
    number,
    entries,
    hardState,
    snapshot: reset,
    mustSync,
    messagesAfterPersist,
  }: Ready): void {
    this.#writing = this.#writing.then(async () => {
      if (this.failure !== undefined) return;
      // As in a replica, a commit index alone waits for the next write.
      if (hardState !== undefined) this.#hardState = hardState;
      try {
        if (mustSync) {
          await this.wal.append({ entries, hardState: this.#hardState, reset });
          this.#hardState = undefined;
        }
      } catch (error) {
        this.#fail(error);
        return;
      }
      this.#event(() => {
        if (this.#isClosed) return;
        this.node.persisted(number);
        for (const message of messagesAfterPersist) this.#post(message);
        this.wake();
      });
    });
  }

  #post(message: Message): void {
    if (message.kind === "install-snapshot") this.sender.send(message);
    else this.#network.send(message.to, encodeFrame("raft", encodeBatch([message])));
  }

  #onFrame(from: NodeId, { type, payload }: Frame): void {
    if (this.#isClosed) return;
    switch (type) {
      case "raft":
        for (const message of decodeBatch(payload)) this.node.step(message);
        break;
      case "snapshot-offer":
        this.receiver.onOffer(from, decodeSnapshotOffer(payload));
        break;
      case "snapshot-chunk":
        this.receiver.onChunk(from, decodeSnapshotChunk(payload));
        break;
      case "snapshot-receipt":
        this.sender.onReceipt(from, decodeSnapshotReceipt(payload));
        break;
      default:
        throw new Error(`a frame of type ${type}`);
    }
    this.wake();
  }

  #onDisconnected(peer: NodeId): void {
    this.node.reportUnreachable(peer);
    this.sender.onDisconnected(peer);
    this.wake();
  }
}
