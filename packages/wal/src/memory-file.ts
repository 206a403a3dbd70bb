import { sectorBytes } from "./segment.ts";

/** Whether an unsynced sector reached the disk. */
export type SurvivesSector = (sector: number) => boolean;

/** A file as a process sees it, and beside it what of that is durable. */
export class MemoryFile {
  #bytes: Uint8Array = new Uint8Array(0);
  #size = 0;
  #durable: Uint8Array = new Uint8Array(0);
  /** What was written since the last sync, whether that succeeded or failed. */
  #unsyncedSectors = new Set<number>();
  #isSizeUnsynced = false;

  get size(): number {
    return this.#size;
  }

  /** A copy of up to `length` bytes at `offset`; fewer where the file ends. */
  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(offset, Math.min(this.#size, offset + length));
  }

  /** Writes at `offset`; a gap after the end of the file is filled with zeros. */
  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = offset + bytes.length;
    if (end > this.#size) this.truncate(end);
    this.#bytes.set(bytes, offset);
    this.#touch(offset, end);
  }

  /** Makes the file `size` bytes long, with zeros at the end if it grows. */
  truncate(size: number): void {
    if (size === this.#size) return;
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.fill(0, Math.min(size, this.#size), Math.max(size, this.#size));
    this.#touch(Math.min(size, this.#size), size);
    this.#size = size;
    this.#isSizeUnsynced = true;
  }

  /** Makes durable what was written since the last sync, and that alone. */
  sync(): void {
    if (this.#isSizeUnsynced) this.#durable = this.#merged(always, always);
    else this.#mergeInto(this.#durable, always);
    this.failSync();
  }

  /** What is unsynced looks synced from now on, and is not durable: no later sync will write it. */
  failSync(): void {
    this.#unsyncedSectors.clear();
    this.#isSizeUnsynced = false;
  }

  /** The file after the power failed. */
  afterPowerLoss(survives: SurvivesSector, survivesSize: () => boolean): MemoryFile {
    const left = new MemoryFile();
    left.write(0, this.#merged(survives, survivesSize));
    left.sync();
    return left;
  }

  clone(): MemoryFile {
    const copy = new MemoryFile();
    copy.#bytes = this.#bytes.slice();
    copy.#size = this.#size;
    copy.#durable = this.#durable.slice();
    copy.#unsyncedSectors = new Set(this.#unsyncedSectors);
    copy.#isSizeUnsynced = this.#isSizeUnsynced;
    return copy;
  }

  #touch(start: number, end: number): void {
    for (let sector = Math.floor(start / sectorBytes); sector * sectorBytes < end; sector++) {
      this.#unsyncedSectors.add(sector);
    }
  }

  /** The durable bytes, with what survives of the unsynced. */
  #merged(survives: SurvivesSector, survivesSize: () => boolean): Uint8Array {
    const size = this.#isSizeUnsynced && survivesSize() ? this.#size : this.#durable.length;
    const merged = new Uint8Array(size);
    merged.set(this.#durable.subarray(0, size));
    this.#mergeInto(merged, survives);
    return merged;
  }

  #mergeInto(bytes: Uint8Array, survives: SurvivesSector): void {
    for (const sector of this.#unsyncedSectors) {
      const start = sector * sectorBytes;
      const end = Math.min(start + sectorBytes, this.#size, bytes.length);
      if (start < end && survives(sector)) bytes.set(this.#bytes.subarray(start, end), start);
    }
  }
}

function always(): boolean {
  return true;
}
