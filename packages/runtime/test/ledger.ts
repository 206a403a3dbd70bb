import type { Entry, LogIndex } from "@quorate/core";
import type { DurableSnapshots, MemorySnapshots, StateMachine } from "@quorate/runtime";
import { bytesOf, textOf } from "./journal.ts";

/** What ends a command in the chunks of a `Ledger`. */
const end = "\n";

/** The commands that a chunked ledger holds. */
async function commandsOf(chunks: AsyncIterable<Uint8Array>, seen: number[]): Promise<string[]> {
  let text = "";
  for await (const chunk of chunks) {
    seen.push(chunk.length);
    text += textOf(chunk);
  }
  return text === "" ? [] : text.slice(0, -1).split(end);
}

/** A state machine that remembers every command, in memory, and can be saved and restored. */
export class Ledger implements StateMachine<null, readonly string[]> {
  commands: string[] = [];
  /** How often the state was saved, and restored. */
  saveCount = 0;
  restoreCount = 0;
  /** The lengths of the chunks that it was restored from. */
  readonly restoredChunks: number[] = [];
  /** Thrown by the next `save`, or by the reading of what it gave. */
  saveFailure: Error | undefined;
  readFailure: Error | undefined;
  /** What an apply waits for before it ends; the state is the new one before. */
  applying: Promise<void> | undefined;
  /** What a restore waits for before it ends. */
  restoring: Promise<void> = Promise.resolve();

  readonly snapshots: MemorySnapshots = {
    kind: "memory",
    save: () => {
      this.saveCount++;
      if (this.saveFailure !== undefined) throw this.saveFailure;
      return this.#chunksOf([...this.commands]);
    },
    restore: async (chunks) => {
      this.commands = await commandsOf(chunks, this.restoredChunks);
      await this.restoring;
      this.restoreCount++;
    },
  };

  apply(entries: readonly Entry[]): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    for (const { data } of entries) this.commands.push(textOf(data));
    const results = entries.map(({ data }) => data);
    return this.applying?.then(() => results) ?? results;
  }

  query(): readonly string[] {
    return [...this.commands];
  }

  *#chunksOf(commands: readonly string[]): Generator<Uint8Array, void> {
    for (const command of commands) {
      if (this.readFailure !== undefined) throw this.readFailure;
      yield bytesOf(command + end);
    }
  }
}

/** What a `DurableLedger` has on its own disk. */
export interface DurableLedgerDisk {
  commands: readonly string[];
  index: LogIndex;
}

/** A ledger that is durable by itself: as of the last `flush`, or at once with `flushesAlways`. */
export class DurableLedger implements StateMachine<null, readonly string[]> {
  commands: string[];
  flushesAlways = true;
  /** What an apply waits for before it ends; the state is the new one before. */
  applying: Promise<void> | undefined;
  /** How many states are pinned now, and how often each was read from the beginning. */
  pinnedCount = 0;
  readCount = 0;
  restoreCount = 0;
  readonly #disk: DurableLedgerDisk;
  #index: LogIndex;

  constructor(disk: DurableLedgerDisk = { commands: [], index: 0 }) {
    this.#disk = disk;
    this.commands = [...disk.commands];
    this.#index = disk.index;
  }

  readonly snapshots: DurableSnapshots = {
    kind: "durable",
    appliedIndex: async () => this.#disk.index,
    pin: async () => {
      this.pinnedCount++;
      const commands = [...this.commands];
      return {
        chunks: () => this.#chunksOf(commands),
        release: async () => {
          this.pinnedCount--;
        },
      };
    },
    restore: async (chunks, index) => {
      this.commands = await commandsOf(chunks, []);
      this.#index = index;
      this.flush();
      this.restoreCount++;
    },
  };

  flush(): void {
    this.#disk.commands = [...this.commands];
    this.#disk.index = this.#index;
  }

  apply(entries: readonly Entry[]): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    for (const { data, index } of entries) {
      this.commands.push(textOf(data));
      this.#index = index;
    }
    if (this.flushesAlways) this.flush();
    const results = entries.map(({ data }) => data);
    return this.applying?.then(() => results) ?? results;
  }

  query(): readonly string[] {
    return [...this.commands];
  }

  async *#chunksOf(commands: readonly string[]): AsyncGenerator<Uint8Array, void> {
    this.readCount++;
    for (const command of commands) yield bytesOf(command + end);
  }
}
