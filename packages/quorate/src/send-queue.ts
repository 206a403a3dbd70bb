import type { Writable } from "node:stream";

/** How much is handed to the kernel at a time, in bytes. Small enough that a slow link shows progress. */
const batchBytesMax = 262_144;
/** Chunks below this average are joined: copying them costs less than a system vector of them. */
const joinChunkBytesMax = 8_192;

/**
 * Frames on their way into one connection, bounded in bytes. What is pushed within one turn of the event
 * loop leaves in one write.
 */
export class SendQueue {
  readonly #socket: Writable;
  readonly #bytesMax: number;
  readonly #chunks: Uint8Array[] = [];
  /** How many of `#chunks`, from the first, have left. */
  #sentCount = 0;
  #bytes = 0;
  #takenBytes = 0;
  #busy = false;

  constructor(socket: Writable, bytesMax: number) {
    this.#socket = socket;
    this.#bytesMax = bytesMax;
  }

  /** Bytes that the kernel has not taken yet. At most the limit. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that the kernel ever took: while this stands still and `bytes` is not 0, nothing moves. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Queues one frame; false, and nothing is queued, if it does not fit. */
  push(chunks: readonly Uint8Array[]): boolean {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    for (const chunk of chunks) if (chunk.length > 0) this.#chunks.push(chunk);
    if (!this.#busy) {
      this.#busy = true;
      process.nextTick(() => this.#flush());
    }
    return true;
  }

  #flush(): void {
    const batch = this.#takeBatch();
    let bytes = 0;
    for (const chunk of batch) bytes += chunk.length;
    if (bytes === 0) {
      this.#busy = false;
      return;
    }
    const sent = (error?: Error | null): void => {
      // A connection that failed is closed by its owner, and its queue goes with it.
      if (error !== null && error !== undefined) return;
      this.#bytes -= bytes;
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

  /** Takes the next chunks, cut where the batch is full. */
  #takeBatch(): Uint8Array[] {
    const batch: Uint8Array[] = [];
    let room = batchBytesMax;
    while (room > 0) {
      const chunk = this.#chunks[this.#sentCount];
      if (chunk === undefined) break;
      if (chunk.length <= room) this.#sentCount++;
      else this.#chunks[this.#sentCount] = chunk.subarray(room);
      batch.push(chunk.length <= room ? chunk : chunk.subarray(0, room));
      room -= Math.min(room, chunk.length);
    }
    // Dropping the sent chunks one by one would cost a move of the rest each time.
    if (this.#sentCount * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, this.#sentCount);
      this.#sentCount = 0;
    }
    return batch;
  }
}
