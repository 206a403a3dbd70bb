import type { LogIndex } from "@quorate/core";
import type { DurableSnapshots, MemorySnapshots, StateMachine } from "@quorate/runtime";
import { digestOf } from "./one-log.ts";
import type { Life, Microseconds, Timeline } from "./timeline.ts";

/** A state, saved, as of an entry of the log. */
interface Kept {
  readonly index: LogIndex;
  readonly chunks: readonly Uint8Array[];
}

const nothing: Kept = { index: 0, chunks: [] };

/** What a state machine that is durable by itself keeps of its node: it outlives processes. */
export class DurableStore {
  /** As of the last command that was applied. */
  written: Kept = nothing;
  /** What is left of it if the power fails now. */
  synced: Kept = nothing;
  /** How many states are held fast. */
  pinCount = 0;

  /** All that was written is durable. */
  sync(): void {
    this.synced = this.written;
  }

  /** The process ended, and with the power what was not synced, unless it `survives`. */
  crash(how: "kill" | "power", survives: boolean): void {
    this.pinCount = 0;
    if (how === "kill") return;
    if (survives) this.synced = this.written;
    else this.written = this.synced;
  }
}

/** What a durable state machine needs to know. */
export interface DurableHost {
  readonly store: DurableStore;
  readonly timeline: Timeline;
  readonly life: Life;
  /** How long a sync takes. */
  readonly syncUs: Microseconds;
  /** Decides what needs no decision: one of `bound`, for the `number`-th time. */
  choose(bound: number, number: number): number;
}

/**
 * The same state machine, but durable by itself: after every batch of commands it writes its state, and
 * now and then it syncs that. While it is restored, there may be no state at all.
 */
export function durable<Query, Answer>(
  machine: StateMachine<Query, Answer>,
  inner: MemorySnapshots,
  host: DurableHost,
): StateMachine<Query, Answer> {
  const { store, life } = host;
  let count = 0;
  const keep = async (index: LogIndex): Promise<void> => {
    const chunks = await collect(inner.save());
    if (life.isAlive) store.written = { index, chunks };
  };
  return {
    apply: async (entries) => {
      const results = await machine.apply(entries);
      const last = entries.at(-1);
      if (last !== undefined) await keep(last.index);
      if (life.isAlive && host.choose(4, ++count) === 0) store.sync();
      return results;
    },
    query: (query) => machine.query(query),
    ...digestOf(machine),
    snapshots: durableSnapshots(inner, host),
  };
}

function durableSnapshots(inner: MemorySnapshots, host: DurableHost): DurableSnapshots {
  const { store, timeline, life } = host;
  let isLoaded = false;
  let restoreCount = 0;
  return {
    kind: "durable",
    appliedIndex: async () => {
      if (!isLoaded) {
        isLoaded = true;
        // What a kernel still had is written after all.
        store.sync();
        if (store.synced.chunks.length > 0) await inner.restore(iterate(store.synced.chunks));
        return store.synced.index;
      }
      timeline.add(host.syncUs, "apply", () => store.sync(), life);
      return store.synced.index;
    },
    pin: async () => {
      const saved = collect(inner.save());
      store.pinCount += 1;
      return {
        chunks: () => iterate(saved),
        release: async () => {
          if (life.isAlive) store.pinCount -= 1;
        },
      };
    },
    restore: async (chunks, index) => {
      isLoaded = true;
      if (life.isAlive && host.choose(2, 1000 + ++restoreCount) === 0) {
        store.written = nothing;
        store.sync();
      }
      await inner.restore(chunks);
      const saved = await collect(inner.save());
      await new Promise<void>((resolve) => timeline.add(host.syncUs, "apply", resolve, life));
      if (!life.isAlive) return;
      store.written = { index, chunks: saved };
      store.sync();
    },
  };
}

async function collect(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<readonly Uint8Array[]> {
  const collected: Uint8Array[] = [];
  for await (const chunk of chunks) collected.push(chunk.slice());
  return collected;
}

async function* iterate(
  chunks: readonly Uint8Array[] | Promise<readonly Uint8Array[]>,
): AsyncGenerator<Uint8Array, void> {
  yield* await chunks;
}
