import { randomFillSync } from "node:crypto";
import type { DurableSnapshots, Entry, MemorySnapshots, StateMachine } from "quorate";
import type { BulkSettings } from "./replica-protocol.ts";

const nothing = new Uint8Array(0);
const chunkBytes = 1 << 20;

/**
 * Counts commands, and has a state of a given length that nothing can compress and nobody holds: its
 * bytes are made while they are read.
 */
export class BulkState implements StateMachine<undefined, number> {
  readonly snapshots: MemorySnapshots | DurableSnapshots;
  readonly #bytes: number;
  readonly #noise = randomFillSync(new Uint8Array(chunkBytes));
  #count = 0;
  #appliedIndex = 0;

  constructor({ kind, bytes }: BulkSettings) {
    this.#bytes = bytes;
    this.snapshots = kind === "memory" ? this.#inMemory() : this.#byItself();
  }

  apply(entries: readonly Entry[]): Uint8Array[] {
    this.#count += entries.length;
    this.#appliedIndex = entries.at(-1)?.index ?? this.#appliedIndex;
    return entries.map(() => nothing);
  }

  query(): number {
    return this.#count;
  }

  #inMemory(): MemorySnapshots {
    return {
      kind: "memory",
      save: () => bulk(this.#noise, this.#bytes),
      restore: (chunks) => passOver(chunks),
    };
  }

  #byItself(): DurableSnapshots {
    return {
      kind: "durable",
      appliedIndex: async () => this.#appliedIndex,
      pin: async () => {
        const [noise, bytes] = [this.#noise, this.#bytes];
        return {
          async *chunks() {
            yield* bulk(noise, bytes);
          },
          release: async () => {},
        };
      },
      restore: async (chunks, index) => {
        await passOver(chunks);
        this.#appliedIndex = index;
      },
    };
  }
}

/** `bytes` bytes: chunks of `noise`, each numbered, so that no two are alike. */
export function* bulk(noise: Uint8Array, bytes: number): Generator<Uint8Array, void> {
  for (let done = 0; done < bytes; done += noise.length) {
    const chunk = noise.slice(0, bytes - done);
    if (chunk.length >= 8) new DataView(chunk.buffer).setFloat64(0, done);
    yield chunk;
  }
}

async function passOver(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.length;
  if (bytes === 0) throw new Error("a bulk state was restored from nothing");
}
