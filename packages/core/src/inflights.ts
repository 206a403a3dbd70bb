import { assert, at } from "./assert.ts";
import type { LogIndex } from "./ids.ts";

/** The bounds of one follower's window. */
export interface InflightLimits {
  readonly countMax: number;
  /** A message that crosses this limit is still taken; the next is not. */
  readonly bytesMax: number;
}

/** One append on the way: where it ends, and the bytes of its entries. */
export interface Inflight {
  readonly lastIndex: LogIndex;
  readonly bytes: number;
}

/**
 * The appends on the way to one follower, oldest first: what bounds how far the leader runs ahead of
 * the acknowledgements (thesis §10.2.1). Acknowledging an index frees every append that ends there
 * or before.
 *
 * Invariants: `lastIndex` grows along the window; `bytes` is the sum over it.
 */
export class Inflights {
  readonly #limits: InflightLimits;
  #window: Inflight[] = [];
  /** The offset in `#window` of the oldest append; those before it are freed. */
  #oldest = 0;
  #bytes = 0;

  constructor(limits: InflightLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#window.length - this.#oldest;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether nothing more may be sent before something is acknowledged. */
  get full(): boolean {
    return this.count >= this.#limits.countMax || this.#bytes >= this.#limits.bytesMax;
  }

  get limits(): InflightLimits {
    return this.#limits;
  }

  /** An equal window that goes its own way from here. */
  copy(): Inflights {
    const copy = new Inflights(this.#limits);
    copy.#window = this.#window.slice(this.#oldest);
    copy.#bytes = this.#bytes;
    return copy;
  }

  /** A window that holds `appends`, oldest first, whatever room it would have had for them. */
  static holding(limits: InflightLimits, appends: readonly Inflight[]): Inflights {
    const made = new Inflights(limits);
    made.#window = [...appends];
    for (const { bytes } of appends) made.#bytes += bytes;
    return made;
  }

  /** The appends on the way, oldest first. */
  get window(): readonly Inflight[] {
    return this.#window.slice(this.#oldest);
  }

  /** Takes note of an append that ends at `lastIndex`. The window must not be full. */
  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.full, "nothing is sent into a full window");
    const newest = this.#window.at(-1);
    assert(newest === undefined || newest.lastIndex < lastIndex, "the window only moves forward");
    this.#window.push({ lastIndex, bytes });
    this.#bytes += bytes;
  }

  /** Frees every append that ends at `index` or before. */
  freeTo(index: LogIndex): void {
    while (this.#oldest < this.#window.length) {
      const inflight = at(this.#window, this.#oldest);
      if (inflight.lastIndex > index) break;
      this.#bytes -= inflight.bytes;
      this.#oldest += 1;
    }
    // Dropping the freed half at a time keeps the cost per append constant.
    if (this.#oldest * 2 >= this.#window.length) {
      this.#window = this.#window.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}
