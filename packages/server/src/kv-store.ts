import {
  none,
  RaftError,
  type Entry,
  type LogIndex,
  type MemorySnapshots,
  type StateMachine,
} from "quorate";
import { decodeCommand } from "./command.ts";
import { encodeResult, type CommandResult } from "./command-result.ts";
import { encodeSnapshot, SnapshotDecoder, type KvRecord } from "./kv-snapshot.ts";
import { ViewableMap } from "./viewable-map.ts";

/** Asks for the value of `key`. */
export interface KvQuery {
  readonly key: Uint8Array;
}

/** A value, and where in the log it was put. The bytes are shared and never change: do not write to them. */
export interface KvValue {
  readonly value: Uint8Array;
  readonly modifiedIndex: LogIndex;
}

/** The value of the key that was asked for, or undefined: there is none. */
export type KvAnswer = KvValue | undefined;

/**
 * The replicated key-value store: what all committed commands, applied in order, add up to. Keys and
 * values are any bytes.
 */
export class KvStore implements StateMachine<KvQuery, KvAnswer> {
  /** Keyed by the key's bytes, one character for each, since equal arrays are not equal keys of a map. */
  #values = new ViewableMap<KvValue>();

  /**
   * The whole store as bytes, and back. `save` takes its view at once, for nothing; commands go on to be
   * applied while it is read. A `restore` that rejects leaves a part of the new state behind.
   */
  readonly snapshots: MemorySnapshots = {
    kind: "memory",
    save: () => encodeSnapshot(recordsOf(this.#values.view())),
    restore: (chunks) => this.#restore(chunks),
  };

  /**
   * Applies commands in log order. A malformed one changes nothing and its result says so. Throws
   * `unsupported_version` on a command of a later version: other replicas may be carrying it out.
   */
  apply(entries: readonly Entry[]): readonly Uint8Array[] {
    return entries.map((entry) => encodeResult(this.#applyOne(entry)));
  }

  /** The value of `query.key`. It is handed out, not copied: a later put replaces it and leaves it alone. */
  query(query: KvQuery): KvAnswer {
    return this.#values.get(nameOf(query.key));
  }

  /** How many keys have a value. */
  get keyCount(): number {
    return this.#values.size;
  }

  async #restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    // A new map: the old state goes first, so that two never take memory, unless one is being saved.
    const values = new ViewableMap<KvValue>();
    this.#values = values;
    const decoder = new SnapshotDecoder();
    for await (const chunk of chunks) {
      for (const { name, value, modifiedIndex } of decoder.push(chunk)) {
        if (values.get(name) !== undefined) {
          throw new RaftError("malformed", "the snapshot has a key twice");
        }
        values.set(name, { value, modifiedIndex });
      }
    }
    decoder.finish();
  }

  #applyOne(entry: Entry): CommandResult {
    const command = decodeCommand(entry.data);
    switch (command.kind) {
      case "put": {
        const name = nameOf(command.key);
        const previousIndex = this.#values.get(name)?.modifiedIndex ?? none;
        // Copied: a view would keep the whole message that it arrived in from being collected.
        this.#values.set(name, { value: command.value.slice(), modifiedIndex: entry.index });
        return { kind: "applied", previousIndex };
      }
      case "delete": {
        const name = nameOf(command.key);
        const previousIndex = this.#values.get(name)?.modifiedIndex ?? none;
        this.#values.delete(name);
        return { kind: "applied", previousIndex };
      }
      case "malformed":
        return { kind: "malformed" };
      case "unsupported":
        throw new RaftError(
          "unsupported_version",
          `the entry at ${entry.index} has a command of version ${command.version}; upgrade this node`,
        );
    }
  }
}

function* recordsOf(values: Iterable<readonly [string, KvValue]>): Generator<KvRecord, undefined> {
  for (const [name, { value, modifiedIndex }] of values) yield { name, value, modifiedIndex };
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
