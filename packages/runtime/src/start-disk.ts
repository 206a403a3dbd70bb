import { checkWanted } from "./abort-signal.ts";
import type { Disk, DiskFile } from "./ports.ts";
import type { AbortSignalLike } from "./replica.ts";

/**
 * The disk of a replica that is being started. What takes long then is reading, of which nothing is left
 * behind: so once the start is aborted, reads are refused as `aborted`, and all that writes goes on to its
 * end.
 */
export class StartDisk implements Disk {
  readonly #disk: Disk;
  readonly #signal: AbortSignalLike | undefined;
  /** How many things that must not be left half-done are under way. */
  #unbrokenCount = 0;
  #isReleased = false;

  constructor(disk: Disk, signal: AbortSignalLike | undefined) {
    this.#disk = disk;
    this.#signal = signal;
  }

  /** Does `work`, which writes what it reads: none of its reads is refused. */
  async unbroken<T>(work: () => Promise<T>): Promise<T> {
    this.#unbrokenCount++;
    try {
      return await work();
    } finally {
      this.#unbrokenCount--;
    }
  }

  /** Refuses nothing any more: the replica has started. */
  release(): void {
    this.#isReleased = true;
  }

  list(): Promise<readonly string[]> {
    return this.#disk.list();
  }

  create(name: string): Promise<DiskFile> {
    return this.#disk.create(name);
  }

  open(name: string): Promise<DiskFile> {
    const opening = this.#disk.open(name);
    if (this.#signal === undefined || this.#isReleased) return opening;
    return opening.then((file) => this.#watched(file));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(name: string): Promise<void> {
    return this.#disk.remove(name);
  }

  syncDirectory(): Promise<void> {
    return this.#disk.syncDirectory();
  }

  #watched(file: DiskFile): DiskFile {
    return {
      read: async (offset, length) => {
        if (!this.#isReleased && this.#unbrokenCount === 0) checkWanted(this.#signal);
        return await file.read(offset, length);
      },
      size: () => file.size(),
      write: (offset, chunks) => file.write(offset, chunks),
      sync: () => file.sync(),
      writeSynced: (offset, chunks) => file.writeSynced(offset, chunks),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  }
}
