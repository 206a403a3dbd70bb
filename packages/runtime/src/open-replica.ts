import { RaftNode } from "@quorate/core";
import { openWal } from "@quorate/wal";
import { incarnationBytes } from "@quorate/wire";
import type { Random } from "./ports.ts";
import type { Replica } from "./replica.ts";
import { ReplicaLoop } from "./replica-loop.ts";
import { type ReplicaOptions, validateReplicaOptions } from "./replica-options.ts";

/**
 * Starts a replica from what its disk holds, or as a new member on an empty disk, and resolves once it
 * takes part in the group. It may not know a leader yet: calls wait for one.
 *
 * Rejects with `invalid_options`; with `corrupt`, `wrong_identity` or `unsupported_version` for a disk
 * that cannot be trusted; or with what the disk or the network rejected. Then nothing is left running.
 */
export async function openReplica<Query, Answer>(
  options: ReplicaOptions<Query, Answer>,
): Promise<Replica<Query, Answer>> {
  const complete = validateReplicaOptions(options);
  const { id, voters, clusterId, disk, network, random, segmentBytes } = complete;
  const { wal, storage } = await openWal(disk, {
    identity: { clusterId, nodeId: id },
    incarnation: newIncarnation(random),
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
  });
  let loop: ReplicaLoop<Query, Answer> | undefined;
  try {
    const node = new RaftNode(id, voters, { ...complete.raft, storage, seed: newSeed(random) });
    loop = new ReplicaLoop(complete, node, wal);
    await network.open(loop.receiver, wal.incarnation);
    loop.start();
    return loop;
  } catch (error) {
    await (loop?.close() ?? wal.close());
    throw error;
  }
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
