import { assert, isSafe, type LogIndex, none, RaftError, type Snapshot } from "@quorate/core";
import type { SnapshotStore, StoredSnapshot } from "@quorate/wal";
import type { Restorable } from "./apply-queue.ts";
import type { StateMachine } from "./state-machine.ts";

/** The state of `snapshot`, which is that of `stored`. */
export function restorableOf(
  store: SnapshotStore,
  snapshot: Snapshot,
  stored: StoredSnapshot | undefined,
): Restorable {
  assert(
    stored?.snapshot.index === snapshot.index && stored.snapshot.term === snapshot.term,
    "what is to be restored was stored before",
  );
  return { snapshot, members: stored.members, chunks: () => chunksOf(store, stored) };
}

/** The content of a stored snapshot, verified. Keeps its file until the end, or until nobody asks more. */
async function* chunksOf(
  store: SnapshotStore,
  stored: StoredSnapshot,
): AsyncGenerator<Uint8Array, void> {
  const reader = await store.read(stored);
  try {
    yield* reader.chunks();
  } finally {
    await reader.close();
  }
}

/**
 * Brings a state machine that just started to where the log begins, and tells how far it is then: the
 * index of what it applied last, to be given to the core. Whatever the log holds after that is applied
 * to it again.
 *
 * Rejects with `snapshot_failed` if the log no longer holds what the state machine lacks, with `corrupt`
 * for a damaged snapshot, with `state_machine_failed` for an index that is none, or with what the state
 * machine rejects with.
 */
export async function restoreAtStart(
  stateMachine: Pick<StateMachine<never, unknown>, "snapshots">,
  store: SnapshotStore,
): Promise<LogIndex> {
  const { snapshots } = stateMachine;
  const { newest } = store;
  const index = newest?.snapshot.index ?? none;
  const appliedIndex = snapshots?.kind === "durable" ? await snapshots.appliedIndex() : none;
  if (!isSafe(appliedIndex)) {
    const detail = `appliedIndex must give an index: got ${String(appliedIndex)}`;
    throw new RaftError("state_machine_failed", detail);
  }
  if (newest === undefined || appliedIndex >= index) return appliedIndex;
  if (snapshots === undefined) {
    throw failed(
      `the log begins after entry ${index}, and the state machine restores no snapshots`,
    );
  }
  if (newest.external) {
    const has = snapshots.kind === "durable" ? `has ${appliedIndex}` : "keeps nothing by itself";
    throw failed(
      `the state up to entry ${index} is the state machine's, which ${has}: it was lost`,
    );
  }
  await snapshots.restore(chunksOf(store, newest), index);
  return index;
}

function failed(detail: string): RaftError {
  return new RaftError("snapshot_failed", detail);
}
