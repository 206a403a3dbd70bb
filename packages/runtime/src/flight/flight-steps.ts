import type { FlightFile } from "./flight-file.ts";
import { type FlightInput, readInput } from "./flight-input.ts";
import { OlderEntries } from "./older-entries.ts";
import { Blanks, TapeReader } from "./tape-reader.ts";

/** What is to be done in one step of a replay. */
export type FlightTask =
  | { readonly kind: "input"; readonly input: FlightInput }
  /** Compare the state with one that was recorded, and that the file holds as `image`. */
  | { readonly kind: "look"; readonly image: Uint8Array };

/** Inputs that follow one another, and the state that they lead to, if it was recorded. */
interface Run {
  readonly inputs: Uint8Array;
  /** Where each input begins. */
  readonly offsets: readonly number[];
  readonly image: Uint8Array | undefined;
}

/**
 * The steps of a file, in order. They are passed over once, so that what is malformed is found before
 * anything is played, and each is read again when it is wanted.
 */
export class FlightSteps {
  readonly older: OlderEntries = new OlderEntries();
  readonly blanks: Blanks = new Blanks();
  readonly count: number;
  readonly #runs: Run[] = [];

  /** Throws `malformed`. */
  constructor({ parts, end }: FlightFile) {
    for (const [place, { inputs }] of parts.entries()) {
      const image = place + 1 < parts.length ? parts[place + 1]?.image : end;
      this.#runs.push({ inputs, offsets: this.#passOver(inputs), image });
    }
    this.count = this.#runs.reduce((sum, run) => sum + lengthOf(run), 0);
  }

  /** What is done after `position` steps, or undefined at the end. */
  at(position: number): FlightTask | undefined {
    let place = position;
    for (const run of this.#runs) {
      const offset = run.offsets[place];
      if (offset !== undefined) return this.#read(run.inputs.subarray(offset));
      if (place < lengthOf(run) && run.image !== undefined) {
        return { kind: "look", image: run.image };
      }
      place -= lengthOf(run);
    }
    return undefined;
  }

  #read(bytes: Uint8Array): FlightTask {
    const tape = new TapeReader(bytes, this.blanks);
    for (;;) {
      const input = readInput(tape, true, new OlderEntries());
      if (input !== undefined) return { kind: "input", input };
    }
  }

  #passOver(inputs: Uint8Array): number[] {
    const tape = new TapeReader(inputs, this.blanks);
    const offsets: number[] = [];
    while (tape.more) {
      const { offset } = tape;
      if (readInput(tape, false, this.older) !== undefined) offsets.push(offset);
    }
    return offsets;
  }
}

function lengthOf({ offsets, image }: Run): number {
  return offsets.length + (image === undefined ? 0 : 1);
}
