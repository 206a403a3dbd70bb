import { RaftError } from "@quorate/core";
import { encodeMembers } from "@quorate/wire";
import type { Interlude } from "./apply-queue.ts";
import { failureOf } from "./failure.ts";
import type { CompleteReplicaOptions } from "./replica-options.ts";
import type { LoopDoor, Opened, ReplicaParts } from "./replica-parts.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";

/** The parts that those of the snapshots know. */
interface Neighbours extends Pick<
  ReplicaParts<never, never>,
  "events" | "keeper" | "members" | "sender"
> {
  readonly applyQueue: { interrupt(interlude: Interlude): void };
}

/** The part that takes snapshots, among the others. */
export function newKeeper<Query, Answer>(
  options: CompleteReplicaOptions<Query, Answer>,
  opened: Opened,
  door: LoopDoor,
  parts: Neighbours,
): SnapshotKeeper {
  const { clock, random, stateMachine } = options;
  const { node, log, store, entries } = opened;
  return new SnapshotKeeper(
    options,
    {
      node,
      clock,
      random,
      stateMachine,
      store,
      log,
      members: () => encodeMembers(parts.members.membership.table),
      interrupt: (interlude) => interrupt(interlude, door, parts),
      neededIndex: () => parts.sender.neededIndex,
      onTaken: ({ snapshot: { index }, contentBytes: bytes }, ms) =>
        parts.events.emit({ kind: "snapshot-taken", index, bytes, ms }),
      onFailed: (error) => parts.events.emit({ kind: "snapshot-failed", error }),
      onStorageFailed: (error) => door.fail(failureOf("storage_failed", error)),
      resume: (work) => door.resume(work),
    },
    entries,
  );
}

/** The part that sends snapshots, among the others. */
export function newSender<Query, Answer>(
  options: CompleteReplicaOptions<Query, Answer>,
  opened: Opened,
  door: LoopDoor,
  parts: Neighbours,
): SnapshotSender {
  const { clock, random, network, stateMachine } = options;
  const { node, store } = opened;
  return new SnapshotSender(options, {
    node,
    clock,
    random,
    network,
    store,
    stateMachine,
    members: () => encodeMembers(parts.members.membership.table),
    interrupt: (interlude) => interrupt(interlude, door, parts),
    onSent: (peer, index, ms) => {
      parts.events.emit({ kind: "snapshot-sent", peer, index, ms });
      parts.keeper.compact();
    },
    onGivenUp: (peer, error) => {
      const failure = error instanceof RaftError ? error : failureOf("snapshot_failed", error);
      // A damaged snapshot is of no use to anybody: a new one takes its place.
      if (failure.code === "corrupt") parts.keeper.need();
      parts.events.emit({ kind: "snapshot-given-up", peer, error: failure });
    },
    wake: () => door.wake(),
    resume: (work) => door.resume(work),
  });
}

/** The part that takes in snapshots, among the others. */
export function newReceiver<Query, Answer>(
  options: CompleteReplicaOptions<Query, Answer>,
  opened: Opened,
  door: LoopDoor,
  parts: Neighbours,
): SnapshotReceiver {
  const { clock, network, stateMachine } = options;
  const { node, store } = opened;
  return new SnapshotReceiver(options, {
    node,
    clock,
    network,
    store,
    canRestore: stateMachine.snapshots !== undefined,
    onReceived: ({ snapshot: { index }, contentBytes: bytes }, peer, ms) =>
      parts.events.emit({ kind: "snapshot-received", peer, index, bytes, ms }),
    onRestored: (index, ms) => parts.events.emit({ kind: "snapshot-restored", index, ms }),
    onRefused: (from, error) => parts.events.refuse(from, error),
    onStorageFailed: (error) => door.fail(failureOf("storage_failed", error)),
    wake: () => door.wake(),
    resume: (work) => door.resume(work),
  });
}

function interrupt(interlude: Interlude, door: LoopDoor, parts: Neighbours): void {
  parts.applyQueue.interrupt(interlude);
  door.wake();
}
