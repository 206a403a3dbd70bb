import {
  type InstallSnapshot,
  type LogIndex,
  type NodeId,
  none,
  RaftError,
  type RaftNode,
  type Snapshot,
  type Term,
} from "@quorate/core";
import type { SnapshotStore, StoredSnapshot } from "@quorate/wal";
import {
  encodeFrame,
  encodeSnapshotReceipt,
  type SnapshotChunk,
  type SnapshotOffer,
} from "@quorate/wire";
import type { Restorable } from "./apply-queue.ts";
import type { Clock, Network, Timer } from "./ports.ts";
import type { CompleteSnapshotOptions } from "./snapshot-options.ts";
import { SnapshotReception } from "./snapshot-reception.ts";
import { restorableOf } from "./snapshot-restore.ts";

/** What the receiver of snapshots works with. */
export interface SnapshotReceiverHost {
  readonly node: RaftNode;
  readonly clock: Clock;
  readonly network: Network;
  readonly store: SnapshotStore;
  /** Whether the state machine can be restored. */
  readonly canRestore: boolean;
  /**
   * A snapshot is durable, `ms` milliseconds after its first offer, and the core has it: a Ready says what
   * is to be done, if anything.
   */
  onReceived(stored: StoredSnapshot, from: NodeId, ms: number): void;
  /** The state machine has the state of a snapshot, `ms` milliseconds after that was received. */
  onRestored(index: LogIndex, ms: number): void;
  /** A snapshot from `from` was not taken. It will be offered again. */
  onRefused(from: NodeId, error: RaftError): void;
  /** The disk cannot be trusted any more. */
  onStorageFailed(error: unknown): void;
  /** The core has new work. */
  wake(): void;
  /** Runs `work` as an event of its own. */
  resume(work: () => void): void;
}

/** Who sends, and under which name. */
interface Stream {
  readonly from: NodeId;
  readonly streamId: number;
  /** The term in which the sender leads. */
  readonly term: Term;
}

/** A snapshot on its way here. */
interface Incoming {
  readonly reception: SnapshotReception;
  /** The stream that brings it at present. */
  stream: Stream;
  /** How long the content is; 0 if that is not known. */
  readonly bytes: number;
  /** When it was first offered. */
  readonly beganAt: number;
  progressAt: number;
}

/** A snapshot on its way here, for people to look at. */
export interface SnapshotReceiving {
  readonly from: NodeId;
  readonly index: LogIndex;
  /** What is written, and the length of the whole, 0 if it is not known; in bytes. */
  readonly receivedBytes: number;
  readonly bytes: number;
}

/** How often `snapshotStallMs` a part is kept that nobody sends the rest of. */
const keptStallCount = 4;

/**
 * Receives snapshots from the leader, one at a time:
 *
 *     offer ──► a file, chunk by chunk ──► verified, durable ──► the core ──► the state machine
 *
 * The core learns of a snapshot only when it is durable here. What came is kept when the connection
 * breaks, or the sender loses its leadership: who offers the same snapshot next, goes on from there. A
 * newer one takes its place. None is taken while an earlier one still waits for the state machine.
 */
export class SnapshotReceiver {
  readonly #options: CompleteSnapshotOptions;
  readonly #host: SnapshotReceiverHost;
  #incoming: Incoming | undefined;
  /** What the core has and the state machine has not. */
  #installing: StoredSnapshot | undefined;
  /** When that was received. */
  #installingAt = 0;
  /** Files that are being given up. */
  readonly #leaving = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: CompleteSnapshotOptions, host: SnapshotReceiverHost) {
    this.#options = options;
    this.#host = host;
  }

  /** What is being received, or undefined. */
  get receiving(): SnapshotReceiving | undefined {
    if (this.#incoming === undefined) return undefined;
    const { reception, stream, bytes } = this.#incoming;
    const { index } = reception.metadata.snapshot;
    return { from: stream.from, index, receivedBytes: reception.receivedBytes, bytes };
  }

  /** Takes the offer of a snapshot: a new one, or one that goes on. */
  onOffer(from: NodeId, offer: SnapshotOffer): void {
    if (this.#isStopped) return;
    const { streamId, term, snapshot } = offer;
    const stream = { from, streamId, term };
    const incoming = this.#incoming;
    const { node } = this.#host;
    if (term < Math.max(node.term, incoming?.stream.term ?? 0)) {
      this.#refuse(stream, deposed(term));
    } else if (snapshot.index <= node.commitIndex) {
      this.#answer(stream, 0, "installed");
    } else if (!this.#host.canRestore) {
      const detail = "the state machine cannot be restored from snapshots";
      this.#refuse(stream, new RaftError("snapshot_failed", detail));
    } else if (this.#installing !== undefined) {
      const detail = `the snapshot at ${this.#installing.snapshot.index} is still being restored`;
      this.#refuse(stream, new RaftError("busy", detail));
    } else if (!this.#installStored(stream, snapshot)) {
      this.#receive(stream, offer);
    }
  }

  /** Takes a piece of a snapshot. */
  onChunk(from: NodeId, chunk: SnapshotChunk): void {
    const incoming = this.#incoming;
    if (incoming?.stream.streamId !== chunk.streamId || incoming.stream.from !== from) return;
    const { reception, stream } = incoming;
    const { node } = this.#host;
    if (stream.term < node.term) {
      // What came is kept for the next leader, but nothing more of this stream is listened to.
      incoming.stream = { ...stream, streamId: none };
      this.#refuse(stream, deposed(stream.term));
    } else if (reception.metadata.snapshot.index <= node.commitIndex && !reception.isEnding) {
      this.#drop();
      this.#answer(stream, 0, "installed");
    } else {
      reception.take(chunk);
    }
  }

  /** The state of the snapshot that a Ready handed out, which was received before. */
  restorable(snapshot: Snapshot): Restorable {
    return restorableOf(this.#host.store, snapshot, this.#installing);
  }

  /** The state machine has everything up to `index`. */
  onApplied(index: LogIndex): void {
    const installed = this.#installing?.snapshot;
    if (installed !== undefined && installed.index <= index) {
      this.#installing = undefined;
      this.#host.onRestored(installed.index, this.#host.clock.now() - this.#installingAt);
    }
    const reception = this.#incoming?.reception;
    if (reception === undefined || reception.isEnding) return;
    // The log brought what the snapshot was to bring.
    if (reception.metadata.snapshot.index <= index) this.#drop();
  }

  /** Takes nothing more, and gives up what is not whole. Resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#drop();
    await Promise.all(this.#leaving);
  }

  /**
   * Whether a snapshot that was stored before does as well: one that came from a leader which was deposed
   * before the core here could take it. What is committed is so in every later term.
   */
  #installStored(stream: Stream, { index }: Snapshot): boolean {
    const { newest } = this.#host.store;
    if (newest === undefined || newest.external || newest.snapshot.index < index) return false;
    this.#install(stream, newest, this.#host.clock.now());
    return true;
  }

  #receive(stream: Stream, offer: SnapshotOffer): void {
    const incoming = this.#incoming;
    if (incoming !== undefined) {
      if (isSameId(incoming.reception.metadata.id, offer.snapshotId)) {
        incoming.stream = stream;
        // Its sender goes on with it, however slowly.
        incoming.progressAt = this.#host.clock.now();
        if (incoming.reception.isOpen) this.#answerMore(incoming);
        return;
      }
      const { from, term, streamId } = incoming.stream;
      const isOvertaken =
        from === stream.from && term === stream.term && streamId > stream.streamId;
      if (isOvertaken) return;
      if (incoming.reception.isEnding) {
        this.#refuse(stream, new RaftError("busy", "another snapshot is being made durable"));
        return;
      }
      this.#drop();
    }
    this.#begin(stream, offer);
  }

  #begin(stream: Stream, { snapshotId, snapshot, members, bytes }: SnapshotOffer): void {
    const { clock, store } = this.#host;
    const beganAt = clock.now();
    // Copies: the offer's bytes are part of a frame, which would be kept as a whole.
    const id = snapshotId.slice();
    const metadata = { snapshot, members: members.slice(), id, external: false };
    const reception = new SnapshotReception(store, metadata, bytes, {
      windowBytes: this.#options.snapshotWindowBytes,
      onOpened: () => this.#answerMore(incoming),
      onWritten: () => {
        incoming.progressAt = clock.now();
        this.#answerMore(incoming);
      },
      onStored: (stored) => {
        this.#forget();
        this.#install(incoming.stream, stored, beganAt);
      },
      onFailed: (error) => {
        this.#forget();
        this.#onFailed(incoming.stream, error);
      },
      resume: (work) => this.#host.resume(work),
    });
    const incoming: Incoming = { reception, stream, bytes, beganAt, progressAt: beganAt };
    this.#incoming = incoming;
    this.#armTimer();
  }

  /** Hands a durable snapshot to the core, in the name of who sent it. It was first offered at `beganAt`. */
  #install(stream: Stream, stored: StoredSnapshot, beganAt: number): void {
    const { node, clock } = this.#host;
    const { from, term } = stream;
    const { snapshot, contentBytes } = stored;
    if (term < node.term) {
      this.#refuse(stream, deposed(term));
      return;
    }
    const message: InstallSnapshot = {
      kind: "install-snapshot",
      from,
      to: node.id,
      term,
      snapshot,
    };
    try {
      node.step(message);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#refuse(stream, error);
      return;
    }
    if (node.commitIndex < snapshot.index) {
      this.#refuse(stream, new RaftError("snapshot_failed", "the node does not take the snapshot"));
      return;
    }
    if (node.appliedIndex < snapshot.index) this.#installing = stored;
    this.#installingAt = clock.now();
    this.#answer(stream, contentBytes, "installed");
    this.#host.onReceived(stored, from, this.#installingAt - beganAt);
    this.#host.wake();
  }

  #onFailed(stream: Stream, error: unknown): void {
    const isFatal = !(error instanceof RaftError) || !harmlessCodes.has(error.code);
    if (isFatal) this.#host.onStorageFailed(error);
    else this.#refuse(stream, error);
  }

  /** Gives up what is being received, if anything, and removes what came. */
  #drop(): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    this.#forget();
    const leaving = incoming.reception.discard().then(
      () => {
        this.#leaving.delete(leaving);
      },
      (error: unknown) => {
        this.#leaving.delete(leaving);
        if (!this.#isStopped) this.#host.resume(() => this.#host.onStorageFailed(error));
      },
    );
    this.#leaving.add(leaving);
  }

  #forget(): void {
    this.#incoming = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Gives up a part that nobody sends the rest of, in the end. */
  #armTimer(): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    const keptMs = keptStallCount * this.#options.snapshotStallMs;
    const leftMs = incoming.progressAt + keptMs - this.#host.clock.now();
    if (leftMs <= 0 && !incoming.reception.isEnding) {
      this.#drop();
      return;
    }
    this.#timer = this.#host.clock.setTimer(Math.max(leftMs, this.#options.snapshotStallMs), () =>
      this.#host.resume(() => this.#armTimer()),
    );
  }

  #answerMore({ stream, reception }: Incoming): void {
    this.#answer(stream, reception.receivedBytes, "more");
  }

  #answer({ from, streamId }: Stream, received: number, state: "more" | "installed"): void {
    // A write was under way when its leader was deposed: nobody waits for news of it.
    if (streamId === none) return;
    const receipt = encodeSnapshotReceipt({ streamId, received, state });
    this.#host.network.send(from, encodeFrame("snapshot-receipt", receipt));
  }

  #refuse({ from, streamId }: Stream, error: RaftError): void {
    const { code } = error;
    const message = error.message.slice(code.length + 2);
    const receipt = { streamId, received: 0, state: "refused", code, message } as const;
    if (streamId !== none) {
      const payload = encodeSnapshotReceipt(receipt);
      this.#host.network.send(from, encodeFrame("snapshot-receipt", payload));
    }
    this.#host.onRefused(from, error);
  }
}

/** What may go wrong with one snapshot while the disk is sound. */
const harmlessCodes: ReadonlySet<string> = new Set([
  "disk_full",
  "corrupt",
  "invalid_argument",
  "closed",
]);

function deposed(term: Term): RaftError {
  return new RaftError("not_leader", `the leader of term ${term} was deposed`);
}

function isSameId(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, offset) => byte === b[offset]);
}
