import { AssertionError } from "@quorate/core";
import type { Disk, DiskFile } from "./disk.ts";
import type { WalIdentity } from "./file-header.ts";
import type { Life } from "./life.ts";
import { isDiskFull } from "./new-file.ts";
import { createSegment, type Segment } from "./segment-file.ts";
import { newSegmentHeader, segmentHeaderBytes, segmentName } from "./segment.ts";

/** A segment and its open file. */
export interface OpenSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
}

/** Whose segments are made, and what ends with an attempt that fails. */
export interface NextSegmentHost {
  readonly disk: Disk;
  readonly identity: WalIdentity;
  readonly incarnation: Uint8Array;
  /** The length of a whole segment. */
  readonly segmentBytes: number;
  /** The life of the log. */
  readonly life: Life;
  /** The number of the segment after the current one. */
  sequence(): number;
}

/** The segment after the current one. At most one is made ahead. */
type Spare =
  | { readonly kind: "none" }
  /** One is being written. `done` never rejects. */
  | { readonly kind: "preparing"; readonly done: Promise<void> }
  | { readonly kind: "ready"; readonly next: OpenSegment };

/** Makes the segment after the current one of a log, ahead of its need or by need. */
export class NextSegment {
  readonly #host: NextSegmentHost;
  #spare: Spare;
  #isShortOfRoom = false;
  /** Whether one is being made for a batch that waits for it. */
  #isMaking = false;

  /** `spare`: the one that is there already. */
  constructor(host: NextSegmentHost, spare: OpenSegment | undefined) {
    this.#host = host;
    this.#spare = spare === undefined ? { kind: "none" } : { kind: "ready", next: spare };
  }

  /** The length of the one that is there, in bytes. */
  get bytes(): number {
    return this.#spare.kind === "ready" ? this.#spare.next.segment.size : 0;
  }

  /** Whether there was no room for a whole one when it was tried last. Then none is made ahead. */
  get isShortOfRoom(): boolean {
    return this.#isShortOfRoom;
  }

  /**
   * The next segment, with room for a batch of `length` bytes. If it `makesDo`, one shorter than usual does
   * where there is no room for a whole one. Rejects with `disk_full`, or kills the log.
   */
  async take(length: number, makesDo: boolean): Promise<OpenSegment> {
    if (this.#spare.kind === "preparing") await this.#spare.done;
    this.#host.life.check();
    const spare = this.#spare.kind === "ready" ? this.#spare.next : undefined;
    if (spare !== undefined && spare.segment.end + length <= spare.segment.size) return spare;

    // None was made ahead, or the batch is too long for it: then the new one takes its name.
    const least = segmentHeaderBytes + length;
    const whole = Math.max(this.#host.segmentBytes, least);
    // A part first, so that a trickle of appends does not make a file for each.
    const part = Math.max(segmentHeaderBytes + (whole >> 4), least);
    const sizes = makesDo ? [whole, part, least] : [whole];
    this.#isMaking = true;
    try {
      const next = await this.#createOneOf(sizes);
      this.#spare = { kind: "ready", next };
      if (spare !== undefined) await this.#close(spare);
      return next;
    } finally {
      this.#isMaking = false;
    }
  }

  /** What `take` gave is the current segment from now on. */
  onTaken(): void {
    this.#spare = { kind: "none" };
  }

  /** Begins to make it once half of `current` is used, so that no append waits for it. */
  maybePrepare(current: Segment): void {
    const isHalfUsed = 2 * (current.end - segmentHeaderBytes) >= current.size - segmentHeaderBytes;
    if (this.#spare.kind === "none" && !this.#isShortOfRoom && isHalfUsed) this.#makeSpare();
  }

  /** Tries again if there was no room. Resolves with whether there is now, as far as any is needed. */
  async prepare(): Promise<boolean> {
    this.#host.life.check();
    const isDue = this.#isShortOfRoom && !this.#isMaking;
    if (this.#spare.kind === "none" && isDue) this.#makeSpare();
    if (this.#spare.kind === "preparing") await this.#spare.done;
    this.#host.life.check();
    return !this.#isShortOfRoom;
  }

  /** Waits for the one being made, and closes it. */
  async close(): Promise<void> {
    if (this.#spare.kind === "preparing") await this.#spare.done;
    const file = this.#spare.kind === "ready" ? this.#spare.next.file : undefined;
    this.#spare = { kind: "none" };
    await file?.close();
  }

  /** Closes the one whose name another took. */
  async #close({ segment, file }: OpenSegment): Promise<void> {
    try {
      await file.close();
    } catch (error) {
      throw this.#host.life.fail(error, `closing ${segment.name} failed`);
    }
  }

  #makeSpare(): void {
    const done = this.#createOneOf([this.#host.segmentBytes]).then(
      (next) => {
        this.#spare = { kind: "ready", next };
      },
      () => {
        // A full disk is told to the append that needs the room; any other error has killed the log.
        this.#spare = { kind: "none" };
      },
    );
    this.#spare = { kind: "preparing", done };
  }

  /** Writes it in the first of `sizes` that there is room for. */
  async #createOneOf(sizes: readonly number[]): Promise<OpenSegment> {
    for (const [place, size] of sizes.entries()) {
      try {
        const next = await this.#create(size);
        this.#isShortOfRoom = place > 0;
        return next;
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        this.#isShortOfRoom = true;
        if (place === sizes.length - 1) throw error;
      }
    }
    throw new AssertionError("there is a size to try");
  }

  async #create(size: number): Promise<OpenSegment> {
    const { disk, identity, incarnation, life } = this.#host;
    const sequence = this.#host.sequence();
    try {
      return await createSegment(disk, newSegmentHeader(identity, incarnation, sequence), size);
    } catch (error) {
      if (isDiskFull(error)) throw error;
      throw life.fail(error, `creating ${segmentName(sequence)} failed`);
    }
  }
}
