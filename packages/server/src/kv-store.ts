import { none, RaftError, type Entry, type LogIndex, type StateMachine } from "quorate";
import { decodeCommand } from "./command.ts";
import { encodeResult, type CommandResult } from "./command-result.ts";

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
  readonly #values = new Map<string, KvValue>();

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

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
