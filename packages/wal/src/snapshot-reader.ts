import { assert, RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { viewOf } from "./bytes.ts";
import { corrupt, remedied } from "./damage.ts";
import type { Disk, DiskFile } from "./disk.ts";
import {
  blockBytes,
  blockChecksum,
  blockContentBytes,
  blockHeadBytes,
  blocksBytes,
  type SnapshotFile,
} from "./snapshot-file.ts";
import type { SnapshotReader, StoredSnapshot } from "./snapshot-store.ts";
import { Turns } from "./turns.ts";

/** How many blocks are read from the file at once, and how much content is handed out as one piece. */
const groupBlockCount = 16;
const pieceBytes: number = groupBlockCount * blockContentBytes;

/** For whom a snapshot is read. */
export interface ReaderHost {
  /** What to do about damage. */
  readonly remedy: string;
  /** The file is not needed any more. */
  onClosed(): void;
}

/** Reads the content of one snapshot. Made by a store. */
export class FileSnapshotReader implements SnapshotReader {
  readonly #disk: Pick<Disk, "open">;
  readonly #place: SnapshotFile;
  readonly #host: ReaderHost;
  readonly #turns = new Turns();
  #file: DiskFile | undefined;

  /** Reads the snapshot that lies in `place`. */
  constructor(disk: Pick<Disk, "open">, place: SnapshotFile, host: ReaderHost) {
    this.#disk = disk;
    this.#place = place;
    this.#host = host;
  }

  /** Opens the file. Comes before all else, and rejects with what the disk rejects with. */
  async begin(): Promise<void> {
    await this.#turns.take(async () => {
      try {
        this.#file = await this.#disk.open(this.#place.name);
      } catch (error) {
        this.#host.onClosed();
        throw error;
      }
    });
  }

  get stored(): StoredSnapshot {
    return this.#place.stored;
  }

  async read(offset: number, lengthMax: number): Promise<Uint8Array> {
    assert(offset >= 0 && lengthMax >= 0, "a piece of content lies after its start");
    return await this.#turns.take(async () => {
      if (this.#file === undefined) throw new RaftError("closed", "the reader is closed");
      const end = Math.min(offset + lengthMax, this.stored.contentBytes);
      const bytes = new Uint8Array(Math.max(0, end - offset));
      for (let at = offset; at < end;) {
        const first = Math.floor(at / blockContentBytes);
        const last = Math.min(first + groupBlockCount, Math.ceil(end / blockContentBytes));
        at = await this.#readBlocks(this.#file, { first, last }, { bytes, offset });
      }
      return bytes;
    });
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const { contentBytes, checksum } = this.stored;
    let found = 0;
    for (let offset = 0; offset < contentBytes;) {
      const bytes = await this.read(offset, pieceBytes);
      found = crc32c(bytes, found);
      offset += bytes.length;
      yield bytes;
    }
    if (found === checksum) return;
    const end = this.#place.blocksOffset + blocksBytes(contentBytes);
    throw this.#damaged(end);
  }

  async close(): Promise<void> {
    await this.#turns.take(async () => {
      const file = this.#file;
      if (file === undefined) return;
      this.#file = undefined;
      this.#host.onClosed();
      await file.close();
    });
  }

  /**
   * Reads the blocks from `first` to before `last`, and puts what they hold of the content where it
   * belongs in `bytes`, whose first byte is that at `offset` of the content. Returns where they end.
   */
  async #readBlocks(
    file: DiskFile,
    blocks: { readonly first: number; readonly last: number },
    into: { readonly bytes: Uint8Array; readonly offset: number },
  ): Promise<number> {
    const { seed, blocksOffset } = this.#place;
    const contentEnd = Math.min(blocks.last * blockContentBytes, this.stored.contentBytes);
    const start = blocks.first * blockBytes;
    const group = await file.read(blocksOffset + start, blocksBytes(contentEnd) - start);
    for (let number = blocks.first; number < blocks.last; number++) {
      const at = number * blockBytes - start;
      const block = group.subarray(at, at + blockBytes);
      const content = block.subarray(blockHeadBytes);
      const isWhole =
        group.length === blocksBytes(contentEnd) - start &&
        viewOf(block).getUint32(0, true) === blockChecksum(content, number, seed);
      if (!isWhole) throw this.#damaged(blocksOffset + start + at);
      copyPart(content, number * blockContentBytes, into);
    }
    return contentEnd;
  }

  /** The refusal of content that is not what was written, noticed at `offset` of the file. */
  #damaged(offset: number): unknown {
    const error = corrupt(this.#place.name, offset, "the content does not match its checksum");
    return remedied(error, this.#host.remedy);
  }
}

/** Copies `content`, which begins at `start`, to its place; what lies outside of `bytes` is left out. */
function copyPart(
  content: Uint8Array,
  start: number,
  { bytes, offset }: { readonly bytes: Uint8Array; readonly offset: number },
): void {
  const from = Math.max(0, offset - start);
  const to = Math.min(content.length, offset + bytes.length - start);
  bytes.set(content.subarray(from, to), start + from - offset);
}
