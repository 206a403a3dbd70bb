import {
  type ConfChange,
  emptyConfState,
  encodeConfChange,
  type Entry,
  type LogIndex,
  type Message,
  type NodeId,
  type RaftNode,
  type Ready,
  type Snapshot,
} from "@quorate/core";
import { encodeSnapshot } from "@quorate/wire";
import { writeEntries } from "./entry-code.ts";
import { encodeFlight, type FlightPart } from "./flight-file.ts";
import { encodeImage, writeImage } from "./image-code.ts";
import { codes } from "./input-code.ts";
import { writeMessage } from "./message-code.ts";
import { digestOf } from "./ready-digest.ts";
import { numberBytesMax, paddedBytes, paddedMax, TapeWriter } from "./tape-writer.ts";

/** The most that an input takes which is only numbers, with room behind it for an `accept`. */
const shortBytesMax = 8 * numberBytesMax;
/** The room that is kept behind every input, so that a Ready and its `accept` are never parted. */
const spareBytes = 2 * numberBytesMax;
/** After so many inputs a state that took too much room is looked at again. */
const restCountMax = 65_536;

/** One half of the ring: a state, and the inputs that followed. */
interface Half {
  readonly tape: TapeWriter;
  /** How many bytes the state takes. */
  readonly imageBytes: number;
}

/**
 * Keeps what a core was told of late, in a ring of two halves: when one is full, the other is written
 * again. Each begins with the whole state of the core, so that it can be played from there; and so the ring
 * always holds at least half its size, unless the core has told too little to fill it.
 *
 *     ┌ state ─ inputs ──────────────┐ ┌ state ─ inputs ──► ┐
 *
 * An input is noted before the core is told, so that the last one is there whatever comes of it. Nothing
 * is allocated for one. Where a state takes more than half of its half, or an input more room than there
 * is, nothing is kept until that has passed.
 */
export class FlightRecorder {
  readonly #node: Pick<RaftNode, "image" | "lastIndex">;
  readonly #halfBytes: number;
  /** How many of the newest entries a state tells one by one. */
  readonly #tailCount: number;
  #current: Half | undefined;
  #previous: Half | undefined;
  /** Where the log begins to be told; it only goes forward, so that what was told once need not be again. */
  #from: LogIndex = 1;
  /** How many inputs are let pass before a state is written again. */
  #restCount = 0;
  /** Whether a Ready was handed out that is not accepted: a state would not hold it. */
  #isOffered = false;
  /** The newest input, if it is of commands: where it ends, how long they are, and how many. */
  #runEnd = -1;
  #runLength = 0;
  #runCount = 0;

  /** For `node`, with `bytes` of memory in all. */
  constructor(node: Pick<RaftNode, "image" | "lastIndex">, bytes: number) {
    this.#node = node;
    this.#halfBytes = Math.floor(bytes / 2);
    this.#tailCount = Math.ceil(this.#halfBytes / 32);
  }

  /** Entries before this one are only told by their terms: those that are sent must be told apart. */
  get from(): LogIndex {
    return this.#from;
  }

  /** Notes an input that says nothing more than which it is. */
  plain(code: number): void {
    this.#room()?.number(code);
  }

  /** Notes an input that is told one number. */
  numbered(code: number, value: number): void {
    const tape = this.#room();
    tape?.number(code);
    tape?.number(value);
  }

  /** Notes a command of `length` bytes. Equal ones in a row are one input. */
  propose(length: number): void {
    const tape = this.#room();
    if (tape === undefined) return;
    if (tape.offset === this.#runEnd && this.#runLength === length && this.#runCount < paddedMax) {
      this.#runCount += 1;
    } else {
      tape.number(codes.propose);
      tape.number(length);
      tape.offset += paddedBytes;
      this.#runEnd = tape.offset;
      this.#runLength = length;
      this.#runCount = 1;
    }
    tape.padded(this.#runEnd - paddedBytes, this.#runCount);
  }

  step(message: Message): void {
    this.#long(writeStep, message);
  }

  proposeChange(change: ConfChange): void {
    this.#long(writeChange, change);
  }

  reportSnapshot(peer: NodeId, ok: boolean): void {
    const tape = this.#room();
    tape?.number(codes.reportSnapshot);
    tape?.number(peer);
    tape?.flag(ok);
  }

  compact(snapshot: Snapshot, index: LogIndex): void {
    this.#long(writeCompact, { snapshot, index });
  }

  /** Notes that a Ready is asked for. */
  ready(): void {
    this.plain(codes.ready);
    this.#isOffered = true;
  }

  /** Notes that `ready` is to be accepted. */
  accept(ready: Ready): void {
    const tape = this.#current?.tape;
    tape?.number(codes.accept);
    tape?.number(digestOf(ready));
    if (tape?.fits === false) this.#lose(0);
  }

  /** The newest Ready was accepted. */
  accepted(): void {
    this.#isOffered = false;
  }

  /** Notes how long `entries` are, which an image leaves out. */
  lengths(entries: readonly Entry[]): void {
    this.#long(writeLengths, entries);
  }

  /**
   * All that is kept, as a file: see FORMAT.md. It ends with the state that the core is in now or, once
   * the core has failed, with how: then its state is none to be written down.
   */
  dump(failure: string | undefined): Uint8Array {
    if (this.#current === undefined && failure === undefined) {
      this.#restCount = 0;
      this.#turn();
    }
    const parts = [this.#previous, this.#current].flatMap((half) =>
      half === undefined ? [] : [partOf(half)],
    );
    if (failure !== undefined) return encodeFlight({ parts, end: undefined, failure });
    const end = encodeImage(this.#node.image(this.#from), this.#halfBytes);
    return encodeFlight({ parts, end, failure });
  }

  /** Where the next short input goes; undefined if nothing is kept at present. */
  #room(): TapeWriter | undefined {
    const tape = this.#current?.tape;
    if (tape !== undefined && tape.offset + shortBytesMax <= tape.bytes.length) return tape;
    return this.#turn();
  }

  /** Notes an input whose size shows only when it is written. */
  #long<T>(write: (tape: TapeWriter, value: T) => void, value: T): void {
    let tape = this.#room();
    for (let attempt = 1; tape !== undefined; attempt++) {
      const start = tape.offset;
      write(tape, value);
      if (tape.offset + spareBytes <= tape.bytes.length) return;
      tape.offset = start;
      tape = attempt === 1 ? this.#turn() : this.#lose(0);
    }
  }

  /** Begins a half anew with the state that the core is in. */
  #turn(): TapeWriter | undefined {
    if (this.#restCount > 0) {
      this.#restCount -= 1;
      return undefined;
    }
    if (this.#isOffered) return this.#lose(0);
    const buffer = this.#previous?.tape.bytes ?? new Uint8Array(this.#halfBytes);
    const tape = new TapeWriter(buffer);
    const image = this.#node.image(
      Math.max(this.#from, this.#node.lastIndex - this.#tailCount + 1),
    );
    this.#from = image.log.from;
    writeImage(tape, image);
    if (tape.offset * 2 > this.#halfBytes) return this.#lose(restCountMax);
    this.#previous = this.#current;
    this.#current = { tape, imageBytes: tape.offset };
    this.#runEnd = -1;
    return tape;
  }

  /** Keeps nothing for `restCount` inputs. */
  #lose(restCount: number): undefined {
    this.#previous = undefined;
    this.#current = undefined;
    this.#restCount = restCount;
  }
}

function partOf({ tape, imageBytes }: Half): FlightPart {
  return {
    image: tape.bytes.subarray(0, imageBytes),
    inputs: tape.bytes.subarray(imageBytes, tape.offset),
  };
}

function writeStep(tape: TapeWriter, message: Message): void {
  tape.number(codes.step);
  writeMessage(tape, message);
}

function writeChange(tape: TapeWriter, change: ConfChange): void {
  tape.number(codes.proposeChange);
  // Which configuration it leads to is the core's to find out.
  tape.prefixed(encodeConfChange(change, emptyConfState));
}

function writeCompact(
  tape: TapeWriter,
  { snapshot, index }: { readonly snapshot: Snapshot; readonly index: LogIndex },
): void {
  tape.number(codes.compact);
  tape.prefixed(encodeSnapshot(snapshot));
  tape.number(index);
}

function writeLengths(tape: TapeWriter, entries: readonly Entry[]): void {
  tape.number(codes.lengths);
  tape.number(entries[0]?.index ?? 0);
  writeEntries(tape, entries, Number.MAX_SAFE_INTEGER);
}
