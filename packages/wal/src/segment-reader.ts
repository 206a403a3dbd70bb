import { type LogIndex, RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import {
  type Batch,
  batchBytes,
  batchHeaderBytes,
  type BatchHeader,
  decodeBatch,
  decodeBatchHeader,
  isMarker,
  numberAt,
  trailerBytes,
} from "./batch.ts";
import type { DiskFile, ReadableDisk } from "./disk.ts";
import { fileSeed } from "./file-header.ts";
import type { Segment } from "./segment-file.ts";
import { alignmentBytes, sectorBytes, type SegmentHeader } from "./segment.ts";
import { withFile } from "./with-file.ts";

/** One attempt to read a batch at `offset` bytes. Each case calls for a different recovery. */
export type BatchRead =
  /** A whole batch, checksums verified, with its bytes as they are on disk. Continue at `next`. */
  | {
      readonly kind: "batch";
      readonly batch: Batch;
      readonly bytes: Uint8Array;
      readonly next: number;
    }
  /** Nothing was written from here to the end of the segment. */
  | { readonly kind: "end"; readonly offset: number }
  /**
   * Part of this was never written: a write cut short by a crash, so never acknowledged. Cut at
   * `offset`, unless something from `resume` on tells that more was written later. `header` is there if
   * the batch's head is whole; then it ends at `resume`.
   */
  | {
      readonly kind: "torn";
      readonly offset: number;
      readonly resume: number;
      readonly header: BatchHeader | undefined;
    }
  /**
   * All of this was written once, and it no longer matches its checksum. Refuse to start. `header` is there
   * if it is only the payload that changed; then the batch ends at `resume`.
   */
  | {
      readonly kind: "corrupt";
      readonly offset: number;
      readonly resume: number;
      readonly detail: string;
      readonly header: BatchHeader | undefined;
    };

/** A head that stands whole, whatever became of what follows it. */
export interface FoundHead {
  readonly offset: number;
  readonly header: BatchHeader;
}

/** How much is read from a file at once, at least. */
const windowBytes = 1024 * 1024;

/** Reads one segment, through a window of bounded size. */
export class SegmentReader {
  readonly #file: DiskFile;
  readonly #header: SegmentHeader;
  readonly #seed: number;
  /** The length of the file. */
  readonly size: number;
  #window: Uint8Array = new Uint8Array(0);
  #windowOffset = 0;

  /** Reads `file`, which starts with `header` and is `size` bytes long. */
  constructor(file: DiskFile, header: SegmentHeader, size: number) {
    this.#file = file;
    this.#header = header;
    this.#seed = fileSeed(header);
    this.size = size;
  }

  /** What stands at `offset`, a multiple of `alignmentBytes`. */
  async readBatch(offset: number): Promise<BatchRead> {
    const head = await this.#read(offset, batchHeaderBytes + trailerBytes);
    const header = decodeBatchHeader(head, 0, this.#seed);
    if (header === undefined) return await this.#judgeHeader(offset, head);

    const length = batchBytes(header.payloadBytes);
    const bytes = await this.#read(offset, length);
    const payload = bytes.subarray(batchHeaderBytes, batchHeaderBytes + header.payloadBytes);
    if (payload.length < header.payloadBytes || crc32c(payload, this.#seed) !== header.payloadCrc) {
      const torn =
        this.#hasUnwrittenSector(bytes, offset, length) ||
        this.#isUnwritten(bytes, length - trailerBytes, length);
      const resume = offset + length;
      if (torn) return { kind: "torn", offset, resume, header };
      const detail = "the payload does not match its checksum";
      return { kind: "corrupt", offset, resume, detail, header };
    }
    return decoded(header, payload, { bytes, offset, next: offset + length });
  }

  /** The number of the first batch beyond `number` that left a whole head or trailer from `offset` on. */
  async findBatchAfter(offset: number, number: number): Promise<number | undefined> {
    return await this.#search(offset, (bytes, inside) => {
      const found = numberAt(bytes, inside, this.#seed);
      return found !== undefined && found > number ? found : undefined;
    });
  }

  /** The first head from `offset` on of a batch beyond `number` that follows an entry before `prevBefore`. */
  async findHeadAfter(
    offset: number,
    number: number,
    prevBefore: LogIndex = Number.POSITIVE_INFINITY,
  ): Promise<FoundHead | undefined> {
    return await this.#search(offset, (bytes, inside, at) => {
      const header = isMarker(bytes, inside)
        ? decodeBatchHeader(bytes, inside, this.#seed)
        : undefined;
      if (header === undefined || header.number <= number) return undefined;
      return header.prev.index < prevBefore ? { offset: at, header } : undefined;
    });
  }

  /** The first thing that `look` makes out at a multiple of `alignmentBytes` from `offset` on. */
  async #search<Found>(
    offset: number,
    look: (bytes: Uint8Array, inside: number, at: number) => Found | undefined,
  ): Promise<Found | undefined> {
    for (let at = offset; at < this.size;) {
      const bytes = await this.#read(at, Math.min(windowBytes, this.size - at));
      // A head may reach into the next window: that one starts where it does not fit any more.
      const isLast = at + bytes.length >= this.size;
      const end = isLast ? bytes.length : bytes.length - batchHeaderBytes + 1;
      let inside = 0;
      for (; inside < end; inside += alignmentBytes) {
        const found = look(bytes, inside, at + inside);
        if (found !== undefined) return found;
      }
      at += inside;
    }
    return undefined;
  }

  /**
   * Judges a place where no header can be read. Sectors reach the disk whole, so a header that was
   * written in part shows fill from the start or to the end of its part of a sector. A file cut
   * elsewhere shows fill right after the header, where a whole batch has an entry or its trailer.
   */
  async #judgeHeader(offset: number, head: Uint8Array): Promise<BatchRead> {
    const resume = offset + alignmentBytes;
    const headUnwritten = this.#isUnwritten(head, 0, batchHeaderBytes);
    if (headUnwritten && (await this.isUnwrittenFrom(offset))) return { kind: "end", offset };
    const torn =
      this.#hasUnwrittenSector(head, offset, batchHeaderBytes) ||
      this.#isUnwritten(head, batchHeaderBytes, batchHeaderBytes + trailerBytes);
    if (torn) return { kind: "torn", offset, resume, header: undefined };
    const detail = "the batch header does not match its checksum";
    return { kind: "corrupt", offset, resume, detail, header: undefined };
  }

  /** Whether nothing was written from `offset`, a multiple of `alignmentBytes`, to the end of the segment. */
  async isUnwrittenFrom(offset: number): Promise<boolean> {
    for (let at = offset; at < this.size;) {
      const length = Math.min(windowBytes, this.size - at);
      const bytes = await this.#read(at, length);
      if (!this.#isUnwritten(bytes, 0, length)) return false;
      at += length;
    }
    return true;
  }

  /** Whether some sector holds nothing but fill in its share of the `length` bytes at `offset`. */
  #hasUnwrittenSector(bytes: Uint8Array, offset: number, length: number): boolean {
    for (let start = 0; start < length;) {
      const end = Math.min(length, start + sectorBytes - ((offset + start) % sectorBytes));
      if (this.#isUnwritten(bytes, start, end)) return true;
      start = end;
    }
    return false;
  }

  /** Whether `bytes` hold fill, or have ended, in all of `[start, end)`. `start` is aligned. */
  #isUnwritten(bytes: Uint8Array, start: number, end: number): boolean {
    const { fill } = this.#header;
    const stop = Math.min(end, bytes.length);
    for (let offset = start; offset < stop; offset++) {
      if (bytes[offset] !== fill[offset % alignmentBytes]) return false;
    }
    return true;
  }

  /** The bytes at `offset`; fewer than `length` only where the file ends. */
  async #read(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    let start = offset - this.#windowOffset;
    if (start < 0 || start + wanted > this.#window.length) {
      this.#window = await this.#file.read(
        offset,
        Math.max(wanted, Math.min(windowBytes, this.size - offset)),
      );
      this.#windowOffset = offset;
      start = 0;
    }
    return this.#window.subarray(start, start + wanted);
  }
}

/** Reads `segment`, for as long as `use` takes. */
export async function readSegment<T>(
  disk: ReadableDisk,
  { name, header, size }: Pick<Segment, "name" | "header" | "size">,
  use: (reader: SegmentReader) => Promise<T>,
): Promise<T> {
  return await withFile(disk, name, async (file) => {
    return await use(new SegmentReader(file, header, size));
  });
}

function decoded(
  header: BatchHeader,
  payload: Uint8Array,
  found: { readonly bytes: Uint8Array; readonly offset: number; readonly next: number },
): BatchRead {
  const { bytes, offset, next } = found;
  try {
    return { kind: "batch", batch: decodeBatch(header, payload), bytes, next };
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return { kind: "corrupt", offset, resume: next, detail: error.message, header: undefined };
  }
}
