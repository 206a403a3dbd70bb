import { type HeapProfiler, Session } from "node:inspector";

/** What was allocated on the JavaScript heap. */
export interface Allocations {
  /** How many objects; what the compiler allocates in one piece is one. */
  readonly objects: number;
  /** Without the contents of array buffers, which lie elsewhere. */
  readonly bytes: number;
}

/**
 * Counts what this thread allocates on its JavaScript heap, live or garbage: V8's sampling profiler with
 * an interval of one byte samples every allocation. It makes allocating slow, so nothing is timed beside
 * it, and keeps a record of each: some millions at most.
 */
export class AllocationMeter {
  readonly #session = new Session();

  /** Begins to count. */
  constructor() {
    this.#session.connect();
    // Without these, V8 forgets what a collection freed.
    const included = {
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    };
    this.#session.post("HeapProfiler.startSampling", { samplingInterval: 1, ...included }, onError);
  }

  /** Ends the count, and returns it. */
  stop(): Allocations {
    let allocations: Allocations | undefined;
    // Commands to the own thread are carried out, and answered, before `post` returns.
    this.#session.post("HeapProfiler.stopSampling", (error, { profile }) => {
      onError(error);
      const sizes = sampleSizes(profile);
      allocations = { objects: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
    });
    this.#session.disconnect();
    if (allocations === undefined) throw new Error("the profiler did not answer at once");
    return allocations;
  }
}

function onError(error: Error | null): void {
  if (error !== null) throw error;
}

/** The size of each sample of `profile`: V8 gives them, though its types do not tell. */
function sampleSizes(profile: HeapProfiler.SamplingHeapProfile): readonly number[] {
  const samples: unknown = Reflect.get(profile, "samples");
  if (!Array.isArray(samples)) throw new Error("the heap profile holds no samples");
  return samples.map(({ size }: { size?: unknown }) => {
    if (typeof size !== "number") throw new Error("a sample of the heap profile has no size");
    return size;
  });
}
