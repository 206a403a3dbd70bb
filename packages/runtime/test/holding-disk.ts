import type { Disk, DiskFile } from "@quorate/runtime";

/** A disk whose syncs can be held up, and are counted. */
export class HoldingDisk implements Disk {
  holdsSyncs = false;
  syncCount = 0;
  openFileCount = 0;
  readonly #inner: Disk;
  #held: (() => void)[] = [];

  constructor(inner: Disk) {
    this.#inner = inner;
  }

  /** Lets held syncs go on; later ones are not held. */
  release(): void {
    this.holdsSyncs = false;
    const held = this.#held;
    this.#held = [];
    for (const resume of held) resume();
  }

  list(): Promise<readonly string[]> {
    return this.#inner.list();
  }

  async create(name: string): Promise<DiskFile> {
    return this.#wrap(await this.#inner.create(name));
  }

  async open(name: string): Promise<DiskFile> {
    return this.#wrap(await this.#inner.open(name));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#inner.rename(from, to);
  }

  remove(name: string): Promise<void> {
    return this.#inner.remove(name);
  }

  syncDirectory(): Promise<void> {
    return this.#inner.syncDirectory();
  }

  #wrap(file: DiskFile): DiskFile {
    this.openFileCount++;
    const sync = async (): Promise<void> => {
      this.syncCount++;
      if (this.holdsSyncs) await new Promise<void>((resolve) => this.#held.push(resolve));
      await file.sync();
    };
    return {
      size: () => file.size(),
      read: (offset, length) => file.read(offset, length),
      write: (offset, chunks) => file.write(offset, chunks),
      truncate: (size) => file.truncate(size),
      close: () => {
        this.openFileCount--;
        return file.close();
      },
      sync,
      writeSynced: async (offset, chunks) => {
        await file.write(offset, chunks);
        await sync();
      },
    };
  }
}
