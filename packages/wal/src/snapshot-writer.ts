import { assert, RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { viewOf } from "./bytes.ts";
import type { Disk, DiskFile } from "./disk.ts";
import type { FileHeader } from "./file-header.ts";
import { temporaryName } from "./file-name.ts";
import {
  blockBytes,
  blockChecksum,
  blockHeadBytes,
  encodeSnapshotHead,
  encodeSnapshotTrailer,
  type SnapshotFile,
  snapshotName,
  snapshotSeed,
} from "./snapshot-file.ts";
import type { SnapshotMetadata, SnapshotWriter, StoredSnapshot } from "./snapshot-store.ts";
import { Turns } from "./turns.ts";

/** Whom a writer works for. */
export interface WriterHost {
  readonly disk: Disk;
  /** Does `work`, for which room is made if there is none. */
  lend<T>(work: () => Promise<T>): Promise<T>;
  /** Throws if the store takes no more work. */
  checkOpen(): void;
  /** Ends the store for good, unless `error` is a full disk; returns what to reject with. */
  fail(error: unknown, what: string): RaftError;
  /** The snapshot in `file` is durable and has its name. */
  onStored(file: SnapshotFile): void;
  /** The writer holds nothing any more. */
  onOver(writer: FileSnapshotWriter): void;
}

/**
 * How much is synced at once, so that the log's own syncs never wait for a whole snapshot that the
 * system has gathered.
 */
const syncBytes = 4 * 1024 * 1024;
/**
 * How many blocks are written at once. Each write waits for a thread: with one block a time, a follower
 * that received 1 GiB spent a sixth of its time on handing blocks over.
 */
const groupBlockCount = 4;

/** Writes one snapshot under a temporary name, some blocks at a time. Made by a store. */
export class FileSnapshotWriter implements SnapshotWriter {
  readonly #host: WriterHost;
  readonly #header: FileHeader;
  readonly #metadata: SnapshotMetadata;
  readonly #name: string;
  readonly #temporary: string;
  readonly #seed: number;
  readonly #turns = new Turns();
  /** The blocks that are being filled, one after the other. */
  readonly #blocks = new Uint8Array(groupBlockCount * blockBytes);
  /** Where the block begins that is filled now, and how far they are filled. */
  #blockStart = 0;
  #filled = blockHeadBytes;
  #blockCount = 0;
  #blocksOffset = 0;
  /** The length of the file. */
  #end = 0;
  #syncedEnd = 0;
  #written = 0;
  #checksum = 0;
  #file: DiskFile | undefined;
  /** Whether the temporary name is taken. */
  #isNamed = false;
  /** Why no more calls are taken, once that is so. */
  #over: RaftError | undefined;

  constructor(host: WriterHost, header: FileHeader, metadata: SnapshotMetadata) {
    this.#host = host;
    this.#header = header;
    this.#metadata = metadata;
    this.#name = snapshotName(header.sequence);
    this.#temporary = temporaryName(this.#name);
    this.#seed = snapshotSeed(header);
  }

  get written(): number {
    return this.#written;
  }

  get checksum(): number {
    return this.#checksum;
  }

  /** Makes the file. Comes before all else, and rejects as `write` does. */
  async begin(): Promise<void> {
    await this.#attempt(async () => {
      const { disk } = this.#host;
      this.#file = await this.#host.lend(() => disk.create(this.#temporary));
      this.#isNamed = true;
      const head = encodeSnapshotHead(this.#header, this.#metadata);
      await this.#append(head);
      this.#blocksOffset = head.length;
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    assert(!this.#metadata.external || chunk.length === 0, "an external snapshot has no content");
    await this.#attempt(async () => {
      for (let offset = 0; offset < chunk.length;) {
        const room = this.#blockStart + blockBytes - this.#filled;
        const part = chunk.subarray(offset, offset + room);
        this.#blocks.set(part, this.#filled);
        this.#filled += part.length;
        offset += part.length;
        this.#written += part.length;
        this.#checksum = crc32c(part, this.#checksum);
        if (part.length < room) continue;
        this.#endBlock();
        if (this.#blockStart === this.#blocks.length) await this.#flush();
      }
    });
  }

  async commit(): Promise<StoredSnapshot> {
    return await this.#attempt(async () => {
      if (this.#filled > this.#blockStart + blockHeadBytes) this.#endBlock();
      if (this.#blockStart > 0) await this.#flush();
      const content = { contentBytes: this.#written, checksum: this.#checksum };
      await this.#append(encodeSnapshotTrailer(content, this.#seed));
      await this.#file?.sync();
      await this.#closeFile();
      await this.#rename();
      const stored: StoredSnapshot = { ...this.#metadata, ...content };
      this.#host.onStored({
        name: this.#name,
        sequence: this.#header.sequence,
        size: this.#end,
        blocksOffset: this.#blocksOffset,
        seed: this.#seed,
        stored,
      });
      this.#finish(new RaftError("closed", "the snapshot is stored already"));
      return stored;
    });
  }

  async abort(): Promise<void> {
    await this.#turns.take(async () => {
      if (this.#over !== undefined) return;
      this.#finish(new RaftError("closed", "the snapshot was given up"));
      const failure = await this.#discard();
      if (failure !== undefined) throw failure;
    });
  }

  /** Seals the block that was filled; the next begins after it. */
  #endBlock(): void {
    const block = this.#blocks.subarray(this.#blockStart, this.#filled);
    const checksum = blockChecksum(block.subarray(blockHeadBytes), this.#blockCount, this.#seed);
    viewOf(block).setUint32(0, checksum, true);
    this.#blockCount++;
    this.#blockStart = this.#filled;
    this.#filled += blockHeadBytes;
  }

  /** Writes the blocks that were sealed. */
  async #flush(): Promise<void> {
    await this.#append(this.#blocks.subarray(0, this.#blockStart));
    this.#blockStart = 0;
    this.#filled = blockHeadBytes;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    await this.#host.lend(() => file.write(this.#end, [bytes]));
    this.#end += bytes.length;
    if (this.#end - this.#syncedEnd < syncBytes) return;
    await file.sync();
    this.#syncedEnd = this.#end;
  }

  /** Gives the file, which is whole and synced, its name. */
  async #rename(): Promise<void> {
    const { disk } = this.#host;
    await disk.rename(this.#temporary, this.#name);
    this.#isNamed = false;
    try {
      await disk.syncDirectory();
    } catch (error) {
      // The new name may or may not last: this cannot be undone, so it is not for a second try.
      throw new RaftError("storage_failed", `naming ${this.#name} failed`, { cause: error });
    }
  }

  /** Does `work` when its turn has come, and gives up if it fails. */
  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    return await this.#turns.take(async () => {
      if (this.#over !== undefined) throw this.#over;
      this.#host.checkOpen();
      try {
        return await work();
      } catch (error) {
        const failure = this.#host.fail(error, `writing ${this.#name} failed`);
        this.#finish(failure);
        throw (await this.#discard()) ?? failure;
      }
    });
  }

  #finish(reason: RaftError): void {
    this.#over = reason;
    this.#host.onOver(this);
  }

  /** Frees what was taken. An error here is not a full disk, and replaces the one at hand. */
  async #discard(): Promise<RaftError | undefined> {
    try {
      await this.#closeFile();
      if (this.#isNamed) await this.#host.disk.remove(this.#temporary);
      return undefined;
    } catch (cause) {
      const error = new RaftError("storage_failed", `removing ${this.#temporary} failed`, {
        cause,
      });
      this.#over = this.#host.fail(error, error.message);
      return this.#over;
    }
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
