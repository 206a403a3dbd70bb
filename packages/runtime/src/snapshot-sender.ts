import {
  assert,
  type InstallSnapshot,
  type LogIndex,
  type NodeId,
  RaftError,
  type RaftNode,
  type Term,
} from "@quorate/core";
import type { SnapshotStore } from "@quorate/wal";
import {
  encodeFrame,
  encodeSnapshotChunk,
  encodeSnapshotOffer,
  type SnapshotReceipt,
} from "@quorate/wire";
import type { Interlude } from "./apply-queue.ts";
import type { Clock, Network, Random, Timer } from "./ports.ts";
import { orFailed } from "./snapshot-content.ts";
import type { CompleteSnapshotOptions } from "./snapshot-options.ts";
import {
  newSnapshotId,
  PinnedSource,
  type SnapshotSource,
  storedSource,
} from "./snapshot-source.ts";
import { SnapshotStream, type StreamEnding } from "./snapshot-stream.ts";
import { SnapshotThrottle } from "./snapshot-throttle.ts";
import type { StateMachine } from "./state-machine.ts";

/** What the sender of snapshots works with. */
export interface SnapshotSenderHost {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly store: SnapshotStore;
  readonly stateMachine: Pick<StateMachine<never, unknown>, "snapshots">;
  /** The member table as of the applied index, encoded. */
  members(): Uint8Array;
  /** Queues what is to be done between applies. */
  interrupt(interlude: Interlude): void;
  /** A follower has the snapshot, `ms` after it was begun. The log before it may be of no more use. */
  onSent(peer: NodeId, index: LogIndex, ms: number): void;
  /** A snapshot was not sent, and will be tried again. With `corrupt`, the stored one is damaged. */
  onGivenUp(peer: NodeId, error: unknown): void;
  /** The core has new work. */
  wake(): void;
  /** Runs `work` as an event of its own. */
  resume(work: () => void): void;
}

/** A snapshot on its way to a follower. */
export interface SnapshotSending {
  readonly peer: NodeId;
  readonly index: LogIndex;
  /** How much the follower has, and the length of the whole, 0 if it is not known; in bytes. */
  readonly ackedBytes: number;
  readonly bytes: number;
}

/**
 * Sends snapshots to the followers that the log does not reach back to (§7): one stream to each, in
 * pieces, within a window, and all together within a bandwidth.
 *
 * Every `install-snapshot` that the core hands out is answered by one `reportSnapshot`: at once when the
 * follower has it, and a while after it was given up, so that a follower that cannot take one is not
 * tried without a pause. If the core asks again before, for a stream that goes on or in its place,
 * the one report answers both. Nothing is reported of a leadership that is over: it is forgotten.
 */
export class SnapshotSender {
  readonly #options: CompleteSnapshotOptions;
  readonly #host: SnapshotSenderHost;
  readonly #throttle: SnapshotThrottle;
  readonly #streams = new Map<NodeId, SnapshotStream>();
  /** Those that a stream was given up to; when the timer fires, the core learns it. */
  readonly #pauses = new Map<NodeId, Timer>();
  /** Streams that are over and not yet gone. */
  readonly #leaving = new Set<Promise<void>>();
  #lastStreamId: number;
  #isStopped = false;

  constructor(options: CompleteSnapshotOptions, host: SnapshotSenderHost) {
    this.#options = options;
    this.#host = host;
    this.#throttle = new SnapshotThrottle(host.clock, options.snapshotBytesPerSecond, (work) =>
      host.resume(work),
    );
    // Ids start anywhere in [0, 2^52), so that a receipt meant for an earlier run finds nothing.
    this.#lastStreamId = host.random.uint32() * 2 ** 20 + (host.random.uint32() >>> 12);
  }

  /** What is being sent, by peer. */
  get sending(): readonly SnapshotSending[] {
    const sending = Array.from(this.#streams.values(), (stream) => ({
      peer: stream.purpose.peer,
      index: stream.index,
      ackedBytes: stream.ackedBytes,
      bytes: stream.bytes,
    }));
    return sending.sort((a, b) => a.peer - b.peer);
  }

  /** The log after this index is needed by those that are being sent a snapshot; `Infinity`: none is. */
  get neededIndex(): LogIndex {
    let needed = Number.POSITIVE_INFINITY;
    for (const { index } of this.#streams.values()) needed = Math.min(needed, index);
    return needed;
  }

  /** Takes an `install-snapshot` that a Ready handed out: sends the state that belongs to it. */
  send(message: InstallSnapshot): void {
    if (this.#isStopped) return;
    const { to: peer, term, snapshot } = message;
    this.#pauses.get(peer)?.cancel();
    this.#pauses.delete(peer);
    const before = this.#streams.get(peer);
    // An older snapshot does as well, as long as the log goes on where it ends.
    const { firstIndex } = this.#host.node.status();
    if (before?.purpose.term === term && before.index + 1 >= firstIndex) return;
    if (before !== undefined) this.#cancel(before);
    const streamId = ++this.#lastStreamId;
    const stream = new SnapshotStream(
      { peer, streamId, term, index: snapshot.index },
      {
        clock: this.#host.clock,
        options: this.#options,
        throttle: this.#throttle,
        open: () => this.#open(),
        sendOffer: (to, offer) =>
          this.#host.network.send(to, encodeFrame("snapshot-offer", encodeSnapshotOffer(offer))),
        sendChunk: (to, chunk) =>
          this.#host.network.send(to, encodeFrame("snapshot-chunk", encodeSnapshotChunk(chunk))),
        onEnded: (ended, ending) => this.#onEnded(ended, ending),
        resume: (work) => this.#host.resume(work),
      },
    );
    this.#streams.set(peer, stream);
  }

  /** Takes what `peer` says of a stream. */
  onReceipt(peer: NodeId, receipt: SnapshotReceipt): void {
    const stream = this.#streams.get(peer);
    if (stream?.purpose.streamId === receipt.streamId) stream.onReceipt(receipt);
  }

  onConnected(peer: NodeId): void {
    this.#streams.get(peer)?.onConnected();
  }

  onDisconnected(peer: NodeId): void {
    this.#streams.get(peer)?.onDisconnected();
  }

  /** Ends what a leadership began that is over. To be called before the core is asked for a Ready. */
  observe(): void {
    const { term, role } = this.#host.node;
    for (const stream of [...this.#streams.values()]) {
      if (role !== "leader" || stream.purpose.term !== term) this.#cancel(stream);
    }
  }

  /** Ends what is being sent to a node that is no member any more. */
  forget(peer: NodeId): void {
    const stream = this.#streams.get(peer);
    if (stream !== undefined) this.#cancel(stream);
    this.#pauses.get(peer)?.cancel();
    this.#pauses.delete(peer);
  }

  /** Ends everything without a word. Resolves when nothing of it is left running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const pause of this.#pauses.values()) pause.cancel();
    this.#pauses.clear();
    for (const stream of [...this.#streams.values()]) this.#cancel(stream);
    await Promise.all(this.#leaving);
  }

  #onEnded(stream: SnapshotStream, ending: StreamEnding): void {
    const { peer, term } = stream.purpose;
    const { index } = stream;
    this.#cancel(stream);
    if (ending.kind === "installed") {
      this.#report(peer, term, true);
      this.#host.onSent(peer, index, this.#host.clock.now() - stream.beganAt);
      return;
    }
    const pause = this.#host.clock.setTimer(this.#options.snapshotRetryMs, () =>
      this.#host.resume(() => {
        this.#pauses.delete(peer);
        this.#report(peer, term, false);
      }),
    );
    this.#pauses.set(peer, pause);
    this.#host.onGivenUp(peer, ending.error);
  }

  #report(peer: NodeId, term: Term, ok: boolean): void {
    if (this.#host.node.term !== term) return;
    this.#host.node.reportSnapshot(peer, ok);
    this.#host.wake();
  }

  #cancel(stream: SnapshotStream): void {
    this.#streams.delete(stream.purpose.peer);
    const leaving = stream.cancel().then(() => {
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }

  /** The newest snapshot: the stored one, or the present state if the state machine keeps it by itself. */
  async #open(): Promise<SnapshotSource> {
    const { newest } = this.#host.store;
    assert(newest !== undefined, "who has forgotten a part of the log has a snapshot of it");
    if (!newest.external) return storedSource(await this.#host.store.read(newest));
    return new Promise((resolve, reject) => {
      this.#host.interrupt({
        run: () => this.#pin().then(resolve, reject),
        onStopped: () => reject(new RaftError("closed", "the replica was closed")),
      });
    });
  }

  /** Called between applies: as none begins before it ends, the state is that of the point. */
  async #pin(): Promise<SnapshotSource> {
    const { snapshots } = this.#host.stateMachine;
    if (snapshots?.kind !== "durable") {
      throw new RaftError("snapshot_failed", "the stored snapshot has no content");
    }
    const snapshot = this.#host.node.snapshotPoint();
    const members = this.#host.members();
    const id = newSnapshotId(this.#host.random);
    const pinned = await orFailed(() => snapshots.pin());
    return new PinnedSource({ snapshot, members, id }, pinned);
  }
}
