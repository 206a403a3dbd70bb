import { createHash, randomBytes } from "node:crypto";
import { confStateOf, type LogIndex, type NodeId, RaftError, type Term } from "@quorate/core";
import { openWal, type SnapshotMetadata } from "@quorate/wal";
import { clusterIdFlaw, encodeMembersDelta, incarnationBytes } from "@quorate/wire";
import { isEmptyDirectory, makeInPlace } from "./new-directory.ts";
import { openNodeDisk } from "./node-disk.ts";
import { openSnapshotArchive, type SnapshotArchive } from "./snapshot-archive.ts";
import { validateCluster } from "./start-replica.ts";

/** What a data directory is made of. */
export interface RestoreOptions {
  /** The file of a snapshot, or a data directory whose newest snapshot is taken. */
  readonly snapshot: string;
  /** The directory to make. It must be missing or empty. */
  readonly dataDir: string;
  /** Whose it will be. */
  readonly id: NodeId;
  /** The voters that the new group begins with, as in `StartOptions`; the same for each of its nodes. */
  readonly cluster: Readonly<Record<NodeId, string>> | ReadonlyMap<NodeId, string>;
  /**
   * Names the new group. Not the old name, which nodes of the old group would answer to.
   *
   * @default the old name with a suffix that follows from the snapshot and `cluster`
   */
  readonly clusterId?: string | undefined;
}

/** A data directory that was made of a snapshot. */
export interface Restored {
  /** Names the new group: start its nodes with it. */
  readonly clusterId: string;
  /** The log goes on after this entry. */
  readonly index: LogIndex;
  readonly term: Term;
  /** The length of the state. */
  readonly contentBytes: number;
}

/**
 * Makes a data directory of a snapshot, for a new group that begins with its state: after a disaster
 * that took a majority for good, or to have a copy of a group. Indexes of the log go on from there.
 *
 * Do it for every node of the new group, from the same snapshot; or for one node alone, and let others
 * join it. Either the whole directory is there at the end, or nothing.
 *
 * Rejects with `invalid_options` (the directory is not empty, `cluster` does not name the node, or the
 * name is that of the old group), `snapshot_failed` for a snapshot without a state of its own, `corrupt`,
 * `malformed`, `unsupported_version`, `disk_full` or `storage_failed`.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<Restored> {
  const { id, dataDir } = options;
  const addresses = validateCluster(options.cluster);
  if (!addresses.has(id)) throw refusal(`cluster does not name this node, ${String(id)}`);
  const isThere = await isEmptyDirectory(dataDir);
  const archive = await openSnapshotArchive(options.snapshot);
  if (archive === undefined) {
    throw new RaftError("snapshot_failed", `there is no snapshot in ${options.snapshot}`);
  }
  try {
    const { info } = archive;
    if (info.external || info.index === 0) throw noState(archive);
    const clusterId = validateClusterId(options.clusterId, archive, addresses);
    const metadata: SnapshotMetadata = {
      snapshot: { index: info.index, term: info.term, confState: confStateOf(addresses.keys()) },
      members: tableOf(addresses),
      id: digest(info.id, clusterId).subarray(0, info.id.length),
      external: false,
    };
    await makeInPlace({ dataDir, isThere }, (directory) =>
      writeDirectory(directory, { clusterId, nodeId: id }, metadata, archive),
    );
    const { index, term, contentBytes } = info;
    return { clusterId, index, term, contentBytes };
  } finally {
    await archive.close();
  }
}

/** Writes a log that begins after the snapshot of `metadata`, whose content is that of `archive`. */
async function writeDirectory(
  directory: string,
  identity: { readonly clusterId: string; readonly nodeId: NodeId },
  metadata: SnapshotMetadata,
  archive: SnapshotArchive,
): Promise<void> {
  const disk = await openNodeDisk(directory);
  const options = { identity, incarnation: randomBytes(incarnationBytes), segmentBytes };
  const { wal, snapshots } = await openWal(disk, options);
  try {
    const writer = await snapshots.create(metadata);
    for await (const chunk of archive.content()) await writer.write(chunk);
    await writer.commit();
  } finally {
    await snapshots.close();
    await wal.close();
  }
  // Opening it again lets the log begin after the snapshot.
  const opened = await openWal(disk, options);
  await opened.snapshots.close();
  await opened.wal.close();
}

/** How large the first files of the log are: what follows the snapshot has a size of its own. */
const segmentBytes = 64 * 1024;

function validateClusterId(
  given: string | undefined,
  archive: SnapshotArchive,
  addresses: ReadonlyMap<NodeId, string>,
): string {
  const { clusterId: old, id } = archive.info;
  const text = [...addresses].sort(([a], [b]) => a - b).join(" ");
  const clusterId = given ?? `${old}-${digest(id, text).toString("hex", 0, 4)}`;
  const flaw = clusterIdFlaw(clusterId);
  if (flaw !== undefined) throw refusal(`clusterId ${flaw}: got ${clusterId}`);
  if (clusterId === old) {
    throw refusal(`clusterId must not be that of the old group, ${old}: its nodes would answer`);
  }
  return clusterId;
}

function tableOf(addresses: ReadonlyMap<NodeId, string>): Uint8Array {
  const members = Array.from(addresses, ([id, address]) => {
    return { id, address, incarnation: undefined, priority: 0 };
  });
  return encodeMembersDelta({ set: members.sort((a, b) => a.id - b.id), removed: [] });
}

function digest(bytes: Uint8Array, text: string): Buffer {
  return createHash("sha256").update(bytes).update(text).digest();
}

function noState({ path, info }: SnapshotArchive): RaftError {
  const why = info.external
    ? "its state machine keeps the state by itself"
    : "it is from before the first entry";
  return new RaftError("snapshot_failed", `${path} holds no state: ${why}`);
}

function refusal(message: string): RaftError {
  return new RaftError("invalid_options", message);
}
