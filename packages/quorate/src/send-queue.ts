import type { Writable } from "node:stream";

/** How much is handed to the kernel at a time, in bytes. Small enough that a slow link shows progress. */
const batchBytesMax = 262_144;
/** Chunks below this average are joined: copying them costs less than a system vector of them. */
const joinChunkBytesMax = 8_192;

/** What waits for nothing but its turn, and what waits until nothing urgent does. */
export type Lane = "urgent" | "bulk";

/** How many bytes may wait in each lane. */
export type LaneLimits = Readonly<Record<Lane, number>>;

/**
 * Frames on their way into one connection, bounded in bytes. What is pushed within one turn of the event
 * loop leaves in one write. A bulk frame begins only when nothing urgent waits, so that an urgent frame
 * waits for one bulk frame at most; each lane keeps its order.
 */
export class SendQueue {
  readonly #socket: Writable;
  readonly #limits: LaneLimits;
  readonly #urgent = new ChunkQueue();
  /** Bulk frames that have not begun to leave. */
  readonly #bulk: (readonly Uint8Array[])[] = [];
  /** What is left of the bulk frame that has. It goes first: frames are not cut up by others. */
  readonly #begun = new ChunkQueue();
  readonly #waiting: Record<Lane, number> = { urgent: 0, bulk: 0 };
  #takenBytes = 0;
  #busy = false;
  #isEnding = false;

  constructor(socket: Writable, limits: LaneLimits) {
    this.#socket = socket;
    this.#limits = limits;
  }

  /** Bytes that the kernel has not taken yet. At most the limits of both lanes. */
  get bytes(): number {
    return this.#waiting.urgent + this.#waiting.bulk;
  }

  /** Bytes that the kernel ever took: while this stands still and `bytes` is not 0, nothing moves. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Queues one frame; false, and nothing is queued, if its lane has no room for it or is ended. */
  push(chunks: readonly Uint8Array[], lane: Lane): boolean {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (this.#isEnding || this.#waiting[lane] + bytes > this.#limits[lane]) return false;
    if (bytes === 0) return true;
    this.#waiting[lane] += bytes;
    if (lane === "urgent") this.#urgent.push(chunks);
    else this.#bulk.push(chunks);
    if (!this.#busy) {
      this.#busy = true;
      process.nextTick(() => this.#flush());
    }
    return true;
  }

  /** Ends the connection once everything has left, and takes nothing more. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (!this.#busy) this.#socket.end();
  }

  #flush(): void {
    const batch: Uint8Array[] = [];
    const sizes = this.#takeBatch(batch);
    const bytes = sizes.urgent + sizes.bulk;
    if (bytes === 0) {
      this.#busy = false;
      if (this.#isEnding) this.#socket.end();
      return;
    }
    const sent = (error?: Error | null): void => {
      // A connection that failed is closed by its owner, and its queue goes with it.
      if (error !== null && error !== undefined) return;
      this.#waiting.urgent -= sizes.urgent;
      this.#waiting.bulk -= sizes.bulk;
      this.#takenBytes += bytes;
      this.#flush();
    };
    if (batch.length === 1 || bytes < batch.length * joinChunkBytesMax) {
      this.#socket.write(batch.length === 1 ? batch[0] : Buffer.concat(batch, bytes), sent);
      return;
    }
    this.#socket.cork();
    batch.forEach((chunk, position) => {
      this.#socket.write(chunk, position === batch.length - 1 ? sent : undefined);
    });
    this.#socket.uncork();
  }

  /** Takes what leaves next, and tells how many bytes of each lane that is. */
  #takeBatch(batch: Uint8Array[]): Record<Lane, number> {
    let bulk = this.#begun.take(batch, batchBytesMax);
    const urgent = this.#urgent.take(batch, batchBytesMax - bulk);
    const next = urgent + bulk === 0 ? this.#bulk.shift() : undefined;
    if (next !== undefined) {
      this.#begun.push(next);
      bulk = this.#begun.take(batch, batchBytesMax);
    }
    return { urgent, bulk };
  }
}

/** Bytes in pieces, first in, first out. */
class ChunkQueue {
  readonly #chunks: Uint8Array[] = [];
  /** How many of `#chunks`, from the first, are taken. */
  #takenCount = 0;

  push(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** Moves up to `bytesMax` bytes into `batch`, cutting the last chunk there if need be; how many. */
  take(batch: Uint8Array[], bytesMax: number): number {
    let room = bytesMax;
    while (room > 0) {
      const chunk = this.#chunks[this.#takenCount];
      if (chunk === undefined) break;
      if (chunk.length <= room) this.#takenCount++;
      else this.#chunks[this.#takenCount] = chunk.subarray(room);
      batch.push(chunk.length <= room ? chunk : chunk.subarray(0, room));
      room -= Math.min(room, chunk.length);
    }
    // Dropping the taken chunks one by one would cost a move of the rest each time.
    if (this.#takenCount * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, this.#takenCount);
      this.#takenCount = 0;
    }
    return bytesMax - room;
  }
}
