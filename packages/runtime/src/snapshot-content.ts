import { RaftError } from "@quorate/core";

/** What a state machine gives its state out as. */
export type SnapshotChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Cuts the chunks of a state machine, which may be of any length, into pieces of the length asked for.
 * Of the chunks no more than one is held at a time. Calls must not overlap.
 */
export class SnapshotContent {
  readonly #chunks: SnapshotChunks;
  #iterator: Iterator<Uint8Array> | AsyncIterator<Uint8Array> | undefined;
  /** The chunk that was begun, and how much of it was taken. */
  #chunk: Uint8Array = new Uint8Array(0);
  #takenBytes = 0;
  #isOver = false;

  constructor(chunks: SnapshotChunks) {
    this.#chunks = chunks;
  }

  /**
   * The next `length` bytes, or all that is left if that is less; none at the end. They are the
   * caller's. Rejects with `snapshot_failed` for what the state machine threw, or what is not bytes.
   */
  async take(length: number): Promise<Uint8Array> {
    const piece = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#takenBytes === this.#chunk.length && !(await this.#next())) break;
      const part = this.#chunk.subarray(this.#takenBytes, this.#takenBytes + length - filled);
      piece.set(part, filled);
      filled += part.length;
      this.#takenBytes += part.length;
    }
    return filled < length ? piece.slice(0, filled) : piece;
  }

  /** Reads no further, and lets the state machine know. Rejects with `snapshot_failed`. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await orFailed(async () => this.#iterator?.return?.());
  }

  async #next(): Promise<boolean> {
    if (this.#isOver) return false;
    const result = await orFailed(async () => {
      this.#iterator ??= iteratorOf(this.#chunks);
      return this.#iterator.next();
    });
    if (result.done === true) {
      this.#isOver = true;
      return false;
    }
    if (!(result.value instanceof Uint8Array)) {
      throw new RaftError(
        "snapshot_failed",
        "the state machine gave a chunk that is no Uint8Array",
      );
    }
    this.#chunk = result.value;
    this.#takenBytes = 0;
    return true;
  }
}

function iteratorOf(chunks: SnapshotChunks): Iterator<Uint8Array> | AsyncIterator<Uint8Array> {
  return Symbol.asyncIterator in chunks
    ? chunks[Symbol.asyncIterator]()
    : chunks[Symbol.iterator]();
}

/** What `work` gives; rejects with `snapshot_failed` for whatever the state machine throws in it. */
export async function orFailed<T>(work: () => T | PromiseLike<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw snapshotFailed(error);
  }
}

/** The error of a snapshot that the state machine could not give. */
export function snapshotFailed(error: unknown): RaftError {
  const message = error instanceof Error ? error.message : String(error);
  return new RaftError("snapshot_failed", `the state machine: ${message}`, { cause: error });
}
