import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ConfState, LogIndex, NodeId, Term } from "@quorate/core";
import { type DiskFile, newestSnapshotName, type OpenedSnapshot, openSnapshot } from "@quorate/wal";
import { decodeMembers } from "@quorate/wire";
import { openFile } from "./node-disk.ts";
import { ReadOnlyDisk } from "./read-only-disk.ts";
import { storageError, systemCode } from "./storage-error.ts";

/** A member as a snapshot knows it. */
export interface ArchivedMember {
  readonly id: NodeId;
  /** Where it was reached; empty if that was not known. */
  readonly address: string;
  /** How much it should rather lead than others: from 0 to 1000. */
  readonly priority: number;
}

/** What a snapshot is of. */
export interface SnapshotInfo {
  /** The group. */
  readonly clusterId: string;
  /** On whose disk it lay. */
  readonly nodeId: NodeId;
  /** 16 bytes that name this snapshot among all that were ever taken; the same wherever it is stored. */
  readonly id: Uint8Array;
  /** The last entry that it stands for. */
  readonly index: LogIndex;
  readonly term: Term;
  /** Who took part in the group as of that entry. */
  readonly confState: ConfState;
  /** What the group knew of them. */
  readonly members: readonly ArchivedMember[];
  /** The ids of those who were removed. */
  readonly removed: readonly NodeId[];
  /** The length of the state, and its CRC-32C. */
  readonly contentBytes: number;
  readonly checksum: number;
  /** Whether the state machine keeps the state by itself: then there is no content here. */
  readonly external: boolean;
}

/**
 * A snapshot on a file system, open for reading: a copy of the file, or the newest one in the data
 * directory of a node, which may be running. Nothing is changed, and nothing locked.
 */
export interface SnapshotArchive {
  /** The file that is read. */
  readonly path: string;
  /** The length of the file. */
  readonly fileBytes: number;
  readonly info: SnapshotInfo;
  /** The state, in chunks. Rejects with `corrupt` if any of it, or the whole, does not match its checksum. */
  content(): AsyncIterable<Uint8Array>;
  /** The bytes of the file as they are, in chunks: what a copy of it is made of. */
  fileChunks(): AsyncIterable<Uint8Array>;
  /** Lets go of the file. Call it once, when nothing is read any more. */
  close(): Promise<void>;
}

/** How often a directory is looked at again whose snapshot was removed while it was being opened. */
const attemptMax = 5;
/** How much of a file is read at once, in bytes. */
const pieceBytes = 256 * 1024;

/**
 * Opens the snapshot at `path`: a file, or a data directory. Resolves with undefined for a directory
 * without any. Rejects with `corrupt`, `malformed`, `unsupported_version` or `storage_failed`.
 */
export async function openSnapshotArchive(path: string): Promise<SnapshotArchive | undefined> {
  if (!(await isDirectory(path))) return openFileArchive(path);
  // The node that runs there may take another snapshot, and remove the one that was just found.
  for (let attempt = 1; ; attempt++) {
    try {
      const name = await newestSnapshotName(new ReadOnlyDisk(path));
      return name === undefined ? undefined : await openFileArchive(join(path, name));
    } catch (error) {
      const isGone = error instanceof Error && systemCode(error.cause) === "ENOENT";
      if (!isGone || attempt === attemptMax) throw error;
    }
  }
}

class FileArchive implements SnapshotArchive {
  readonly path: string;
  readonly fileBytes: number;
  readonly info: SnapshotInfo;
  readonly #file: DiskFile;
  readonly #opened: OpenedSnapshot;

  constructor(path: string, file: DiskFile, fileBytes: number, opened: OpenedSnapshot) {
    this.path = path;
    this.fileBytes = fileBytes;
    this.info = infoOf(opened);
    this.#file = file;
    this.#opened = opened;
  }

  content(): AsyncIterable<Uint8Array> {
    return this.#opened.reader.chunks();
  }

  async *fileChunks(): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < this.fileBytes;) {
      const bytes = await this.#file.read(offset, Math.min(pieceBytes, this.fileBytes - offset));
      if (bytes.length === 0) throw storageError(`read ${this.path}`, "it has become shorter");
      offset += bytes.length;
      yield bytes;
    }
  }

  async close(): Promise<void> {
    await this.#opened.reader.close();
    await this.#file.close();
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw storageError(`open ${path}`, error);
  }
}

async function openFileArchive(path: string): Promise<SnapshotArchive> {
  const file = await openFile(path, "r", "open");
  try {
    // One descriptor for all reads: the name may be gone before the next is opened.
    const shared: DiskFile = {
      size: () => file.size(),
      read: (offset, length) => file.read(offset, length),
      write: (offset, chunks) => file.write(offset, chunks),
      sync: () => file.sync(),
      writeSynced: (offset, chunks) => file.writeSynced(offset, chunks),
      truncate: (size) => file.truncate(size),
      close: async () => {},
    };
    const opened = await openSnapshot({ open: async () => shared }, path);
    return new FileArchive(path, file, await file.size(), opened);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function infoOf({ identity, reader }: OpenedSnapshot): SnapshotInfo {
  const { snapshot, id, contentBytes, checksum, external, members: bytes } = reader.stored;
  const { index, term, confState } = snapshot;
  const { members, removed } = decodeMembers(bytes);
  return {
    clusterId: identity.clusterId,
    nodeId: identity.nodeId,
    id,
    index,
    term,
    confState,
    members: members.map(({ id: member, address, priority }) => ({
      id: member,
      address,
      priority,
    })),
    removed,
    contentBytes,
    checksum,
    external,
  };
}
