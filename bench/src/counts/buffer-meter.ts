import { GCProfiler } from "node:v8";

/**
 * Counts the bytes of array buffers that this process allocates, live or garbage. It works as long as
 * nothing is collected: the process needs `collectionFlags`.
 */
export class BufferMeter {
  readonly #collections = new GCProfiler();
  readonly #before: number;

  /** Begins to count. */
  constructor() {
    if (globalThis.gc === undefined) throw new Error("node was started without --expose-gc");
    // What the first one frees is only subtracted when the next one begins.
    globalThis.gc();
    globalThis.gc();
    this.#collections.start();
    this.#before = process.memoryUsage().arrayBuffers;
  }

  /** Ends the count, and returns it. Throws if something was collected. */
  stop(): number {
    const bytes = process.memoryUsage().arrayBuffers - this.#before;
    const { length } = this.#collections.stop().statistics;
    if (length > 0) {
      throw new Error(`${length} collections fell into the count: count less at once`);
    }
    return bytes;
  }
}

/** With these flags node collects nothing for a while, unless it is told to. */
export const collectionFlags: readonly string[] = [
  "--expose-gc",
  "--min-semi-space-size=256",
  "--max-semi-space-size=256",
];
