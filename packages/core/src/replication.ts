import { assert } from "./assert.ts";
import {
  type Entry,
  entryBytes,
  type EntryId,
  entryOverheadBytes,
  idOf,
  newEntry,
} from "./entry.ts";
import { RaftError } from "./errors.ts";
import { type LogIndex, type NodeId, none } from "./ids.ts";
import type {
  AppendEntries,
  AppendEntriesRejection,
  AppendEntriesResponse,
  Heartbeat,
  InstallSnapshot,
} from "./message.ts";
import {
  acked,
  alive,
  disconnected,
  isAppendDue,
  rejected,
  sent,
  snapshotSent,
} from "./progress.ts";
import { committedIndex } from "./quorum.ts";
import { type Leader, leaderOf, type Peer, type RaftState } from "./state.ts";

/**
 * Appends commands to the leader's log and returns the index of the last: all of them, or it throws
 * `not_leader`, `transferring`, `too_large` or `busy` and appends none.
 */
export function appendCommands(state: RaftState, commands: readonly Uint8Array[]): LogIndex {
  const { role, log, options } = state;
  if (role.kind !== "leader") {
    const leader = leaderOf(state);
    throw new RaftError("not_leader", `node ${state.id} does not lead term ${state.term}`, {
      leader,
    });
  }
  checkStays(state, role);
  let bytes = 0;
  for (const data of commands) {
    if (data.length > options.commandBytesMax) {
      const most = options.commandBytesMax;
      throw new RaftError("too_large", `a command of ${data.length} bytes exceeds ${most}`);
    }
    bytes += data.length + entryOverheadBytes;
  }
  if (role.uncommittedBytes > 0 && role.uncommittedBytes + bytes > options.uncommittedBytesMax) {
    throw new RaftError("busy", `${role.uncommittedBytes} bytes of entries wait to be committed`);
  }
  for (const data of commands) {
    log.append(newEntry({ term: state.term, index: log.lastIndex + 1 }, "command", data));
  }
  role.uncommittedBytes += bytes;
  return log.lastIndex;
}

/** Throws `transferring` if the leader is on its way out: its log must come to an end (thesis §3.10). */
function checkStays({ id, term }: RaftState, { transfer, retirement }: Leader): void {
  if (transfer !== undefined) {
    const leader = transfer.to;
    throw new RaftError("transferring", `node ${id} is handing term ${term} over`, { leader });
  }
  if (retirement !== undefined) {
    throw new RaftError("transferring", `node ${id} is no voter any more, and about to step down`);
  }
}

/** What takes a follower on: entries, or a snapshot in the place of those that are gone. */
export type Replication = AppendEntries | InstallSnapshot;

/**
 * What is due to each follower now. It follows from the progress alone, so nothing is lost if it is
 * never sent, and what is proposed in one turn goes out in one message.
 */
export function dueAppends(state: RaftState): Replication[] {
  if (state.role.kind !== "leader") return [];
  const due: Replication[] = [];
  for (const [to, peer] of state.role.peers) addDueAppends(due, state, to, peer);
  return due;
}

/** Whether `dueAppends` is not empty. */
export function hasDueAppends(state: RaftState): boolean {
  if (state.role.kind !== "leader") return false;
  for (const { progress } of state.role.peers.values()) {
    if (isAppendDue(progress, state.log.lastIndex)) return true;
  }
  return false;
}

function addDueAppends(due: Replication[], state: RaftState, to: NodeId, peer: Peer): void {
  const { progress } = peer;
  const { log, options } = state;
  if (!isAppendDue(progress, log.lastIndex)) return;
  if (progress.nextIndex <= log.base.index) {
    due.push(newInstall(state, to));
    return;
  }
  if (progress.kind === "snapshot") return;
  if (progress.kind === "probe") {
    due.push(newAppend(state, to, progress.nextIndex, options.messageBytesMax));
    return;
  }
  const { inflights } = progress;
  let next = progress.nextIndex;
  let count = inflights.count;
  let bytes = inflights.bytes;
  while (
    next <= log.lastIndex &&
    count < inflights.limits.countMax &&
    bytes < inflights.limits.bytesMax
  ) {
    const append = newAppend(state, to, next, options.messageBytesMax);
    due.push(append);
    next += append.entries.length;
    count += 1;
    bytes += bytesOf(append.entries);
  }
  // Only a nudge is due: the window is full, or all is sent, and an answer may be lost.
  if (next === progress.nextIndex) due.push(newAppend(state, to, next, 0));
}

/** An append of entries from `next`, up to `bytesMax` bytes and none for 0. */
function newAppend(state: RaftState, to: NodeId, next: LogIndex, bytesMax: number): AppendEntries {
  const { id, term, log, commitIndex } = state;
  const prevTerm = log.termAt(next - 1);
  assert(prevTerm !== undefined, "the leader's log reaches back to what a follower needs");
  const prev: EntryId = { term: prevTerm, index: next - 1 };
  const some = bytesMax > 0 && next <= log.lastIndex;
  const entries = some ? log.slice(next, log.lastIndex, bytesMax) : [];
  return { kind: "append-entries", from: id, to, term, prev, entries, commitIndex };
}

/** The snapshot in the place of entries that are gone (§7). */
function newInstall(state: RaftState, to: NodeId): InstallSnapshot {
  const { id, term, snapshot, log } = state;
  assert(
    snapshot !== undefined && snapshot.index >= log.base.index,
    "a snapshot stands in for whatever the log has lost",
  );
  return { kind: "install-snapshot", from: id, to, term, snapshot };
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

/**
 * Takes note that an append or a snapshot was handed out. Between offering and handing out, the progress
 * may have changed so that it is not the next one any more; then it is only a repetition.
 */
export function onAppendHandedOver(state: RaftState, append: Replication): void {
  const { role } = state;
  if (role.kind !== "leader" || append.term !== state.term) return;
  const peer = role.peers.get(append.to);
  if (peer === undefined) return;
  if (append.kind === "install-snapshot") {
    const { index } = append.snapshot;
    if (peer.progress.nextIndex <= index) peer.progress = snapshotSent(peer.progress, index);
    return;
  }
  if (append.prev.index !== peer.progress.nextIndex - 1) return;
  const { entries } = append;
  peer.progress = sent(peer.progress, append.prev, entries.length, bytesOf(entries));
}

/**
 * Makes this log equal to the leader's up to the end of `message`, if it holds `prev` (§5.3), and
 * acknowledges exactly that much: its own tail may belong to another leader.
 */
export function onAppendEntries(state: RaftState, message: AppendEntries): void {
  const { log } = state;
  const { prev, entries } = message;
  if (prev.index < state.commitIndex) {
    // Late: what is committed equals the leader's log, whatever the message repeats of it.
    acknowledge(state, message.from, state.commitIndex);
    return;
  }
  if (!log.holds(prev)) {
    const { id, term } = state;
    const hint = idOf(log.lastAtMost(prev.index, prev.term));
    const kind = "append-entries-rejection";
    const rejection = {
      kind,
      from: id,
      to: message.from,
      term,
      prevIndex: prev.index,
      hint,
    } as const;
    state.outbox.messages.push(rejection);
    return;
  }
  log.merge(entries);
  const matchIndex = prev.index + entries.length;
  commitTo(state, Math.min(message.commitIndex, matchIndex));
  acknowledge(state, message.from, matchIndex);
}

function acknowledge(state: RaftState, to: NodeId, matchIndex: LogIndex): void {
  const { id, term } = state;
  const kind = "append-entries-response";
  // The entries may still be on their way to the disk.
  state.outbox.messagesAfterPersist.push({ kind, from: id, to, term, matchIndex });
}

/** Learns what is committed. The leader names no more than this node has acknowledged. */
export function onHeartbeat(state: RaftState, message: Heartbeat): void {
  commitTo(state, message.commitIndex);
  const { id, term, log, persistedHardState, commitIndex, outbox } = state;
  const { from, readRound } = message;
  // By the answer a leader that was removed sees that this node knows, and goes: so the disk must know.
  const isBound = log.hasKind("conf-change", persistedHardState.commitIndex, commitIndex);
  const messages = isBound ? outbox.messagesAfterPersist : outbox.messages;
  messages.push({ kind: "heartbeat-response", from: id, to: from, term, readRound });
}

/** A follower holds this log up to `matchIndex`. */
export function onAppendEntriesResponse(
  state: RaftState,
  leader: Leader,
  peer: Peer,
  message: AppendEntriesResponse,
): void {
  const { firstIndex } = state.log;
  peer.progress = acked(peer.progress, message.matchIndex, firstIndex, state.options.inflight);
  advanceCommit(state, leader);
}

/** A follower lacks the entry before an append: look further back, a whole term at a time (§5.3). */
export function onAppendEntriesRejection(
  state: RaftState,
  peer: Peer,
  message: AppendEntriesRejection,
): void {
  // The follower's last entry that may match names a term; where this log has a newer one, they differ.
  // Of what this log has lost nothing is known: then a snapshot goes out.
  const { index, term } = message.hint;
  const { log } = state;
  const candidate = index < log.base.index ? index : log.lastAtMost(index, term).index;
  peer.progress = rejected(peer.progress, message.prevIndex, candidate);
}

/** A follower answered a heartbeat, so that what it has not acknowledged may be lost. */
export function onAlive(state: RaftState, peer: Peer): void {
  peer.progress = alive(peer.progress, state.log.lastIndex);
}

/** The connection to a follower was lost. */
export function onUnreachable(state: RaftState, id: NodeId): void {
  const peer = state.role.kind === "leader" ? state.role.peers.get(id) : undefined;
  if (peer?.progress.kind === "replicate") peer.progress = disconnected(peer.progress);
}

/**
 * Commits what a majority holds durably, this node counted by its own disk: only entries of the
 * current term are counted (§5.4.2, Figure 8); what is before them is committed with them.
 */
export function advanceCommit(state: RaftState, leader: Leader): void {
  const { log } = state;
  if (state.commitIndex === log.lastIndex) return;
  const index = committedIndex(state.voters, (id) =>
    id === state.id ? log.persistedIndex : (leader.peers.get(id)?.progress.matchIndex ?? none),
  );
  if (index <= state.commitIndex || log.termAt(index) !== state.term) return;
  leader.uncommittedBytes -= log.bytesBetween(state.commitIndex, index);
  commitTo(state, index);
}

function commitTo(state: RaftState, index: LogIndex): void {
  if (index <= state.commitIndex) return;
  assert(index <= state.log.lastIndex, "only what is in the log is committed");
  state.commitIndex = index;
}
