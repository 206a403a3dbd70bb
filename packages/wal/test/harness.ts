import {
  confStateOf,
  type Entry,
  type EntryId,
  type EntryKind,
  type HardState,
  initialHardState,
  type LogIndex,
  newEntry,
  origin,
} from "@quorate/core";
import { expect } from "vitest";
import {
  openWal,
  type OpenedWal,
  type SnapshotMetadata,
  type SnapshotStore,
  type StoredSnapshot,
  type Wal,
} from "../src/index.ts";
import type { MemoryDisk, UnsyncedPart } from "../src/testing.ts";

/** What a test does with a log. */
export type Step =
  /** Appends entries after `after` (by default the end): their data lengths, in `term`. */
  | { readonly append: readonly number[]; readonly term?: number; readonly after?: LogIndex }
  /** Sets the commit index, with a sync or without one. */
  | { readonly commit: LogIndex; readonly sync: boolean }
  /** Begins a term, with a vote. */
  | { readonly term: number; readonly vote: number }
  /** Stores a snapshot as of an index, removes the entries up to it, and older snapshots. */
  | { readonly compact: LogIndex }
  /** The same for a snapshot from elsewhere, with a reset of the log unless that holds the entry. */
  | { readonly install: LogIndex; readonly term: number };

/** A log as a naive second implementation keeps it: every entry since the first. */
export interface Model {
  readonly entries: readonly string[];
  readonly hardState: HardState;
  /** The highest index that a compaction was asked to remove. */
  readonly compacted: LogIndex;
  /** The entry of the newest snapshot. */
  readonly snapshot: EntryId;
}

export const emptyModel: Model = {
  entries: [],
  hardState: initialHardState,
  compacted: 0,
  snapshot: origin,
};

export const walOptions = {
  identity: { clusterId: "test", nodeId: 3 },
  incarnation: Uint8Array.from({ length: 16 }, (_, i) => 17 * i),
  segmentBytes: 2048,
};

export const losesAll = (): boolean => false;
export const keepsAll = (): boolean => true;

/** The names of all segments on `disk`, in order. */
export async function segmentNames(disk: MemoryDisk): Promise<readonly string[]> {
  return (await disk.list()).filter((name) => name.endsWith(".wal")).toSorted();
}

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

/** All of a snapshot of the entry `id`, as the tests make it: its content follows from the index. */
export function snapshotAt({ term, index }: EntryId): {
  readonly metadata: SnapshotMetadata;
  readonly content: Uint8Array;
} {
  const snapshot = { term, index, confState: confStateOf([1, 2, 3 + index]) };
  const members = new Uint8Array(index % 40).fill(index);
  const id = new Uint8Array(16).fill(index);
  const content = Uint8Array.from({ length: (index * 211) % 1700 }, (_, i) => i + index);
  return { metadata: { snapshot, members, id, external: false }, content };
}

/** Stores the snapshot of the entry `id`. */
export async function storeSnapshot(store: SnapshotStore, id: EntryId): Promise<StoredSnapshot> {
  const { metadata, content } = snapshotAt(id);
  const writer = await store.create(metadata);
  await writer.write(content.subarray(0, 100));
  await writer.write(content.subarray(100));
  return await writer.commit();
}

/** All that `stored` holds, verified. */
export async function contentOf(store: SnapshotStore, stored: StoredSnapshot): Promise<Uint8Array> {
  const reader = await store.read(stored);
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.chunks()) chunks.push(chunk);
    return new Uint8Array(Buffer.concat(chunks));
  } finally {
    await reader.close();
  }
}

/** The same as `expect(found).toMatchObject`, and much quicker. */
function expectSame(
  found: SnapshotMetadata & { readonly content: Uint8Array },
  { metadata, content }: ReturnType<typeof snapshotAt>,
): void {
  const isSame =
    JSON.stringify(found.snapshot) === JSON.stringify(metadata.snapshot) &&
    Buffer.from(found.members).equals(metadata.members) &&
    Buffer.from(found.id).equals(metadata.id) &&
    Buffer.from(found.content).equals(content) &&
    found.external === metadata.external;
  if (!isSame) expect(found).toMatchObject({ ...metadata, content });
}

/** What the log and its snapshots hold once a step took effect, and what to ask of them. */
interface Plan {
  readonly next: Model;
  readonly run: (opened: Pick<OpenedWal, "wal" | "snapshots">) => Promise<unknown>;
}

/** The id of the entry at `index`, of which the model knows at least that. */
function idAt(model: Model, index: LogIndex): EntryId {
  const [term = 0, at = 0] = (model.entries[index - 1] ?? "0/0").split(/[/ ]/).map(Number);
  return { term, index: at };
}

function planCompact(model: Model, index: LogIndex): Plan {
  const compacted = Math.max(model.compacted, index);
  const isNewer = index > model.snapshot.index;
  const snapshot = isNewer ? idAt(model, index) : model.snapshot;
  return {
    next: { ...model, compacted, snapshot },
    run: async ({ wal, snapshots }) => {
      if (isNewer) await storeSnapshot(snapshots, snapshot);
      await wal.compact(index);
      await snapshots.prune();
    },
  };
}

function planInstall(model: Model, id: EntryId): Plan {
  const { index } = id;
  const before = model.hardState;
  const isHeld = idAt(model, index).term === id.term;
  const isNewer = id.term > before.term;
  const term = Math.max(before.term, id.term);
  const hardState = { term, vote: isNewer ? 0 : before.vote, commitIndex: index };
  const gone = Array.from({ length: index }, (_, i) => `${id.term}/${i + 1} snapshot`);
  const entries = isHeld ? model.entries : gone;
  return {
    next: { entries, hardState, compacted: Math.max(model.compacted, index), snapshot: id },
    run: async ({ wal, snapshots }) => {
      await storeSnapshot(snapshots, id);
      await wal.append({ entries: [], hardState, reset: isHeld ? undefined : id });
      await wal.compact(index);
      await snapshots.prune();
    },
  };
}

function plan(model: Model, step: Step): Plan {
  if ("compact" in step) return planCompact(model, step.compact);
  if ("install" in step) return planInstall(model, { term: step.term, index: step.install });
  const { hardState } = model;
  if ("append" in step) {
    const after = step.after ?? model.entries.length;
    const term = Math.max(step.term ?? 0, hardState.term);
    const added = step.append.map((length, i) => entryAt(term, after + 1 + i, length));
    const newer = term > hardState.term ? { ...hardState, term, vote: 0 } : undefined;
    const entries = [...model.entries.slice(0, after), ...added.map(text)];
    return {
      next: { ...model, entries, hardState: newer ?? hardState },
      run: async ({ wal }) => await wal.append({ entries: added, hardState: newer }),
    };
  }
  const next: HardState =
    "commit" in step ? { ...hardState, commitIndex: step.commit } : { ...hardState, ...step };
  const sync = "commit" in step ? step.sync : true;
  return {
    next: { ...model, hardState: next },
    run: async ({ wal }) => await wal.append({ entries: [], hardState: next }, { sync }),
  };
}

/** A log with its snapshots, their disk, and what they must hold. */
export class Harness {
  disk: MemoryDisk;
  /** What was reported durable. The commit index may be one that was not synced. */
  durable: Model = emptyModel;
  /** What it is if the step under way took effect; `durable` if there is none. */
  pending: Model = emptyModel;
  /** Snapshots that were being stored beside the step under way: any of them may be the newest. */
  beside: readonly EntryId[] = [];
  readonly #segmentBytes: number;
  #opened: OpenedWal | undefined;

  constructor(disk: MemoryDisk, segmentBytes: number = walOptions.segmentBytes) {
    this.disk = disk;
    this.#segmentBytes = segmentBytes;
  }

  get opened(): OpenedWal {
    if (this.#opened === undefined) throw new Error("the log is not open");
    return this.#opened;
  }

  get wal(): Wal {
    return this.opened.wal;
  }

  get snapshots(): SnapshotStore {
    return this.opened.snapshots;
  }

  /** Opens the log, which must hold what it must. */
  async open(): Promise<void> {
    await this.#check(await this.look());
  }

  /** Opens the log, whatever it holds. */
  async look(): Promise<OpenedWal> {
    this.#opened = await openWal(this.disk, { ...walOptions, segmentBytes: this.#segmentBytes });
    return this.#opened;
  }

  /** Closes the log and its snapshots. */
  async close(): Promise<void> {
    await this.wal.close();
    await this.snapshots.close();
  }

  /** Does `steps` one by one, and rejects with the first that is rejected. */
  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      const { next, run } = plan(this.durable, step);
      this.pending = next;
      await run(this.opened);
      this.durable = next;
    }
  }

  /** Goes on with what the next process finds on `disk`, from the same expectations. */
  fork(disk: MemoryDisk): Harness {
    const copy = new Harness(disk, this.#segmentBytes);
    copy.durable = this.durable;
    copy.pending = this.pending;
    copy.beside = this.beside;
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
    await this.close();
  }

  /** What was found must be what was durable or pending, but for a commit index that was not synced. */
  async #check({ storage, snapshots, members }: OpenedWal): Promise<void> {
    const { base, hardState } = storage;
    const found = storage.entries.map(text);
    const { newest } = snapshots;
    const { term = 0, index = 0 } = newest?.snapshot ?? {};
    const matches = (model: Model): boolean =>
      JSON.stringify(model.entries.slice(base.index)) === JSON.stringify(found) &&
      [model.snapshot, ...this.beside].some((id) => id.term === term && id.index === index) &&
      model.hardState.term === hardState.term &&
      model.hardState.vote === hardState.vote &&
      hardState.commitIndex <= model.hardState.commitIndex;
    const model = [this.pending, this.durable].find(matches);
    if (model === undefined) {
      expect({ entries: found, hardState, snapshot: { term, index } }).toEqual({
        entries: this.durable.entries.slice(base.index),
        hardState: this.durable.hardState,
        snapshot: this.durable.snapshot,
      });
    } else {
      if (newest !== undefined) {
        expectSame(
          { ...newest, members, content: await contentOf(snapshots, newest) },
          snapshotAt({ term, index }),
        );
        expect(storage.snapshot).toBe(newest.snapshot);
      }
      expect(hardState.commitIndex).toBeGreaterThanOrEqual(index);
      expect(base.index).toBeLessThanOrEqual(index);
      expect(base.index).toBeLessThanOrEqual(model.compacted);
      const before = base.index === 0 ? "0/0" : model.entries[base.index - 1]?.split(" ")[0];
      expect(before).toBe(`${base.term}/${base.index}`);
      this.durable = { ...model, hardState, snapshot: { term, index } };
      this.pending = this.durable;
      this.beside = [];
    }
  }
}

/**
 * A workload that touches everything: hard states, long and short batches, overwrites, compactions, and
 * snapshots from elsewhere that lie beyond the log, inside of it, or contradict it.
 */
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
  { install: 40, term: 7 },
  { append: [20, 30] },
  { append: [700], term: 8 },
  { install: 41, term: 7 },
  { append: [300] },
  { install: 43, term: 9 },
  { append: [1] },
];
