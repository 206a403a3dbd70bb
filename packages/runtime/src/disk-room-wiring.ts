import { DiskRoom } from "./disk-room.ts";
import { failureOf } from "./failure.ts";
import type { CompleteReplicaOptions } from "./replica-options.ts";
import type { LoopDoor, Opened, ReplicaParts } from "./replica-parts.ts";

/** What seeing to room on the disk asks of the other parts of a replica. */
type Neighbours = Pick<
  ReplicaParts<never, unknown>,
  "events" | "leadership" | "keeper" | "receiver"
>;

/** Lets a `DiskRoom` see to the disk of a replica. It asks nothing of `parts` before they are all made. */
export function newDiskRoom(
  options: CompleteReplicaOptions<never, unknown>,
  { node, log, reserve }: Opened,
  door: LoopDoor,
  parts: Neighbours,
): DiskRoom {
  const room = new DiskRoom(options, {
    log,
    reserve,
    append: (append, how) => parts.leadership.duringWrite(log.append(append, how)),
    compact: () => parts.keeper.makeRoom(),
    isAlone: () => node.status().voters.length < 2,
    isStoring: () => parts.keeper.isBusy || parts.receiver.receiving !== undefined,
    onFull: () => door.onFull(),
    onRecovered: () => door.onRecovered(),
    onStorageFailed: (error) => door.fail(failureOf("storage_failed", error)),
    resume: (work) => door.resume(work),
  });
  parts.events.subscribe((event) => room.observe(event));
  return room;
}
