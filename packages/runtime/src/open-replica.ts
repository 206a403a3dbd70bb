import {
  assert,
  confStateOf,
  joiningSnapshot,
  type LogIndex,
  RaftError,
  snapshotAtStart,
  type Storage,
} from "@quorate/core";
import type { OpenedWal, WalStart } from "@quorate/wal";
import { encodeMembers, incarnationBytes } from "@quorate/wire";
import { checkWanted } from "./abort-signal.ts";
import { newNode } from "./flight/recorded-node.ts";
import {
  emptyMemberTable,
  foldMembership,
  newMemberTable,
  restoredMembership,
} from "./member-table.ts";
import { CountedNetwork } from "./counted-network.ts";
import { openLog } from "./open-log.ts";
import type { Random } from "./ports.ts";
import type { Replica } from "./replica.ts";
import { ReplicaLoop } from "./replica-loop.ts";
import {
  type CompleteReplicaOptions,
  type ReplicaOptions,
  validateReplicaOptions,
} from "./replica-options.ts";
import type { Opened } from "./replica-parts.ts";
import { restoreAtStart } from "./snapshot-restore.ts";
import { StartDisk } from "./start-disk.ts";

/**
 * Starts a replica from what its disk holds, or as a new member on an empty disk, and resolves once it
 * takes part in the group. It may not know a leader yet: calls wait for one.
 *
 * A log that went bad in places is mended first, with the help of other members where it takes that
 * (`repairTimeoutMs`).
 *
 * Rejects with `invalid_options`; with `aborted` if `signal` is; with `corrupt`, `wrong_identity` or
 * `unsupported_version` for a disk that cannot be trusted; with `diverged` for one whose state was found not
 * to be the group's; with `log_lost` if the state machine has applied more than the log holds; with
 * `snapshot_failed` or what the state machine rejected with, if it cannot be restored; or with what the
 * disk or the network rejected. Then nothing is left running.
 */
export async function openReplica<Query, Answer>(
  options: ReplicaOptions<Query, Answer>,
): Promise<Replica<Query, Answer>> {
  const complete = validateReplicaOptions(options);
  const { id, clusterId, random, segmentBytes, reserveBytes, signal } = complete;
  checkWanted(signal);
  const walOptions = {
    identity: { clusterId, nodeId: id },
    incarnation: newIncarnation(random),
    start: startOf(complete),
    reserveBytes,
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
  };
  const disk = new StartDisk(complete.disk, signal);
  const { wal, network } = await openLog(complete, walOptions, disk);
  let loop: ReplicaLoop<Query, Answer> | undefined;
  try {
    const counted = new CountedNetwork(network);
    const opened = { ...(await begin(complete, wal)), network: counted };
    checkWanted(signal);
    disk.release();
    loop = new ReplicaLoop({ ...complete, network: counted }, opened);
    await counted.open(loop.receiver, wal.wal.incarnation);
    loop.start();
    return loop;
  } catch (error) {
    if (loop === undefined) {
      await Promise.allSettled([wal.wal.close(), wal.snapshots.close(), network.close()]);
    } else await loop.close();
    // A state machine may have made something else of chunks that ended because of it.
    checkWanted(signal);
    throw error;
  }
}

/** What an empty disk begins with: the first configuration, or none for one that joins. */
function startOf<Query, Answer>({
  voters,
  join,
  addresses,
}: CompleteReplicaOptions<Query, Answer>): WalStart {
  if (join) return { snapshot: joiningSnapshot, members: encodeMembers(emptyMemberTable) };
  const table = newMemberTable(voters.map((id) => [id, addresses.get(id) ?? ""]));
  return { snapshot: snapshotAtStart(confStateOf(voters)), members: encodeMembers(table) };
}

/** Brings the state machine to where the log begins, and makes the node. */
async function begin<Query, Answer>(
  options: CompleteReplicaOptions<Query, Answer>,
  { wal: log, snapshots: store, reserve, storage, members }: OpenedWal,
): Promise<Omit<Opened, "network">> {
  const { id, stateMachine, raft, random } = options;
  const appliedIndex = await restoreAtStart(stateMachine, store);
  checkHolds(storage, appliedIndex);
  const start = { ...raft, storage, appliedIndex, seed: newSeed(random) };
  const node = newNode(id, start, options.flightRecorderBytes);
  const membership = membershipAt(storage, members, appliedIndex);
  return { node, log, store, reserve, membership, entries: storage.entries };
}

/** A state that is ahead of the log outlived it: the node has forgotten what it promised. */
function checkHolds({ base, entries }: Storage, appliedIndex: LogIndex): void {
  const lastIndex = base.index + entries.length;
  if (appliedIndex <= lastIndex) return;
  throw new RaftError(
    "log_lost",
    `the state machine has applied entry ${appliedIndex}, and the log ends with ${lastIndex}: the log ` +
      `was lost, or is another's; a node that lost it must not come back under the same id`,
  );
}

function membershipAt({ snapshot, entries }: Storage, members: Uint8Array, appliedIndex: number) {
  assert(snapshot !== undefined, "a log that was opened has a snapshot to start from");
  const start = restoredMembership(snapshot.confState, members);
  return foldMembership(start, snapshot.index, entries, appliedIndex);
}

/** What tells a new log from any other, of this node or another. */
function newIncarnation(random: Random): Uint8Array {
  const bytes = new Uint8Array(incarnationBytes);
  for (const offset of bytes.keys()) bytes[offset] = random.uint32() & 0xff;
  return bytes;
}

/** A uniform integer in `[0, 2^52)`. */
function newSeed(random: Random): number {
  return random.uint32() * 2 ** 20 + (random.uint32() >>> 12);
}
