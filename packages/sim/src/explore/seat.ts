import {
  type Entry,
  fingerprintMessage,
  type HardState,
  initialHardState,
  type LogIndex,
  type Message,
  type NodeId,
  none,
  origin,
  type Term,
} from "@quorate/core";
import type { CreateNode, ModelNode } from "./model-node.ts";

/**
 * One machine of the group: a disk, the node that runs on it, and the writes between the two. It is
 * never changed: a step of its node makes another seat.
 */
export interface Seat {
  /** Never called, but for looks: a step begins with a copy. */
  readonly raft: ModelNode;
  /** The node's log; the entry of index i is at offset i - 1. */
  readonly log: readonly Entry[];
  readonly disk: Disk;
  /** What a crash may lose, oldest first: it leaves some of the first. */
  readonly writes: readonly Write[];
  /** How many of `writes` were reported done: they did not ask to be synced. */
  readonly reportedCount: number;
  /** What the node let others hear. */
  readonly promised: Promised;
  /** How many inputs the node took in since its host asked it what to do. */
  readonly gatheredCount: number;
}

/** What a disk is certain to keep. */
export interface Disk {
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

/** What one Ready asks of the disk, all of it or nothing, and what may be said once it is done. */
export interface Write {
  /** The number of the Ready. Only its order means anything. */
  readonly number: number;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly mustSync: boolean;
  readonly promises: readonly Message[];
}

/** The newest term in which a node promised something, and its vote in that term, if it gave one. */
export interface Promised {
  readonly term: Term;
  readonly vote: NodeId;
}

/** The seat of a node that never ran. */
export function newSeat(id: NodeId, voters: readonly NodeId[], create: CreateNode): Seat {
  const disk: Disk = { hardState: initialHardState, entries: [] };
  return {
    raft: create(id, voters, { ...disk, base: origin }),
    log: [],
    disk,
    writes: [],
    reportedCount: 0,
    promised: { term: 0, vote: none },
    gatheredCount: 0,
  };
}

/** The whole log of `raft`. */
export function logOf(raft: ModelNode): readonly Entry[] {
  return raft.lastIndex === 0 ? [] : raft.entries(1, raft.lastIndex);
}

/** `disk` after the first `count` of `writes`. */
export function written(disk: Disk, writes: readonly Write[], count: number): Disk {
  let { hardState, entries } = disk;
  for (const write of writes.slice(0, count)) {
    hardState = write.hardState ?? hardState;
    const first = write.entries[0];
    if (first !== undefined) entries = [...entries.slice(0, first.index - 1), ...write.entries];
  }
  return { hardState, entries };
}

/** Whether a disk is certain to keep the entry of this term and index. */
export function holds({ disk }: Seat, term: Term, index: LogIndex): boolean {
  return disk.entries[index - 1]?.term === term;
}

/**
 * All that decides what can become of a seat, as one line, with every node called what `nameOf` says.
 * Equal lines, equal futures: of the passing of time only what a step stands for plays a part.
 */
export function seatText(seat: Seat, nameOf: (id: NodeId) => NodeId): string {
  const name = (id: NodeId): NodeId => (id === none ? none : nameOf(id));
  const { disk, promised } = seat;
  return [
    seat.raft.fingerprint({ timeless: true, nameOf }),
    hardText(disk.hardState, name),
    entriesText(disk.entries),
    ...seat.writes.map((write) => writeText(write, name)),
    `${seat.reportedCount} ${promised.term}.${name(promised.vote)} ${seat.gatheredCount}`,
  ].join("#");
}

function writeText(write: Write, name: (id: NodeId) => NodeId): string {
  const hard = write.hardState === undefined ? "" : hardText(write.hardState, name);
  // They leave together, and nothing keeps them in order on their way.
  const promises = write.promises.map((message) => fingerprintMessage(message, name)).toSorted();
  const sync = write.mustSync ? "s" : "";
  return `${hard}!${entriesText(write.entries)}!${sync}!${promises.join(";")}`;
}

function hardText({ term, vote, commitIndex }: HardState, name: (id: NodeId) => NodeId): string {
  return `${term}.${name(vote)}.${commitIndex}`;
}

function entriesText(entries: readonly Entry[]): string {
  return entries
    .map(({ term, index, kind, data }) => `${term}/${index}${kind}${data.join(".")}`)
    .join();
}
