import { assert, unreachable } from "./assert.ts";
import type { EntryId } from "./entry.ts";
import type { LogIndex } from "./ids.ts";
import { type InflightLimits, Inflights } from "./inflights.ts";

/**
 * What the leader knows of one follower's log, and how it may send to it (thesis §10.2.1).
 *
 *     probe ──ack──► replicate
 *      │ ▲               │
 *      │ └── rejection, connection lost
 *      ▼
 *     snapshot ──ack──► replicate
 *         └──arrived, or given up──► probe
 *
 * Invariant: `matchIndex < nextIndex`.
 */
export type Progress = Probe | Replicate | SnapshotProgress;

interface Tracked {
  /** The follower's log is known to equal the leader's up to here. Never decreases. */
  readonly matchIndex: LogIndex;
  /** The next entry to send. */
  readonly nextIndex: LogIndex;
}

/** Where the logs part is not known: one append at a time, answered before the next. */
export interface Probe extends Tracked {
  readonly kind: "probe";
  /** An append is on its way. Its answer, or the answer to a heartbeat, clears this. */
  readonly awaiting: boolean;
}

/** The logs agree up to `nextIndex`, as far as is known: stream ahead of the acknowledgements. */
export interface Replicate extends Tracked {
  readonly kind: "replicate";
  /** What was sent and not acknowledged. */
  readonly inflights: Inflights;
  /**
   * Send an append even if it is empty. Set when a heartbeat was answered while appends are on the
   * way: if one was lost, the follower will reject this one, and the window cannot stay stuck.
   */
  readonly nudge: boolean;
}

/** The log does not reach back to what the follower needs: it is being sent a snapshot (§7). */
export interface SnapshotProgress extends Tracked {
  readonly kind: "snapshot";
  /** Where the snapshot ends. */
  readonly pendingIndex: LogIndex;
}

/** A follower of which nothing is known but that its log may end where the leader's does. */
export function newProgress(nextIndex: LogIndex): Progress {
  return { kind: "probe", matchIndex: 0, nextIndex, awaiting: false };
}

/**
 * The follower acknowledged everything up to `index`. An older acknowledgement changes nothing.
 * `firstIndex` is where the leader's log begins: a follower that reaches it needs no snapshot any more.
 */
export function acked(
  progress: Progress,
  index: LogIndex,
  firstIndex: LogIndex,
  limits: InflightLimits,
): Progress {
  const matchIndex = Math.max(progress.matchIndex, index);
  switch (progress.kind) {
    case "probe": {
      // An acknowledgement from before this probe says nothing about where the logs part.
      if (index < progress.matchIndex) return progress;
      const inflights = new Inflights(limits);
      return { kind: "replicate", matchIndex, nextIndex: matchIndex + 1, inflights, nudge: false };
    }
    case "replicate": {
      progress.inflights.freeTo(index);
      if (index <= progress.matchIndex) return progress;
      const { inflights, nudge } = progress;
      const nextIndex = Math.max(progress.nextIndex, matchIndex + 1);
      return { kind: "replicate", matchIndex, nextIndex, inflights, nudge };
    }
    case "snapshot": {
      // Any acknowledgement that the log goes on from will do, whatever became of the snapshot.
      if (matchIndex + 1 < firstIndex) {
        return { ...progress, matchIndex, nextIndex: matchIndex + 1 };
      }
      const inflights = new Inflights(limits);
      return { kind: "replicate", matchIndex, nextIndex: matchIndex + 1, inflights, nudge: false };
    }
    default:
      return unreachable(progress);
  }
}

/**
 * The follower rejected the append after `prevIndex`; its log may match up to `candidate`. Goes back
 * as far as needed and never to `matchIndex` or before. A rejection that is not of the latest probe,
 * or of something since acknowledged, changes nothing.
 */
export function rejected(progress: Progress, prevIndex: LogIndex, candidate: LogIndex): Progress {
  const { matchIndex } = progress;
  switch (progress.kind) {
    case "probe": {
      if (progress.nextIndex - 1 !== prevIndex || prevIndex <= matchIndex) return progress;
      const nextIndex = Math.max(Math.min(prevIndex, candidate + 1), matchIndex + 1);
      return { kind: "probe", matchIndex, nextIndex, awaiting: false };
    }
    case "replicate": {
      if (prevIndex <= matchIndex) return progress;
      return { kind: "probe", matchIndex, nextIndex: matchIndex + 1, awaiting: false };
    }
    case "snapshot":
      return progress;
    default:
      return unreachable(progress);
  }
}

/** The follower answered a heartbeat: it lives, so what it has not acknowledged may be lost. */
export function alive(progress: Progress, lastIndex: LogIndex): Progress {
  switch (progress.kind) {
    case "probe":
      return progress.awaiting ? { ...progress, awaiting: false } : progress;
    case "replicate":
      return progress.matchIndex < lastIndex ? { ...progress, nudge: true } : progress;
    case "snapshot":
      return progress;
    default:
      return unreachable(progress);
  }
}

/** The connection to the follower was lost, and with it perhaps everything on the way. */
export function disconnected(progress: Progress): Progress {
  const { matchIndex } = progress;
  return { kind: "probe", matchIndex, nextIndex: matchIndex + 1, awaiting: false };
}

/** A snapshot that ends at `pendingIndex` was handed out: nothing else is sent before it is settled. */
export function snapshotSent(progress: Progress, pendingIndex: LogIndex): Progress {
  const { matchIndex, nextIndex } = progress;
  assert(nextIndex <= pendingIndex, "a snapshot is for what the log does not hold");
  return { kind: "snapshot", matchIndex, nextIndex, pendingIndex };
}

/**
 * The snapshot arrived, or was given up. Either way the follower is probed, after its next sign of life:
 * so one that refuses at once is not sent one snapshot after the other.
 */
export function snapshotSettled(progress: Progress, ok: boolean): Progress {
  if (progress.kind !== "snapshot") return progress;
  const { matchIndex, pendingIndex } = progress;
  const nextIndex = (ok ? Math.max(matchIndex, pendingIndex) : matchIndex) + 1;
  return { kind: "probe", matchIndex, nextIndex, awaiting: true };
}

/** An append that follows `prev` was handed out, with `count` entries of `bytes` bytes. */
export function sent(progress: Progress, prev: EntryId, count: number, bytes: number): Progress {
  assert(prev.index === progress.nextIndex - 1, "appends are handed out in order");
  switch (progress.kind) {
    case "probe":
      return { ...progress, awaiting: true };
    case "replicate": {
      const { matchIndex, inflights } = progress;
      const nextIndex = progress.nextIndex + count;
      if (count > 0) inflights.add(nextIndex - 1, bytes);
      return { kind: "replicate", matchIndex, nextIndex, inflights, nudge: false };
    }
    case "snapshot":
      return progress;
    default:
      return unreachable(progress);
  }
}

/**
 * Whether an append, or a snapshot in its place, should go to the follower now, given where the leader's
 * log ends.
 */
export function isAppendDue(progress: Progress, lastIndex: LogIndex): boolean {
  switch (progress.kind) {
    case "probe":
      return !progress.awaiting;
    case "replicate":
      return progress.nudge || (progress.nextIndex <= lastIndex && !progress.inflights.full);
    case "snapshot":
      return false;
    default:
      return unreachable(progress);
  }
}

/** Whether nothing more is sent before the follower answers. */
export function isPaused(progress: Progress): boolean {
  switch (progress.kind) {
    case "probe":
      return progress.awaiting;
    case "replicate":
      return progress.inflights.full;
    case "snapshot":
      return true;
    default:
      return unreachable(progress);
  }
}
