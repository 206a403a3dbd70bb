import type { Entry } from "@quorate/core";
import type { MemorySnapshots, StateMachine } from "@quorate/runtime";
import { bytesOf, type JournalQuery, textOf } from "./journal.ts";

/**
 * A state machine whose state is its last command, and so stays small however many there were. The result
 * of a command is its text. With `stateBytes` it saves as much, whatever its state is.
 */
export class LastWord implements StateMachine<JournalQuery, readonly string[]> {
  word = "";
  stateBytes = 0;
  readonly snapshots: MemorySnapshots = {
    kind: "memory",
    save: () => {
      const word = bytesOf(this.word);
      const padding = new Uint8Array(Math.max(0, this.stateBytes - word.length));
      return [word, padding];
    },
    restore: async (chunks) => {
      let text = "";
      for await (const chunk of chunks) text += textOf(chunk);
      this.word = text.replaceAll("\0", "");
    },
  };

  apply(entries: readonly Entry[]): readonly Uint8Array[] {
    return entries.map(({ data }) => {
      this.word = textOf(data);
      return data.slice();
    });
  }

  query(): readonly string[] {
    return [this.word];
  }
}
