import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  confStateOf,
  encodeConfChange,
  type Entry,
  type HardState,
  newConfChange,
  newEntry,
  type NodeId,
  snapshotAtStart,
} from "@quorate/core";
import { openWal } from "@quorate/wal";
import { encodeMembers, encodeMembersDelta, type MemberTable } from "@quorate/wire";
import { openNodeDisk } from "../src/node-disk.ts";

/** Who began the group of the tests, and where they were. */
export const voters: readonly NodeId[] = [1, 2, 3];
export const table: MemberTable = {
  members: voters.map((id) => {
    return { id, address: `10.0.0.${id}:7001`, incarnation: undefined, priority: 0 };
  }),
  removed: [],
  leaving: [],
};

/** A command that names itself. */
export function command(term: number, index: number): Entry {
  return newEntry({ term, index }, "command", Buffer.from(`command ${index}`));
}

/** The change that lets node 4 learn, at `index`. */
export function learnerAdded(term: number, index: number): Entry {
  const member = { id: 4, address: "10.0.0.4:7001", incarnation: undefined, priority: 0 };
  const context = encodeMembersDelta({ set: [member], removed: [] });
  const change = newConfChange([{ kind: "add-learner", id: 4 }], "auto", context);
  const result = { ...confStateOf(voters), learners: [4] };
  return newEntry({ term, index }, "conf-change", encodeConfChange(change, result));
}

/** What a node of the tests has on its disk. */
export interface Disk {
  readonly id: NodeId;
  readonly clusterId?: string;
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
  /** A snapshot after so many of the entries, with `content`. */
  readonly snapshotIndex?: number;
  readonly external?: boolean;
}

export const content: Buffer = Buffer.alloc(200_000, "state ");

/** Makes a data directory as a node of the group leaves it. */
export async function leaveDirectory(path: string, disk: Disk): Promise<string> {
  const { id, clusterId = "docs", entries, hardState, snapshotIndex = 0 } = disk;
  const opened = await openWal(await openNodeDisk(path), {
    identity: { clusterId, nodeId: id },
    incarnation: new Uint8Array(16).fill(id),
    segmentBytes: 2048,
    start: { snapshot: snapshotAtStart(confStateOf(voters)), members: encodeMembers(table) },
  });
  for (const entry of entries) {
    await opened.wal.append({ entries: [entry], hardState: { ...hardState, commitIndex: 0 } });
  }
  await opened.wal.append({ entries: [], hardState });
  if (snapshotIndex > 0) {
    const { term = 0, index = 0 } = entries[snapshotIndex - 1] ?? {};
    const writer = await opened.snapshots.create({
      snapshot: { term, index, confState: confStateOf(voters) },
      members: encodeMembers(table),
      id: new Uint8Array(16).fill(9),
      external: disk.external ?? false,
    });
    if (disk.external !== true) await writer.write(content);
    await writer.commit();
    await opened.wal.compact(index);
    await opened.snapshots.prune();
  }
  await opened.snapshots.close();
  await opened.wal.close();
  return path;
}

/** All files in `directory`, with what is in them. */
export async function filesOf(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(directory)).sort()) {
    files.set(name, (await readFile(join(directory, name))).toString("latin1"));
  }
  return files;
}
