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
import { HashedValue, RecordDigest } from "./record-digest.ts";
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
  #values = new ViewableMap<HashedValue>();
  /** Of all that is in `#values`. */
  #digest = new RecordDigest();

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

  /**
   * A digest of all keys, values and places: 16 bytes. It is kept up to date by `apply`, so to ask costs
   * nothing. Whoever wraps the store passes it on, and adds a digest of what it keeps itself.
   */
  digest(): Uint8Array {
    return this.#digest.bytes();
  }

  /** How many keys have a value. */
  get keyCount(): number {
    return this.#values.size;
  }

  async #restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    // A new map: the old state goes first, so that two never take memory, unless one is being saved.
    const values = new ViewableMap<HashedValue>();
    const digest = new RecordDigest();
    this.#values = values;
    this.#digest = digest;
    const decoder = new SnapshotDecoder();
    for await (const chunk of chunks) {
      for (const record of decoder.push(chunk)) {
        if (values.get(record.name) !== undefined) {
          throw new RaftError("malformed", "the snapshot has a key twice");
        }
        const value = new HashedValue(record);
        values.set(record.name, value);
        digest.add(value);
      }
    }
    decoder.finish();
  }

  #applyOne(entry: Entry): CommandResult {
    const command = decodeCommand(entry.data);
    switch (command.kind) {
      case "put": {
        const name = nameOf(command.key);
        // Copied: a view would keep the whole message that it arrived in from being collected.
        const value = command.value.slice();
        const stored = new HashedValue({ name, value, modifiedIndex: entry.index });
        const previousIndex = this.#takeFromDigest(name);
        this.#values.set(name, stored);
        this.#digest.add(stored);
        return { kind: "applied", previousIndex };
      }
      case "delete": {
        const name = nameOf(command.key);
        const previousIndex = this.#takeFromDigest(name);
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

  /** Takes the present value of `name` out of the digest, and tells where it was put; `none` without one. */
  #takeFromDigest(name: string): LogIndex {
    const value = this.#values.get(name);
    if (value === undefined) return none;
    this.#digest.remove(value);
    return value.modifiedIndex;
  }
}

function* recordsOf(values: Iterable<readonly [string, KvValue]>): Generator<KvRecord, undefined> {
  for (const [name, { value, modifiedIndex }] of values) yield { name, value, modifiedIndex };
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
