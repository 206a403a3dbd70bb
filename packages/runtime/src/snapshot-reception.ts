import { assert, RaftError } from "@quorate/core";
import type { SnapshotMetadata, SnapshotStore, SnapshotWriter, StoredSnapshot } from "@quorate/wal";
import type { SnapshotChunk } from "@quorate/wire";

/** What a reception works for. After `discard` it hears nothing more. */
export interface SnapshotReceptionHost {
  /** How many bytes may wait for the disk; a single chunk always may. */
  readonly windowBytes: number;
  /** The reception can take chunks. */
  onOpened(): void;
  /** `receivedBytes` grew. */
  onWritten(): void;
  /** The snapshot is whole, verified, and durable. */
  onStored(stored: StoredSnapshot): void;
  /** It cannot be received; `corrupt` if it is not what was announced. What was written is gone. */
  onFailed(error: unknown): void;
  /** Runs `work` as an event of its own. */
  resume(work: () => void): void;
}

/** What a reception still does. */
type Phase =
  /** The file is being made. */
  | "opening"
  | "receiving"
  /** All is there; it is being verified and made durable. */
  | "ending"
  | "over";

/**
 * One snapshot on its way from another node to the disk. Takes the chunks in order, from the first byte
 * on without a hole, and each byte once; who sends, and how often the connection breaks, is all the same.
 */
export class SnapshotReception {
  readonly metadata: SnapshotMetadata;
  /** How long the content is to be; 0 if that is not known. */
  readonly #bytes: number;
  readonly #host: SnapshotReceptionHost;
  #phase: Phase = "opening";
  #writer: SnapshotWriter | undefined;
  /** What is on the disk, and what was taken. Invariant: received ≤ taken. */
  #receivedBytes = 0;
  #takenBytes = 0;
  readonly #opening: Promise<void>;
  #isDiscarded = false;

  /** Begins at once. */
  constructor(
    store: SnapshotStore,
    metadata: SnapshotMetadata,
    bytes: number,
    host: SnapshotReceptionHost,
  ) {
    this.metadata = metadata;
    this.#bytes = bytes;
    this.#host = host;
    this.#opening = store.create(metadata).then(
      (writer) => {
        this.#writer = writer;
        host.resume(() => this.#onOpened());
      },
      (error: unknown) => host.resume(() => this.#fail(error)),
    );
  }

  /** How much of the content is written, in bytes from the first. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Whether chunks can be taken, or all were. */
  get isOpen(): boolean {
    return this.#phase !== "opening";
  }

  /** Whether all is there, so that nothing more is needed of the sender. */
  get isEnding(): boolean {
    return this.#phase === "ending";
  }

  /** Takes a chunk; passes over what it has already, and over chunks after a hole or beyond the window. */
  take(chunk: SnapshotChunk): void {
    const writer = this.#writer;
    if (writer === undefined || this.#phase !== "receiving") return;
    const known = this.#takenBytes - chunk.offset;
    if (known < 0 || known > chunk.data.length) return;
    const data = known === 0 ? chunk.data : chunk.data.subarray(known);
    const waiting = this.#takenBytes - this.#receivedBytes;
    if (waiting > 0 && waiting + data.length > this.#host.windowBytes) return;
    this.#takenBytes += data.length;
    const isWrong = chunk.last
      ? this.#bytes !== 0 && this.#takenBytes !== this.#bytes
      : this.#bytes !== 0 && this.#takenBytes > this.#bytes;
    if (isWrong) {
      this.#refuse(`a snapshot of ${this.#bytes} bytes has ${this.#takenBytes}`);
      return;
    }
    if (chunk.last) this.#phase = "ending";
    writer.write(data).then(
      () => this.#host.resume(() => this.#onWritten(writer, data.length, chunk)),
      (error: unknown) => this.#host.resume(() => this.#fail(error)),
    );
  }

  /** Gives up and removes what was written; what is being made durable becomes so first. */
  async discard(): Promise<void> {
    this.#isDiscarded = true;
    this.#phase = "over";
    await this.#remove();
  }

  #onOpened(): void {
    if (this.#phase !== "opening") return;
    this.#phase = "receiving";
    this.#host.onOpened();
  }

  #onWritten(writer: SnapshotWriter, bytes: number, chunk: SnapshotChunk): void {
    if (this.#phase === "over") return;
    this.#receivedBytes += bytes;
    assert(this.#receivedBytes <= this.#takenBytes, "what is written was taken");
    this.#host.onWritten();
    if (!chunk.last || this.#phase !== "ending") return;
    if (writer.checksum !== chunk.checksum) {
      this.#refuse("a snapshot does not match its checksum");
      return;
    }
    writer.commit().then(
      (stored) => this.#host.resume(() => this.#onStored(stored)),
      (error: unknown) => this.#host.resume(() => this.#fail(error)),
    );
  }

  #onStored(stored: StoredSnapshot): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#host.onStored(stored);
  }

  /** What came is not what was announced. It is gone before anybody hears of it. */
  #refuse(detail: string): void {
    this.#phase = "over";
    const tell = (error: unknown): void =>
      this.#host.resume(() => {
        if (!this.#isDiscarded) this.#host.onFailed(error);
      });
    const refusal = new RaftError("corrupt", detail);
    this.#remove().then(() => tell(refusal), tell);
  }

  #fail(error: unknown): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#host.onFailed(error);
  }

  async #remove(): Promise<void> {
    await this.#opening;
    await this.#writer?.abort();
  }
}
