import { RaftError, SeededRandom } from "@quorate/core";
import { viewOf } from "./bytes.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { temporaryName } from "./file-name.ts";
import { isDiskFull, makeFile } from "./new-file.ts";
import { Turns } from "./turns.ts";

/** The file that holds the reserve. */
export const reserveName = "reserve";

/** How much is written and synced at once, so that appends beside it do not wait long. */
const chunkBytes = 1024 * 1024;

/**
 * Room on the disk that is taken and not used: what a log and its snapshots fall back on when the disk is
 * full. With it a snapshot can be stored, after which the log lets go of what is behind it; so a disk that
 * is full of log does not stay so.
 *
 *     whole ──giveUp──► gone ──restore──► whole
 *
 * Calls may overlap. One that is to give it up ends one that is making it.
 */
export class Reserve {
  /** How large it is when it is whole. 0: there is none, and it counts as whole. */
  readonly bytes: number;
  /** Called when it was given up, whoever needed the room. Must not throw. */
  onGivenUp: () => void = () => {};
  readonly #disk: Disk;
  readonly #turns = new Turns();
  #isWhole: boolean;
  /** How many calls are waiting to give it up. */
  #wanted = 0;
  #isClosed = false;

  /** Use `openReserve`, which looks for the file. */
  constructor(disk: Disk, bytes: number, isWhole: boolean) {
    this.#disk = disk;
    this.bytes = bytes;
    this.#isWhole = isWhole;
  }

  /** Whether all of it is there. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /**
   * Gives the room to whoever needs it. Resolves with whether there was any, once it is free. Rejects with
   * what the disk rejects with.
   */
  async giveUp(): Promise<boolean> {
    this.#wanted++;
    try {
      return await this.#turns.take(async () => {
        if (!this.#isWhole || this.bytes === 0 || this.#isClosed) return false;
        this.#isWhole = false;
        await this.#disk.remove(reserveName);
        // Some file systems free the room of a file only when its removal is durable.
        await this.#disk.syncDirectory();
        this.onGivenUp();
        return true;
      });
    } finally {
      this.#wanted--;
    }
  }

  /** Does `work`; if that finds the disk full, gives the reserve up and does it again. */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error) || !(await this.giveUp())) throw error;
      return await work();
    }
  }

  /**
   * Takes the room again, all of it or none. Resolves with whether it is whole; not if there is too little
   * room, or if somebody wants it at once. Rejects with what else the disk rejects with.
   */
  async restore(): Promise<boolean> {
    return await this.#turns.take(async () => {
      if (this.#isWhole || this.#isClosed) return this.#isWhole;
      try {
        const file = await makeFile(this.#disk, reserveName, (made) => this.#fill(made));
        await file.close();
      } catch (error) {
        if (isDiskFull(error)) return false;
        throw error;
      }
      this.#isWhole = true;
      return true;
    });
  }

  /** Makes and gives up nothing more. Resolves when nothing is left running; the room stays as it is. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turns.take(async () => {});
  }

  /** Writes bytes that no file system can make less of. */
  async #fill(file: DiskFile): Promise<void> {
    const chunk = noise(Math.min(this.bytes, chunkBytes));
    for (let offset = 0; offset < this.bytes; offset += chunk.length) {
      if (this.#wanted > 0 || this.#isClosed) {
        throw new RaftError("disk_full", "the room is needed elsewhere");
      }
      await file.write(offset, [chunk.subarray(0, Math.min(chunk.length, this.bytes - offset))]);
      await file.sync();
    }
  }
}

/**
 * Finds the reserve on `disk`; what is half-made, or of another length than `bytes`, is removed. Makes
 * nothing. The caller syncs the directory. Rejects with what the disk rejects with.
 */
export async function openReserve(disk: Disk, bytes: number): Promise<Reserve> {
  const names = await disk.list();
  const temporary = temporaryName(reserveName);
  if (names.includes(temporary)) await disk.remove(temporary);
  if (!names.includes(reserveName)) return new Reserve(disk, bytes, bytes === 0);
  const file = await disk.open(reserveName);
  const found = await file.size();
  await file.close();
  if (found !== bytes) await disk.remove(reserveName);
  return new Reserve(disk, bytes, found === bytes || bytes === 0);
}

/**
 * Does `work` on the disk of a log that is not open; if that finds the disk full, removes what may be there
 * of the reserve and does it again.
 */
export async function lendReserve<T>(disk: Disk, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDiskFull(error) || !(await disk.list()).includes(reserveName)) throw error;
    await disk.remove(reserveName);
    await disk.syncDirectory();
    return await work();
  }
}

/** Bytes without a pattern, the same each time. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  const view = viewOf(bytes);
  const random = new SeededRandom(length);
  for (let offset = 0; offset < bytes.length; offset += 4) view.setUint32(offset, random.uint32());
  return bytes.subarray(0, length);
}
