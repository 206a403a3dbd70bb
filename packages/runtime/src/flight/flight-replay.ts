import {
  describeReady,
  describeStatus,
  RaftError,
  RaftNode,
  type Ready,
  type Status,
} from "@quorate/core";
import { decodeFlight, failureText, type FlightFile } from "./flight-file.ts";
import { describeInput } from "./flight-input.ts";
import { FlightSteps, type FlightTask } from "./flight-steps.ts";
import { encodeImage, fromOf, readImage } from "./image-code.ts";
import { playInput } from "./play-input.ts";
import { malformed, TapeReader } from "./tape-reader.ts";

/** What came of one step of a replay. */
export interface FlightStep {
  /** Counts the steps, from 1. */
  readonly number: number;
  /** What the core was told, as one line. */
  readonly input: string;
  /** What came of it, as one line: why it was refused, or what a Ready asks for. May be empty. */
  readonly result: string;
  /** The state after it. */
  readonly status: Status;
}

/** How a replay came out. */
export type FlightVerdict =
  /** It has not come to its end yet. */
  | { readonly kind: "under way" }
  /** It ended in the very state that was recorded. */
  | { readonly kind: "same" }
  /** It did not do what was recorded, at `step` for the first time. */
  | { readonly kind: "differs"; readonly step: number; readonly detail: string }
  /** The core failed at `step`, or refused there what it must not: that was the end of the replica. */
  | { readonly kind: "failed"; readonly step: number; readonly failure: string }
  /** The recorded replica failed, and this core does not: the cause lies elsewhere, or is mended here. */
  | { readonly kind: "failed-elsewhere" };

/** All that changes from step to step. */
interface Moment {
  readonly position: number;
  readonly node: RaftNode;
  readonly ready: Ready | undefined;
  readonly verdict: FlightVerdict;
}

/** What came of a step. */
interface Outcome {
  readonly refusal?: RaftError | undefined;
  /** A Ready that was handed out by it. */
  readonly ready?: Ready | undefined;
}

/** How many moments are kept to go back to, and how many entries their logs may have in all. */
const momentCountMax = 64;
const momentEntryCountMax = 2 ** 24;
/** The longest log that is played, in entries, and after how many new ones that is looked at. */
const logCountMax = 2 ** 23;
const lookEveryCount = 2 ** 20;
/** How much room is tried first for a state, in bytes. */
const imageBytes = 4096;

/**
 * Plays what a replica kept of what its core was told: the same core, told the same, step by step, forward
 * and back. Commands are as long as they were, and hold zeros.
 */
export class FlightReplay {
  readonly #file: FlightFile;
  readonly #steps: FlightSteps;
  readonly #moments: Moment[] = [];
  readonly #everyCount: number;
  #node: RaftNode;
  #position = 0;
  #ready: Ready | undefined;
  #verdict: FlightVerdict = { kind: "under way" };
  #lookedIndex = 0;

  /**
   * Of the file `bytes`, at its beginning. Throws `malformed`, `corrupt` where a checksum differs, or
   * `unsupported_version`.
   */
  constructor(bytes: Uint8Array) {
    this.#file = decodeFlight(bytes);
    this.#steps = new FlightSteps(this.#file);
    const [first] = this.#file.parts;
    if (first === undefined) throw malformed("nothing was kept, so there is nothing to play");
    const { blanks, older } = this.#steps;
    const image = readImage(new TapeReader(first.image, blanks), older);
    const fitting = Math.floor(momentEntryCountMax / (image.log.entries.length + 1));
    const momentCount = Math.max(2, Math.min(momentCountMax, fitting));
    this.#everyCount = Math.max(64, Math.ceil(this.#steps.count / momentCount));
    this.#node = RaftNode.fromImage(image);
    this.#keep();
    if (this.stepCount === 0) this.#conclude();
  }

  /** How many steps there are. After a failure no more are taken. */
  get stepCount(): number {
    return this.#steps.count;
  }

  /** How many steps lead here from the beginning. */
  get position(): number {
    return this.#position;
  }

  get verdict(): FlightVerdict {
    return this.#verdict;
  }

  /** How the recorded replica failed, if it did. */
  get recordedFailure(): string | undefined {
    return this.#file.failure;
  }

  /** The state of the node, now. */
  status(): Status {
    return this.#node.status();
  }

  /** The state as text: the node as a line, and one more for each follower of a leader. */
  describe(): string {
    return describeStatus(this.status());
  }

  /** See `RaftNode.fingerprint`. Of commands it has only how long they are: nothing else is known of them. */
  fingerprint(): string {
    return this.#node.fingerprint({ commandsByLength: true });
  }

  /** Takes the next step and says what came of it; undefined at the end, or after a failure. */
  next(): FlightStep | undefined {
    const task = this.#steps.at(this.#position);
    if (task === undefined || this.#verdict.kind === "failed") return undefined;
    const input = task.kind === "look" ? "look at the recorded state" : describeInput(task.input);
    const result = this.#resultOf(this.#take(task));
    return { number: this.#position, input, result, status: this.status() };
  }

  /** Goes to where `position` steps were taken, forward or back; not beyond the end, or a failure. */
  goTo(position: number): void {
    if (position < this.#position) this.#restore(position);
    while (this.#position < position && this.#verdict.kind !== "failed") {
      const task = this.#steps.at(this.#position);
      if (task === undefined) return;
      this.#take(task);
    }
  }

  #take(task: FlightTask): Outcome {
    this.#position += 1;
    const outcome = this.#attempt(task);
    if (this.#position === this.stepCount) this.#conclude(outcome.refusal);
    if (this.#position % this.#everyCount === 0) this.#keep();
    return outcome;
  }

  #attempt(task: FlightTask): Outcome {
    try {
      return this.#do(task);
    } catch (error) {
      this.#verdict = { kind: "failed", step: this.#position, failure: textOf(error) };
      return {};
    }
  }

  #do(task: FlightTask): Outcome {
    if (task.kind === "look") {
      if (!this.#isAs(task.image)) this.#differs("the state is not the one that was recorded");
      return {};
    }
    const { ready, refusal, difference } = playInput(this.#node, this.#ready, task.input);
    this.#ready = ready;
    if (difference !== undefined) this.#differs(difference);
    this.#checkLength();
    return { refusal, ready: task.input.kind === "ready" ? ready : undefined };
  }

  /** Whether the node is in the state that `image` tells. */
  #isAs(image: Uint8Array): boolean {
    const own = encodeImage(this.#node.image(fromOf(image)), imageBytes);
    return own.length === image.length && own.every((byte, offset) => byte === image[offset]);
  }

  /** A log that no replica has would take all memory. */
  #checkLength(): void {
    const { lastIndex } = this.#node;
    if (lastIndex < this.#lookedIndex + lookEveryCount) return;
    this.#lookedIndex = lastIndex;
    const count = lastIndex - this.status().firstIndex;
    if (count <= logCountMax) return;
    throw new RaftError("too_large", `a log of ${count} entries is too long to be played`);
  }

  #differs(detail: string): void {
    if (this.#verdict.kind === "differs") return;
    this.#verdict = { kind: "differs", step: this.#position, detail };
  }

  /** What the end of the record means. */
  #conclude(refusal?: RaftError): void {
    if (this.#verdict.kind !== "under way") return;
    const recorded = this.recordedFailure;
    const failure = refusal && textOf(refusal);
    if (recorded === undefined) {
      this.#verdict = { kind: "same" };
    } else if (failure === recorded) {
      this.#verdict = { kind: "failed", step: this.#position, failure };
    } else {
      this.#verdict = { kind: "failed-elsewhere" };
    }
  }

  #resultOf({ refusal, ready }: Outcome): string {
    const verdict = this.#verdict;
    const isNews = "step" in verdict && verdict.step === this.#position;
    return [
      refusal === undefined ? "" : `refused: ${refusal.message}`,
      ready === undefined ? "" : `${ready.number}: ${describeReady(ready).replaceAll("\n", "; ")}`,
      isNews && verdict.kind === "differs" ? `differs: ${verdict.detail}` : "",
      isNews && verdict.kind === "failed" ? `failed: ${verdict.failure}` : "",
    ]
      .filter((text) => text !== "")
      .join("; ");
  }

  #keep(): void {
    const position = this.#position;
    if (this.#moments.some((moment) => moment.position === position)) return;
    if (this.#verdict.kind === "failed") return;
    const [ready, verdict] = [this.#ready, this.#verdict];
    this.#moments.push({ position, node: this.#node.copy(), ready, verdict });
  }

  /** Goes back to the last moment that was kept at or before `position`. */
  #restore(position: number): void {
    const moment = this.#moments.findLast((each) => each.position <= Math.max(0, position));
    if (moment === undefined) return;
    this.#position = moment.position;
    this.#node = moment.node.copy();
    this.#ready = moment.ready;
    this.#verdict = moment.verdict;
    this.#lookedIndex = 0;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? failureText(error) : String(error);
}
