import { RaftError } from "@quorate/core";
import { logRemedy } from "./damage.ts";
import type { Disk, ReadableDisk } from "./disk.ts";
import { divergenceMarkName } from "./divergence-mark.ts";
import { checkFileHeader, type WalIdentity } from "./file-header.ts";
import { parseFileName } from "./file-name.ts";
import { Life } from "./life.ts";
import { isDiskFull } from "./new-file.ts";
import type { Reserve } from "./reserve.ts";
import {
  metadataFlaw,
  readSnapshotFile,
  type SnapshotFile,
  snapshotKind,
} from "./snapshot-file.ts";
import { FileSnapshotReader } from "./snapshot-reader.ts";
import type {
  SnapshotMetadata,
  SnapshotReader,
  SnapshotStore,
  SnapshotWriter,
  StoredSnapshot,
} from "./snapshot-store.ts";
import { FileSnapshotWriter, type WriterHost } from "./snapshot-writer.ts";
import { Turns } from "./turns.ts";
import { withFile } from "./with-file.ts";

/** The snapshots as they were found. Nothing was changed yet. */
export interface FoundSnapshots {
  readonly files: readonly SnapshotFile[];
  /** The names of those half-made. */
  readonly temporaries: readonly string[];
  /** Whether the disk is marked: see `markDiverged`. */
  readonly isMarked: boolean;
}

/** Whose snapshots these are. */
export interface StoreOwner {
  readonly identity: WalIdentity;
  readonly incarnation: Uint8Array;
}

/**
 * Reads all of the snapshots on `disk` but their content, without changing anything. Without an
 * incarnation, there is no log: then those of any are taken.
 *
 * Throws `corrupt`, `wrong_identity`, `unsupported_version`, or what the disk throws.
 */
export async function findSnapshots(
  disk: ReadableDisk,
  identity: WalIdentity,
  incarnation: Uint8Array | undefined,
): Promise<FoundSnapshots> {
  const files: SnapshotFile[] = [];
  const temporaries: string[] = [];
  let isMarked = false;
  for (const name of await disk.list()) {
    isMarked ||= name === divergenceMarkName;
    const parsed = parseFileName(name);
    if (parsed?.kind !== "snap") continue;
    if (parsed.isTemporary) {
      temporaries.push(name);
      continue;
    }
    const owner = { identity, incarnation };
    files.push(await findSnapshot(disk, { name, sequence: parsed.sequence }, owner));
  }
  return { files, temporaries, isMarked };
}

/**
 * Reads all of the snapshot `name` but its content. Without an identity or an incarnation, those of any
 * are taken. Throws as `findSnapshots` does.
 */
export async function findSnapshot(
  disk: Pick<ReadableDisk, "open">,
  { name, sequence }: Pick<SnapshotFile, "name" | "sequence">,
  {
    identity,
    incarnation,
  }: { readonly [Field in keyof StoreOwner]: StoreOwner[Field] | undefined },
): Promise<SnapshotFile> {
  return await withFile(disk, name, async (file) => {
    const { header, found } = await readSnapshotFile(file, name);
    checkFileHeader(snapshotKind, header, name, {
      identity: identity ?? header.identity,
      incarnation: incarnation ?? header.incarnation,
      sequence,
    });
    return found;
  });
}

/** The one of `files` that counts: of the highest index, and of several such the last. */
export function newestOf(files: readonly SnapshotFile[]): SnapshotFile | undefined {
  return files.reduce<SnapshotFile | undefined>((best, file) => {
    if (best === undefined) return file;
    const ahead = file.stored.snapshot.index - best.stored.snapshot.index;
    return ahead > 0 || (ahead === 0 && file.sequence > best.sequence) ? file : best;
  }, undefined);
}

/** The snapshots of one node, as files of its log's disk. Made by `openWal`. */
export class DiskSnapshotStore implements SnapshotStore {
  readonly #disk: Disk;
  readonly #owner: StoreOwner;
  readonly #reserve: Pick<Reserve, "lend">;
  #files: readonly SnapshotFile[];
  #nextSequence: number;
  readonly #writers = new Set<FileSnapshotWriter>();
  readonly #readers = new Map<FileSnapshotReader, SnapshotFile>();
  readonly #removals = new Turns();
  readonly #life = new Life("the store of snapshots");

  /** Takes over the files that were found, whose half-made ones are gone. Snapshots may use the reserve. */
  constructor(
    disk: Disk,
    owner: StoreOwner,
    files: readonly SnapshotFile[],
    reserve: Pick<Reserve, "lend">,
  ) {
    this.#disk = disk;
    this.#owner = owner;
    this.#reserve = reserve;
    this.#files = files;
    this.#nextSequence = Math.max(0, ...files.map(({ sequence }) => sequence)) + 1;
  }

  get newest(): StoredSnapshot | undefined {
    return newestOf(this.#files)?.stored;
  }

  get bytes(): number {
    return this.#files.reduce((sum, { size }) => sum + size, 0);
  }

  async create(metadata: SnapshotMetadata): Promise<SnapshotWriter> {
    this.#life.check();
    const flaw = metadataFlaw(metadata);
    if (flaw !== undefined) throw new RaftError("invalid_argument", flaw);
    const { snapshot, external } = metadata;
    const kept = { snapshot, members: metadata.members.slice(), id: metadata.id.slice(), external };
    const header = { ...this.#owner, sequence: this.#nextSequence++, mark: kept.id };
    const writer = new FileSnapshotWriter(this.#writerHost(), header, kept);
    this.#writers.add(writer);
    await writer.begin();
    return writer;
  }

  async read(stored: StoredSnapshot): Promise<SnapshotReader> {
    if (this.#life.isClosed) throw this.#life.closed();
    const place = this.#files.find((file) => file.stored === stored);
    if (place === undefined) {
      const { term, index } = stored.snapshot;
      throw new RaftError("snapshot_failed", `the snapshot of ${term}/${index} was removed`);
    }
    const reader = new FileSnapshotReader(this.#disk, place, {
      remedy: logRemedy,
      onClosed: () => this.#readers.delete(reader),
    });
    this.#readers.set(reader, place);
    await reader.begin();
    return reader;
  }

  async prune(): Promise<void> {
    await this.#removals.take(async () => {
      this.#life.check();
      const kept = new Set([newestOf(this.#files), ...this.#readers.values()]);
      const removed = this.#files.filter((file) => !kept.has(file));
      if (removed.length === 0) return;
      // From here on nobody can open them.
      this.#files = this.#files.filter((file) => kept.has(file));
      try {
        for (const { name } of removed) await this.#disk.remove(name);
        await this.#disk.syncDirectory();
      } catch (error) {
        throw this.#life.fail(error, "removing snapshots failed");
      }
    });
  }

  async close(): Promise<void> {
    if (this.#life.isClosed) return;
    this.#life.close();
    const ends = [
      ...[...this.#writers].map(async (writer) => await writer.abort()),
      ...[...this.#readers.keys()].map(async (reader) => await reader.close()),
      this.#removals.take(async () => {}),
    ];
    const failed = (await Promise.allSettled(ends)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  #writerHost(): WriterHost {
    return {
      disk: this.#disk,
      lend: (work) => this.#reserve.lend(work),
      checkOpen: () => this.#life.check(),
      fail: (error, what) => {
        return isDiskFull(error) ? error : this.#life.fail(error, what);
      },
      onStored: (file) => {
        this.#files = [...this.#files, file];
      },
      onOver: (writer) => {
        this.#writers.delete(writer);
      },
    };
  }
}
