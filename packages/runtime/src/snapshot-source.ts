import { RaftError, type Snapshot } from "@quorate/core";
import type { SnapshotMetadata, SnapshotReader } from "@quorate/wal";
import { crc32c, snapshotIdBytes } from "@quorate/wire";
import type { Random } from "./ports.ts";
import { orFailed, SnapshotContent } from "./snapshot-content.ts";
import type { PinnedState } from "./state-machine.ts";

/** A snapshot that can be sent. Calls of `read` must not overlap. */
export interface SnapshotSource {
  /** Which entry it stands for, and the configuration as of it. */
  readonly snapshot: Snapshot;
  readonly members: Uint8Array;
  /** 16 bytes that stand for this content, byte for byte. */
  readonly id: Uint8Array;
  /** The length of the content; 0 if it is not known beforehand. */
  readonly bytes: number;
  /**
   * The content from `offset` on: `length` bytes, or all that is left if that is less. The bytes are the
   * caller's. Cheap where the last call ended; elsewhere it may have to read all that is before.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The CRC-32C of the whole content. Known once its end was read. */
  readonly checksum: number;
  /** Lets go of it. Called once, when no call is under way. */
  close(): Promise<void>;
}

/** The snapshot that `reader` reads. */
export function storedSource(reader: SnapshotReader): SnapshotSource {
  const { snapshot, members, id, contentBytes, checksum } = reader.stored;
  return {
    snapshot,
    members,
    id,
    bytes: contentBytes,
    checksum,
    read: (offset, length) => reader.read(offset, length),
    close: () => reader.close(),
  };
}

/**
 * A state that a state machine holds fast, as something to send. It can only be read from its beginning:
 * to go back begins anew, and passes over what is not wanted.
 */
export class PinnedSource implements SnapshotSource {
  readonly snapshot: Snapshot;
  readonly members: Uint8Array;
  readonly id: Uint8Array;
  readonly bytes = 0;
  readonly #pinned: PinnedState;
  #content: SnapshotContent | undefined;
  /** How much of the content was read, and its checksum. */
  #position = 0;
  #checksum = 0;

  constructor(metadata: Omit<SnapshotMetadata, "external">, pinned: PinnedState) {
    this.snapshot = metadata.snapshot;
    this.members = metadata.members;
    this.id = metadata.id;
    this.#pinned = pinned;
  }

  get checksum(): number {
    return this.#checksum;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#position) {
      await this.#content?.close();
      this.#content = undefined;
      this.#position = 0;
      this.#checksum = 0;
    }
    this.#content ??= await orFailed(() => new SnapshotContent(this.#pinned.chunks()));
    while (this.#position < offset) {
      const passed = await this.#take(this.#content, Math.min(length, offset - this.#position));
      if (passed.length === 0) {
        throw new RaftError("snapshot_failed", `the pinned state is shorter than ${offset} bytes`);
      }
    }
    return this.#take(this.#content, length);
  }

  async close(): Promise<void> {
    try {
      await this.#content?.close();
    } finally {
      await orFailed(() => this.#pinned.release());
    }
  }

  async #take(content: SnapshotContent, length: number): Promise<Uint8Array> {
    const piece = await content.take(length);
    this.#position += piece.length;
    this.#checksum = crc32c(piece, this.#checksum);
    return piece;
  }
}

/** 16 bytes that no other snapshot has. */
export function newSnapshotId(random: Random): Uint8Array {
  const id = new Uint8Array(snapshotIdBytes);
  for (const offset of id.keys()) id[offset] = random.uint32() & 0xff;
  return id;
}
