import { type Entry, type EntryKind, newEntry } from "@quorate/core";
import type { StateMachine } from "@quorate/runtime";
import { ApplyQueue, type Asker } from "../src/apply-queue.ts";

/** What every command gives. */
export const result: Uint8Array = Uint8Array.of(9);

/** An apply queue, and what it told. */
export function newBench(
  machine: Partial<StateMachine<string, string>>,
  restEveryCount = 0,
): {
  queue: ApplyQueue<string, string>;
  told: string[];
  ask: (query: string, readIndex: number) => Asker<string, string>;
} {
  const told: string[] = [];
  const whole: StateMachine<string, string> = {
    apply: (entries) => entries.map(() => result),
    query: (query) => query.toUpperCase(),
    ...machine,
  };
  const queue = new ApplyQueue<string, string>(
    whole,
    {
      onEntryApplied: (entry, given) => told.push(`entry ${entry.index}${given ? " result" : ""}`),
      onApplied: (index) => told.push(`applied ${index}`),
      onRestored: ({ snapshot }) => told.push(`restored ${snapshot.index}`),
      onFailed: (error) => told.push(`failed ${String(error)}`),
      resume: (work) => work(),
    },
    0,
    restEveryCount,
  );
  const ask = (query: string, readIndex: number): Asker<string, string> => {
    const asker: Asker<string, string> = {
      query,
      readIndex,
      onAnswer: (index, answer) => told.push(`answer ${answer} at ${index}`),
      onError: (error) => told.push(`error ${String(error)}`),
    };
    queue.ask(asker);
    queue.run();
    return asker;
  };
  return { queue, told, ask };
}

/** Entries of term 1, from index `from` on. */
export function newEntries(from: number, ...kinds: EntryKind[]): Entry[] {
  return kinds.map((kind, offset) => newEntry({ term: 1, index: from + offset }, kind));
}

/** Lets every promise that can go on do so. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
