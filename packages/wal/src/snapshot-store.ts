import type { Snapshot } from "@quorate/core";

/** What a snapshot is stored with, beside the state itself. */
export interface SnapshotMetadata {
  /** The entry that the snapshot stands for, and the configuration as of it. */
  readonly snapshot: Snapshot;
  /** Who the members are, as of the same entry. Never interpreted here; at most 16 MiB. */
  readonly members: Uint8Array;
  /** 16 bytes that name this snapshot among all that were ever taken; the same wherever it is stored. */
  readonly id: Uint8Array;
  /**
   * Whether the state machine keeps the state by itself: then there is no content here. The snapshot
   * before the first entry has no content either way, since it has no state.
   */
  readonly external: boolean;
}

/** A snapshot that is whole, durable, and has its name. A plain value; it outlives the file. */
export interface StoredSnapshot extends SnapshotMetadata {
  /** The length of the content. */
  readonly contentBytes: number;
  /** The CRC-32C of the whole content; 0 if it has none. */
  readonly checksum: number;
}

/**
 * A snapshot being written, taken here or received. Calls take turns in the order in which they are
 * made; who awaits each bounds what waits. After a call that failed, the half-made file is gone, and
 * each later call but `abort` rejects with the same error.
 */
export interface SnapshotWriter {
  /** How much content was taken so far, in bytes: where a broken receipt goes on. */
  readonly written: number;
  /** The CRC-32C of the content taken so far, to be compared with what the sender says before `commit`. */
  readonly checksum: number;
  /**
   * Adds to the content. `chunk` may be of any length, and is the caller's again when this resolves.
   *
   * Rejects with `disk_full` if there is no room: then all room that the attempt took is free again,
   * and it may be begun anew. Rejects with `storage_failed`, for good and for the whole store, if the
   * disk failed, and with `closed` after `abort`, after `commit`, or when the store is closed.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Ends the content. The snapshot is durable and has its name when it resolves. Rejects as `write`. */
  commit(): Promise<StoredSnapshot>;
  /**
   * Gives up, and removes what was written. Does nothing after `commit`, after a failure, or the second
   * time. Rejects with `storage_failed` if the disk failed.
   */
  abort(): Promise<void>;
}

/** Reads the content of one snapshot. Its file stays until this is closed. Calls take turns. */
export interface SnapshotReader {
  readonly stored: StoredSnapshot;
  /**
   * The content from `offset` on, each byte verified: `lengthMax` bytes of it, or all that is left if
   * that is less; none at the end. The result is the caller's. No more than that is held in memory.
   *
   * Rejects with `corrupt` if the file is damaged, with what the disk rejects with, or with `closed`.
   */
  read(offset: number, lengthMax: number): Promise<Uint8Array>;
  /**
   * All of the content in pieces of at most 1 MiB, for a state machine that is restored. Verifies each
   * piece, and at the end the whole. Rejects as `read` does. Does not close the reader.
   */
  chunks(): AsyncIterable<Uint8Array>;
  /** Lets go of the file. Again, it does nothing. */
  close(): Promise<void>;
}

/**
 * The snapshots of one node, beside its log on the same disk. Made by `openWal`. Several may be written
 * and read at once, while the log takes appends: no two of them share a file.
 *
 * After a failed write or sync the store is dead, as a log is: nothing is tried again, and every later
 * call rejects with the same `storage_failed`. What was stored before may still be read.
 */
export interface SnapshotStore {
  /** The snapshot that counts: the durable one of the highest index, and of several such the last. */
  readonly newest: StoredSnapshot | undefined;
  /** The length of all files of stored snapshots, in bytes. */
  readonly bytes: number;
  /**
   * Begins to write a snapshot. One that is older than `newest` may be written, and changes nothing.
   *
   * Rejects with `invalid_argument` for metadata that cannot be, and as `SnapshotWriter.write` does.
   */
  create(metadata: SnapshotMetadata): Promise<SnapshotWriter>;
  /** Opens the content of `stored`. Rejects with `snapshot_failed` if that was removed, or with `closed`. */
  read(stored: StoredSnapshot): Promise<SnapshotReader>;
  /**
   * Removes all snapshots but the newest and those being read; they go at the next call. Resolves when
   * the removal is durable. Rejects with `storage_failed` or `closed`.
   */
  prune(): Promise<void>;
  /**
   * Waits for what the disk is busy with, and gives up what is being written or read. All calls that wait
   * their turn, or come later, reject with `closed`; but closing again does nothing.
   */
  close(): Promise<void>;
}
