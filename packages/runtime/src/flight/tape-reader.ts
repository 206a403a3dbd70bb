import { type ConfState, decodeConfState, type EntryId, RaftError } from "@quorate/core";
import { ProtoReader } from "@quorate/wire";

/** What cannot be in a flight record. */
export function malformed(detail: string): RaftError {
  return new RaftError("malformed", `a flight record cannot be read: ${detail}`);
}

/** Commands are as long as the record says, and hold nothing: at most this many bytes each. */
const commandBytesMax = 2 ** 28;

/** What stands in for commands: zeros, as many as the command had bytes. All share one buffer. */
export class Blanks {
  #zeros = new Uint8Array(4096);

  /** A command of `length` zeros. It must never be changed. */
  of(length: number): Uint8Array {
    if (this.#zeros.length < length) this.#zeros = new Uint8Array(length);
    return this.#zeros.subarray(0, length);
  }
}

/** Reads what a `TapeWriter` wrote. Every method throws `malformed` for what cannot be. */
export class TapeReader {
  readonly #bytes: Uint8Array;
  readonly #reader: ProtoReader;
  readonly #blanks: Blanks;

  constructor(bytes: Uint8Array, blanks: Blanks = new Blanks()) {
    this.#bytes = bytes;
    this.#reader = new ProtoReader(bytes);
    this.#blanks = blanks;
  }

  get more(): boolean {
    return this.#reader.more;
  }

  /** Where the next byte is read. */
  get offset(): number {
    return this.#reader.offset;
  }

  /** How many bytes are left. */
  get leftBytes(): number {
    return this.#bytes.length - this.#reader.offset;
  }

  number(): number {
    return this.#reader.number();
  }

  flag(): boolean {
    return this.choice([false, true]);
  }

  /** One of `choices`, by its place. */
  choice<T>(choices: readonly T[]): T {
    const place = this.number();
    const choice = choices[place];
    if (choice === undefined) throw malformed(`${place} stands where there are ${choices.length}`);
    return choice;
  }

  /** The length of a command. */
  length(): number {
    const length = this.number();
    if (length <= commandBytesMax) return length;
    throw malformed(`a command of ${length} bytes`);
  }

  /** What stands in for a command of `length` bytes: see `Blanks`. */
  blank(length: number): Uint8Array {
    return this.#blanks.of(length);
  }

  /** As many as are announced, each read by `read`, which takes at least a byte. */
  list<T>(read: () => T): T[] {
    const count = this.number();
    if (count > this.leftBytes) throw malformed("a list is longer than what is left");
    return Array.from({ length: count }, read);
  }

  /** Bytes: a view, not a copy. */
  bytes(): Uint8Array {
    return this.#reader.bytes();
  }

  id(): EntryId {
    return { term: this.number(), index: this.number() };
  }

  confState(): ConfState {
    return decodeConfState(this.bytes());
  }
}
