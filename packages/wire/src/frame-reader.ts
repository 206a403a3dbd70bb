import { assert, RaftError } from "@quorate/core";
import {
  decodeHeader,
  type Frame,
  type FrameHeader,
  frameHeaderBytes,
  framePayloadBytesMax,
  verifyFrame,
} from "./frame.ts";
import { viewOf, writeRaw } from "./protobuf.ts";

const nothing = new Uint8Array(0);

/** How a `FrameReader` behaves. */
export interface FrameReaderOptions {
  /**
   * The longest frame to accept, header included, in bytes: at least 16, at most 2^32 + 15. A longer
   * one is `too_large` as soon as its header has arrived.
   */
  readonly frameBytesMax: number;
}

/** Up to this many bytes of a frame are given room as soon as they are announced. */
const promptRoomBytes = 1024 * 1024;

/** The beginning of a frame whose end has not arrived. */
interface PartialFrame {
  /** Holds `count` bytes of the frame, and may be longer. */
  buffer: Uint8Array;
  count: number;
  /** Known once `count` reaches 16. */
  header: FrameHeader | undefined;
}

/**
 * Splits a stream of bytes into frames, however the stream is cut into chunks. Holds at most one
 * incomplete frame, in a buffer of at most 1 MiB, or else twice what has arrived of it.
 */
export class FrameReader {
  readonly #frameBytesMax: number;
  /** Undefined between two frames. */
  #partial: PartialFrame | undefined;
  #failed = false;

  /** Throws `invalid_options` if the limit is out of range. */
  constructor(options: FrameReaderOptions) {
    const limit = options.frameBytesMax;
    const limitMax = frameHeaderBytes + framePayloadBytesMax;
    if (!Number.isSafeInteger(limit) || limit < frameHeaderBytes || limit > limitMax) {
      const range = `[${frameHeaderBytes}, ${limitMax}]`;
      throw new RaftError(
        "invalid_options",
        `frameBytesMax is ${limit}, not an integer in ${range}`,
      );
    }
    this.#frameBytesMax = limit;
  }

  /**
   * Takes the next bytes of the stream and returns the frames that they complete, in order. The payload
   * of a frame that fills at least half of `chunk` aliases it, so the chunk must not be changed
   * afterwards; smaller ones are copied, so that what is kept of them does not keep all of the chunk.
   *
   * Throws `malformed`, `unsupported_version` or `too_large`. The frames before the bad one in this
   * chunk are lost with it: drop the connection. The reader must not be used again.
   */
  push(chunk: Uint8Array): Frame[] {
    assert(!this.#failed, "a reader is not used after it threw");
    this.#failed = true; // Stays so unless the end of the chunk is reached.
    const frames: Frame[] = [];
    let offset = 0;
    while (offset < chunk.length) {
      offset =
        this.#partial === undefined
          ? this.#begin(chunk, offset, frames)
          : this.#resume(this.#partial, chunk, offset, frames);
    }
    this.#failed = false;
    return frames;
  }

  /** Takes a frame that begins at `offset`, or what there is of it. Returns the offset after it. */
  #begin(chunk: Uint8Array, offset: number, frames: Frame[]): number {
    const count = chunk.length - offset;
    const header = count < frameHeaderBytes ? undefined : this.#decodeHeader(chunk, offset);
    const end = offset + frameHeaderBytes + (header?.payloadBytes ?? 0);
    if (header !== undefined && end <= chunk.length) {
      const payload = viewOf(chunk, offset + frameHeaderBytes, end);
      const isSmall = 2 * payload.length < payload.buffer.byteLength;
      frames.push(verifyFrame(header, isSmall ? payload.slice() : payload));
      return end;
    }
    const partial = { buffer: nothing, count: 0, header };
    const frameBytes = header === undefined ? count : end - offset;
    append(partial, viewOf(chunk, offset, chunk.length), frameBytes);
    this.#partial = partial;
    return chunk.length;
  }

  /** Adds what it lacks to the frame that was begun, as far as there is more. Returns the offset after it. */
  #resume(partial: PartialFrame, chunk: Uint8Array, offset: number, frames: Frame[]): number {
    const wanted = frameHeaderBytes + (partial.header?.payloadBytes ?? 0);
    const taken = Math.min(wanted - partial.count, chunk.length - offset);
    append(partial, viewOf(chunk, offset, offset + taken), wanted);
    if (partial.header === undefined && partial.count === frameHeaderBytes) {
      partial.header = this.#decodeHeader(partial.buffer, 0);
    }
    const header = partial.header;
    if (header !== undefined && partial.count === frameHeaderBytes + header.payloadBytes) {
      frames.push(verifyFrame(header, viewOf(partial.buffer, frameHeaderBytes, partial.count)));
      this.#partial = undefined;
    }
    return offset + taken;
  }

  #decodeHeader(bytes: Uint8Array, offset: number): FrameHeader {
    const header = decodeHeader(bytes, offset);
    const frameBytes = frameHeaderBytes + header.payloadBytes;
    if (frameBytes > this.#frameBytesMax) {
      const limit = `the limit is ${this.#frameBytesMax}`;
      throw new RaftError("too_large", `a frame of ${frameBytes} bytes is announced, ${limit}`);
    }
    return header;
  }
}

/**
 * Adds `piece` to a frame that will have `frameBytes`, as far as is known. Beyond what has room at once the
 * buffer doubles, so that it grows with what has arrived and not with what is announced.
 */
function append(partial: PartialFrame, piece: Uint8Array, frameBytes: number): void {
  const count = partial.count + piece.length;
  if (count > partial.buffer.length) {
    const room = Math.max(count, 2 * partial.buffer.length, promptRoomBytes);
    const grown = new Uint8Array(Math.min(frameBytes, room));
    writeRaw(grown, 0, viewOf(partial.buffer, 0, partial.count));
    partial.buffer = grown;
  }
  partial.count = writeRaw(partial.buffer, partial.count, piece);
}
