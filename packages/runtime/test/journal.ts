import type { Entry } from "@quorate/core";
import type { StateMachine } from "@quorate/runtime";

/** What a read of a `Journal` asks for: all commands, or a failure. */
export type JournalQuery = "all" | "throw";

/**
 * A state machine that remembers every command, in order. A result is the command's place and text.
 * With `holds`, applies and queries are asynchronous, and wait for `release`.
 */
export class Journal implements StateMachine<JournalQuery, readonly string[]> {
  readonly commands: string[] = [];
  /** The length of each call of `apply`. */
  readonly batches: number[] = [];
  queryCount = 0;
  holdsApplies = false;
  holdsQueries = false;
  /** Applies and queries that run now. */
  applyingCount = 0;
  askingCount = 0;
  /** Thrown by the next apply. */
  failure: Error | undefined;
  #held: (() => void)[] = [];

  apply(entries: readonly Entry[]): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    if (this.applyingCount > 0 || this.askingCount > 0) throw new Error("an apply overlaps");
    if (this.failure !== undefined) throw this.failure;
    if (entries.some(({ kind }) => kind !== "command")) throw new Error("commands only");
    this.batches.push(entries.length);
    if (!this.holdsApplies) return entries.map((entry) => this.#applyOne(entry));
    this.applyingCount++;
    return this.#hold(() => {
      this.applyingCount--;
      return entries.map((entry) => this.#applyOne(entry));
    });
  }

  query(query: JournalQuery): readonly string[] | Promise<readonly string[]> {
    if (this.applyingCount > 0) throw new Error("a query overlaps an apply");
    this.queryCount++;
    if (query === "throw") throw new RangeError("asked to throw");
    if (!this.holdsQueries) return [...this.commands];
    this.askingCount++;
    return this.#hold(() => {
      this.askingCount--;
      return [...this.commands];
    });
  }

  /** Lets everything that is held go on. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const resume of held) resume();
  }

  #applyOne(entry: Entry): Uint8Array {
    const text = textOf(entry.data);
    this.commands.push(text);
    return bytesOf(`${this.commands.length}:${text}`);
  }

  #hold<T>(finish: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#held.push(() => resolve(finish()));
    });
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
