/**
 * The disk as the log sees it: one flat directory of files. Every call may fail with a `RaftError`
 * of code `disk_full` or `storage_failed`; anything else an implementation throws is its defect.
 *
 * The assumed model, which the simulated disk exploits to the full: what was written but not synced
 * may be lost, or survive in part, sector by sector (512 bytes, aligned) and in any order; what was
 * synced stays; a name that was created, renamed or removed is durable only after `syncDirectory`.
 * After a failed `sync` nothing is known of the file's unsynced bytes: it is never retried.
 */
export interface Disk {
  /** The names of all files, in no particular order. */
  list(): Promise<readonly string[]>;
  /** Creates an empty file. Fails if the name is taken. */
  create(name: string): Promise<DiskFile>;
  /** Opens an existing file for reading and writing. */
  open(name: string): Promise<DiskFile>;
  /** Gives `from` the name `to`, replacing any file of that name. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. */
  remove(name: string): Promise<void>;
  /** Makes all names durable. */
  syncDirectory(): Promise<void>;
}

/** A disk that is looked at and left as it is. */
export type ReadableDisk = Pick<Disk, "list" | "open">;

/** One open file. Calls on one file are made one at a time. */
export interface DiskFile {
  /** The length of the file, in bytes. */
  size(): Promise<number>;
  /** Reads up to `length` bytes at `offset`; fewer only where the file ends. The result is the caller's. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Writes all of `chunks`, one after the other, at `offset`; the file grows as needed. */
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Makes all that was written durable (data sync). If it fails, the file is lost: close it and stop. */
  sync(): Promise<void>;
  /**
   * As `write` and then `sync`, in one step where the system can; it says nothing of what was written
   * before. If it fails, the file is lost.
   */
  writeSynced(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Cuts the file to `size` bytes. Durable after `sync`. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}
