import type { ConfState } from "./conf-state.ts";
import { type ErrorCode, RaftError } from "./errors.ts";
import { isSafe, type LogIndex, type NodeId, none } from "./ids.ts";
import type { InstallSnapshot } from "./message.ts";
import { snapshotSettled } from "./progress.ts";
import { configure, type RaftState } from "./state.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * What a snapshot of the state machine would stand for if it were taken now. Throws `snapshot_failed` while
 * the state machine is being restored from another, and before a node that joins has a configuration.
 */
export function snapshotPoint(state: RaftState): Snapshot {
  const { appliedIndex: index, log, confState } = state;
  const term = log.termAt(index);
  if (term === undefined) {
    throw new RaftError("snapshot_failed", `a snapshot at ${log.base.index} is being installed`);
  }
  checkStandsIn(confState, "snapshot_failed");
  return { index, term, confState };
}

/**
 * Forgets the entries up to `index`, which a durable `snapshot` stands in for. Throws
 * `invalid_argument` for a snapshot of what is not applied, or without a configuration, or an index
 * beyond it.
 */
export function compact(state: RaftState, snapshot: Snapshot, index: LogIndex): void {
  const { log, appliedIndex } = state;
  if (!isSafe(index) || index > snapshot.index || snapshot.index > appliedIndex) {
    throw new RaftError(
      "invalid_argument",
      `a snapshot at ${snapshot.index} cannot stand in for entries up to ${index}, ` +
        `with ${appliedIndex} applied`,
    );
  }
  checkStandsIn(snapshot.confState, "invalid_argument");
  const term = log.termAt(snapshot.index);
  if (term !== undefined && term !== snapshot.term) {
    throw new RaftError("invalid_argument", `entry ${snapshot.index} has term ${term}`);
  }
  if (state.snapshot === undefined || state.snapshot.index < snapshot.index) {
    state.snapshot = snapshot;
  }
  log.compact(index);
}

/** Whoever began from a snapshot of no configuration would have none, though the group has one. */
function checkStandsIn({ voters }: ConfState, code: ErrorCode): void {
  if (voters.length > 0) return;
  throw new RaftError(code, "a node that joins has nothing to stand in for yet");
}

/**
 * Takes the snapshot in the place of the log up to it (§7). One that is not ahead of what is committed
 * here changes nothing; if the log holds its entry, so does everything behind that, and stays; else
 * the whole log goes, and the state machine begins anew.
 */
export function onInstallSnapshot(state: RaftState, message: InstallSnapshot): void {
  const { snapshot } = message;
  const { log } = state;
  if (snapshot.index > state.commitIndex) {
    if (!log.holds(snapshot)) restore(state, snapshot);
    state.commitIndex = snapshot.index;
  }
  // It is durable, and the one before it may not be kept.
  if (log.holds(snapshot) && snapshot.index > (state.snapshot?.index ?? none)) {
    state.snapshot = snapshot;
  }
  const { id: from, term } = state;
  const to = message.from;
  state.outbox.messagesAfterPersist.push({
    kind: "append-entries-response",
    from,
    to,
    term,
    matchIndex: state.commitIndex,
  });
}

function restore(state: RaftState, snapshot: Snapshot): void {
  state.log.restore(snapshot);
  state.restoring = snapshot;
  // What is being applied was committed before it, so it goes ahead; none of it counts any more.
  state.applyingBytes = 0;
  state.applyingChanges = [];
  configure(state, snapshot.confState, snapshot.index);
}

/** The state of a snapshot arrived at `id`, or was given up. */
export function onSnapshotReported(state: RaftState, id: NodeId, ok: boolean): void {
  const peer = state.role.kind === "leader" ? state.role.peers.get(id) : undefined;
  if (peer !== undefined) peer.progress = snapshotSettled(peer.progress, ok);
}
