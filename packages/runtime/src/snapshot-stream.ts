import { type LogIndex, type NodeId, RaftError, type Term } from "@quorate/core";
import type { SnapshotChunk, SnapshotOffer, SnapshotReceipt } from "@quorate/wire";
import type { Clock, Timer } from "./ports.ts";
import type { CompleteSnapshotOptions } from "./snapshot-options.ts";
import type { SnapshotSource } from "./snapshot-source.ts";
import type { SnapshotThrottle, ThrottleTicket } from "./snapshot-throttle.ts";

/** How a stream ended: the follower has the snapshot, or why it was given up. */
export type StreamEnding =
  | { readonly kind: "installed" }
  | { readonly kind: "given-up"; readonly error: unknown };

/** What a stream works for. */
export interface SnapshotStreamHost {
  readonly clock: Clock;
  readonly options: CompleteSnapshotOptions;
  readonly throttle: SnapshotThrottle;
  /** What is to be sent. May take a while. */
  open(): Promise<SnapshotSource>;
  /** False if the frame certainly did not leave. */
  sendOffer(to: NodeId, offer: SnapshotOffer): boolean;
  sendChunk(to: NodeId, chunk: SnapshotChunk): boolean;
  /** The stream is over, and says nothing more. Called once, unless the stream was cancelled. */
  onEnded(stream: SnapshotStream, ending: StreamEnding): void;
  /** Runs `work` as an event of its own. */
  resume(work: () => void): void;
}

/** What a stream is for. */
export interface StreamPurpose {
  readonly peer: NodeId;
  /** Names the stream in its frames. */
  readonly streamId: number;
  /** The term in which this node leads. */
  readonly term: Term;
  /** The follower needs a snapshot that ends here, or later. */
  readonly index: LogIndex;
}

/** Where a stream stands. */
type Phase =
  /** What is to be sent is not there yet. */
  | "opening"
  /** An answer to the offer is awaited: it tells where to go on. */
  | "offered"
  | "streaming"
  | "over";

/** How long a chunk that the network did not take waits, in milliseconds. */
const blockedMs = 20;

/**
 * Sends one snapshot to one follower.
 *
 *     opening ──► offered ──receipt──► streaming ──installed──► over
 *                    ▲                     │
 *                    └── connection lost, silence
 *
 * At most `snapshotWindowBytes` are on the way, so that a heartbeat never waits for more. What is lost
 * on the way shows in silence: then the snapshot is offered again under the same name, and the answer
 * tells from where on the follower needs it.
 */
export class SnapshotStream {
  readonly purpose: StreamPurpose;
  /** When it was begun, by the clock of its host. */
  readonly beganAt: number;
  readonly #host: SnapshotStreamHost;
  readonly #resendMs: number;
  #phase: Phase = "opening";
  #source: SnapshotSource | undefined;
  /** What the follower has, and what was sent to it. Invariant while streaming: acked ≤ sent. */
  #ackedBytes = 0;
  #sentBytes = 0;
  /** Whether the end was sent. */
  #isEndSent = false;
  /** Counts the times that `#sentBytes` was set anew; what was read for an earlier one is void. */
  #passCount = 0;
  /** When the follower last got further, and when it was last heard from, or asked. */
  #progressAt: number;
  #heardAt: number;
  #timer: Timer | undefined;
  #blockedTimer: Timer | undefined;
  #ticket: ThrottleTicket | undefined;
  #isReading = false;
  /** Settles when the read in flight, if any, is over; never rejects. */
  #inFlight: Promise<void>;
  #closing: Promise<void> | undefined;

  /** Begins at once. */
  constructor(purpose: StreamPurpose, host: SnapshotStreamHost) {
    this.purpose = purpose;
    this.#host = host;
    this.#resendMs = Math.min(1000, host.options.snapshotStallMs / 4);
    this.beganAt = host.clock.now();
    this.#progressAt = this.beganAt;
    this.#heardAt = this.beganAt;
    this.#armTimer();
    this.#inFlight = host.open().then(
      (source) => {
        this.#source = source;
        host.resume(() => this.#onOpened());
      },
      (error: unknown) => host.resume(() => this.#giveUp(error)),
    );
  }

  /** Where the snapshot ends: the log after it is needed for as long as the stream lasts. */
  get index(): LogIndex {
    return this.#source?.snapshot.index ?? this.purpose.index;
  }

  /** How much the follower is known to have, in bytes. */
  get ackedBytes(): number {
    return this.#ackedBytes;
  }

  /** The length of the whole, in bytes; 0 if it is not known. */
  get bytes(): number {
    return this.#source?.bytes ?? 0;
  }

  /** Takes what the follower says of this stream. */
  onReceipt(receipt: SnapshotReceipt): void {
    if (this.#phase !== "offered" && this.#phase !== "streaming") return;
    this.#heardAt = this.#host.clock.now();
    switch (receipt.state) {
      case "installed":
        this.#end({ kind: "installed" });
        break;
      case "refused":
        this.#giveUp(new RaftError(receipt.code, receipt.message));
        break;
      default:
        this.#onReceived(receipt.received);
    }
  }

  /** Frames have a chance to arrive again. */
  onConnected(): void {
    if (this.#phase === "offered" || this.#phase === "streaming") this.#offer();
  }

  /** What is on the way may be lost. */
  onDisconnected(): void {
    if (this.#phase !== "streaming") return;
    this.#phase = "offered";
    this.#startPass(this.#ackedBytes);
  }

  /** Ends the stream without a word. Resolves when nothing of it is left running. */
  async cancel(): Promise<void> {
    this.#phase = "over";
    this.#startPass(this.#ackedBytes);
    this.#timer?.cancel();
    this.#closing ??= this.#close();
    await this.#closing;
  }

  #onOpened(): void {
    if (this.#phase === "over") return;
    this.#progressAt = this.#host.clock.now();
    this.#offer();
  }

  #offer(): void {
    const source = this.#source;
    if (source === undefined) return;
    this.#phase = "offered";
    this.#startPass(this.#ackedBytes);
    this.#sendOffer(source);
  }

  #sendOffer(source: SnapshotSource): void {
    this.#heardAt = this.#host.clock.now();
    const { snapshot, members, id: snapshotId, bytes } = source;
    const { peer, streamId, term } = this.purpose;
    this.#host.sendOffer(peer, { streamId, snapshotId, term, snapshot, members, bytes });
  }

  #onReceived(received: number): void {
    if (received > this.#ackedBytes) this.#progressAt = this.#heardAt;
    if (this.#phase === "offered" || received > this.#sentBytes) {
      this.#phase = "streaming";
      this.#ackedBytes = received;
      this.#startPass(received);
    } else if (received > this.#ackedBytes) {
      this.#ackedBytes = received;
    }
    this.#pump();
  }

  /** From now on, what is sent goes on from `offset`. */
  #startPass(offset: number): void {
    this.#sentBytes = offset;
    this.#isEndSent = false;
    this.#passCount++;
    this.#blockedTimer?.cancel();
    this.#blockedTimer = undefined;
    if (this.#ticket !== undefined) this.#host.throttle.cancel(this.#ticket);
    this.#ticket = undefined;
  }

  /** Reads the next chunk, if it may be sent; one at a time is read, and waits for its turn. */
  #pump(): void {
    const { snapshotChunkBytes: chunkBytes, snapshotWindowBytes: windowBytes } = this.#host.options;
    const source = this.#source;
    if (source === undefined || this.#phase !== "streaming" || this.#isEndSent) return;
    const isWaiting = this.#ticket !== undefined || this.#blockedTimer !== undefined;
    if (this.#isReading || isWaiting) return;
    if (this.#sentBytes + chunkBytes - this.#ackedBytes > windowBytes) return;
    this.#isReading = true;
    const pass = this.#passCount;
    this.#inFlight = source.read(this.#sentBytes, chunkBytes).then(
      (data) => this.#host.resume(() => this.#onRead(source, data, pass)),
      (error: unknown) => this.#host.resume(() => this.#onReadFailed(error)),
    );
  }

  #onRead(source: SnapshotSource, data: Uint8Array, pass: number): void {
    this.#isReading = false;
    if (pass !== this.#passCount) {
      this.#pump();
      return;
    }
    const { throttle, clock } = this.#host;
    if (throttle.tryTake(data.length)) {
      this.#send(source, data);
      return;
    }
    const since = clock.now();
    this.#ticket = throttle.wait(data.length, () => {
      this.#ticket = undefined;
      // To be held up here is no fault of the follower's.
      this.#progressAt += clock.now() - since;
      this.#send(source, data);
    });
  }

  #onReadFailed(error: unknown): void {
    this.#isReading = false;
    if (this.#phase !== "over") this.#giveUp(error);
  }

  #send(source: SnapshotSource, data: Uint8Array): void {
    const { peer, streamId } = this.purpose;
    const offset = this.#sentBytes;
    const last = data.length < this.#host.options.snapshotChunkBytes;
    const chunk: SnapshotChunk = last
      ? { streamId, offset, data, last, checksum: source.checksum }
      : { streamId, offset, data, last };
    if (!this.#host.sendChunk(peer, chunk)) {
      this.#blockedTimer = this.#host.clock.setTimer(blockedMs, () =>
        this.#host.resume(() => {
          this.#blockedTimer = undefined;
          this.#send(source, data);
        }),
      );
      return;
    }
    this.#sentBytes += data.length;
    this.#isEndSent = last;
    this.#pump();
  }

  #armTimer(): void {
    this.#timer = this.#host.clock.setTimer(this.#resendMs, () =>
      this.#host.resume(() => this.#onTimer()),
    );
  }

  #onTimer(): void {
    if (this.#phase === "over") return;
    const now = this.#host.clock.now();
    const stalledMs = this.#ticket === undefined ? now - this.#progressAt : 0;
    const { snapshotStallMs } = this.#host.options;
    if (stalledMs >= snapshotStallMs) {
      const detail = `node ${this.purpose.peer} took nothing of a snapshot for ${stalledMs} ms`;
      this.#giveUp(new RaftError("snapshot_failed", detail));
      return;
    }
    this.#armTimer();
    const isAwaiting =
      this.#phase === "offered" || this.#isEndSent || this.#sentBytes > this.#ackedBytes;
    const silentMs = now - this.#heardAt;
    if (isAwaiting && silentMs >= this.#resendMs) this.#offer();
    else if (this.#ticket !== undefined && silentMs >= snapshotStallMs) this.#remind();
  }

  /** Tells a follower that what it has is not given up: what comes next is only held up here. */
  #remind(): void {
    if (this.#source !== undefined) this.#sendOffer(this.#source);
  }

  #giveUp(error: unknown): void {
    if (this.#phase !== "over") this.#end({ kind: "given-up", error });
  }

  #end(ending: StreamEnding): void {
    void this.cancel();
    this.#host.onEnded(this, ending);
  }

  /** Never rejects: what fails now is of use to nobody. */
  async #close(): Promise<void> {
    await this.#inFlight;
    try {
      await this.#source?.close();
    } catch {
      // The stream is over either way.
    }
  }
}
