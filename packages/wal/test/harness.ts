import {
  type Entry,
  type EntryKind,
  type HardState,
  initialHardState,
  type LogIndex,
  newEntry,
  type Storage,
} from "@quorate/core";
import { expect } from "vitest";
import { openWal, type Wal } from "../src/index.ts";
import type { MemoryDisk, UnsyncedPart } from "../src/testing.ts";

/** What a test does with a log. */
export type Step =
  /** Appends entries after `after` (by default the end): their data lengths, in `term`. */
  | { readonly append: readonly number[]; readonly term?: number; readonly after?: LogIndex }
  /** Sets the commit index, with a sync or without one. */
  | { readonly commit: LogIndex; readonly sync: boolean }
  /** Begins a term, with a vote. */
  | { readonly term: number; readonly vote: number }
  | { readonly compact: LogIndex };

/** A log as a naive second implementation keeps it: every entry since the first. */
export interface Model {
  readonly entries: readonly string[];
  readonly hardState: HardState;
  /** The highest index that a compaction was asked to remove. */
  readonly compacted: LogIndex;
}

export const emptyModel: Model = { entries: [], hardState: initialHardState, compacted: 0 };

export const walOptions = {
  identity: { clusterId: "test", nodeId: 3 },
  incarnation: Uint8Array.from({ length: 16 }, (_, i) => 17 * i),
  segmentBytes: 2048,
};

export const losesAll = (): boolean => false;
export const keepsAll = (): boolean => true;

/** A small generator of random numbers in `[0, 1)`, the same for the same seed. */
export function newRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Keeps each unsynced part by the toss of a coin. */
export function coin(seed: number): (part: UnsyncedPart) => boolean {
  const random = newRandom(seed);
  return () => random() < 0.5;
}

/** An entry whose kind and data follow from its id: zeros, ones, or a byte that counts. */
export function entryAt(term: number, index: LogIndex, length: number): Entry {
  const kind: EntryKind = length === 0 ? "no-op" : index % 5 === 4 ? "conf-change" : "command";
  const byte = index % 3 === 0 ? 0 : index % 3 === 1 ? 0xff : (7 * index + term) & 0xff;
  return newEntry({ term, index }, kind, new Uint8Array(length).fill(byte));
}

function text(entry: Entry): string {
  return `${entry.term}/${entry.index} ${entry.kind} ${entry.data.join()}`;
}

/** What the log holds once `step` took effect, and what to ask of it. */
function plan(
  model: Model,
  step: Step,
): { readonly next: Model; readonly run: (wal: Wal) => Promise<unknown> } {
  const { hardState } = model;
  if ("append" in step) {
    const after = step.after ?? model.entries.length;
    const term = Math.max(step.term ?? 0, hardState.term);
    const added = step.append.map((length, i) => entryAt(term, after + 1 + i, length));
    const newer = term > hardState.term ? { ...hardState, term, vote: 0 } : undefined;
    const entries = [...model.entries.slice(0, after), ...added.map(text)];
    return {
      next: { ...model, entries, hardState: newer ?? hardState },
      run: async (wal) => await wal.append({ entries: added, hardState: newer }),
    };
  }
  if ("compact" in step) {
    const compacted = Math.max(model.compacted, step.compact);
    return { next: { ...model, compacted }, run: async (wal) => await wal.compact(step.compact) };
  }
  const next: HardState =
    "commit" in step ? { ...hardState, commitIndex: step.commit } : { ...hardState, ...step };
  const sync = "commit" in step ? step.sync : true;
  return {
    next: { ...model, hardState: next },
    run: async (wal) => await wal.append({ entries: [], hardState: next }, { sync }),
  };
}

/** A log, its disk, and what it must hold. */
export class Harness {
  disk: MemoryDisk;
  /** What was reported durable. The commit index may be one that was not synced. */
  durable: Model = emptyModel;
  /** What it is if the step under way took effect; `durable` if there is none. */
  pending: Model = emptyModel;
  #wal: Wal | undefined;

  constructor(disk: MemoryDisk) {
    this.disk = disk;
  }

  get wal(): Wal {
    if (this.#wal === undefined) throw new Error("the log is not open");
    return this.#wal;
  }

  /** Opens the log, which must hold what it must. */
  async open(): Promise<void> {
    const { wal, storage } = await openWal(this.disk, walOptions);
    this.#wal = wal;
    this.#check(storage);
  }

  /** Does `steps` one by one, and rejects with the first that is rejected. */
  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      const { next, run } = plan(this.durable, step);
      this.pending = next;
      await run(this.wal);
      this.durable = next;
    }
  }

  /** Goes on with what the next process finds on `disk`, from the same expectations. */
  fork(disk: MemoryDisk): Harness {
    const copy = new Harness(disk);
    copy.durable = this.durable;
    copy.pending = this.pending;
    return copy;
  }

  /** Opens the log, appends to it, and opens it again after a power loss. */
  async survive(): Promise<void> {
    await this.open();
    const { commitIndex } = this.durable.hardState;
    const { length } = this.durable.entries;
    await this.run([
      {
        append: [10, 700],
        term: this.durable.hardState.term + 1,
        after: Math.max(commitIndex, length - 1),
      },
      { append: [0] },
    ]);
    await this.fork(this.disk.afterPowerLoss(losesAll)).open();
    await this.wal.close();
  }

  /** `storage` must be what was durable or what was pending, but for a commit index that was not synced. */
  #check(storage: Storage): void {
    const { base, hardState } = storage;
    const found = storage.entries.map(text);
    const matches = (model: Model): boolean =>
      JSON.stringify(model.entries.slice(base.index)) === JSON.stringify(found) &&
      model.hardState.term === hardState.term &&
      model.hardState.vote === hardState.vote &&
      hardState.commitIndex <= model.hardState.commitIndex;
    const model = [this.pending, this.durable].find(matches);
    if (model === undefined) {
      expect({ entries: found, hardState }).toEqual({
        entries: this.durable.entries.slice(base.index),
        hardState: this.durable.hardState,
      });
    } else {
      expect(base.index).toBeLessThanOrEqual(model.compacted);
      const before = base.index === 0 ? "0/0" : model.entries[base.index - 1]?.split(" ")[0];
      expect(before).toBe(`${base.term}/${base.index}`);
      this.durable = { ...model, hardState };
      this.pending = this.durable;
    }
  }
}

/** A workload that touches everything: hard states, long and short batches, overwrites, compactions. */
export const workload: readonly Step[] = [
  { term: 1, vote: 3 },
  { append: [0] },
  { append: [40, 41, 42] },
  { append: [300, 5] },
  { commit: 4, sync: false },
  { append: [400] },
  { append: [90, 0, 90] },
  { append: [100, 100, 700], term: 2, after: 6 },
  { term: 3, vote: 2 },
  { append: [0, 20], term: 4, after: 8 },
  { commit: 10, sync: true },
  { append: [5000, 600] },
  { compact: 9 },
  { append: [30] },
  { commit: 13, sync: false },
  { append: [500], term: 5 },
  { compact: 13 },
  { append: [500, 16] },
  { term: 6, vote: 3 },
];
