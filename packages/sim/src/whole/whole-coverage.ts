import { type FaultName, faultNames, type OperationName, operationNames } from "./whole-plan.ts";

const happenings = [
  "rot",
  "rot-of-several",
  "rot-of-majority",
  "wipe",
  "stray",
  "diverged",
  "diverged-stopped",
  "diverged-refused",
  "frame-lost",
  "frame-late",
  "frame-duplicated",
  "frame-reordered",
  "frame-cut-off",
  "frame-clogged",
  "connected",
  "disconnected",
  "connection-refused",
  "start-on-empty-disk",
  "start-on-log",
  "start-failed",
  "crash-with-disk-call-under-way",
  "crash-while-starting",
  "torn-tail-cut",
  "unsynced-entries-lost",
  "unacknowledged-entries-kept",
  "disk-error-stopped-replica",
  "disk-full-refused",
  "disk-full-recovered",
  "full-disk-of-all",
  "start-on-full-disk",
  "reserve-made",
  "reserve-given-up",
  "room-made",
  "healed-on-small-disks",
  "rot-refused",
  "rot-mended-alone",
  "rot-mended-by-others",
  "rot-mended-later",
  "rot-harmless",
  "leader-elected",
  "leader-changed",
  "message-refused",
  "write-applied",
  "write-at-follower",
  "write-forwarded",
  "write-failed",
  "write-unknown",
  "write-retried",
  "write-repeated",
  "session-open-done",
  "session-command-applied",
  "session-command-replayed",
  "session-command-expired",
  "session-once-applied",
  "session-once-replayed",
  "read-answered",
  "read-at-follower",
  "read-failed",
  "read-local",
  "call-to-dead-node",
  "outcome-superseded",
  "outcome-busy",
  "outcome-unavailable",
  "outcome-disk_full",
  "outcome-aborted",
  "outcome-deadline_exceeded",
  "outcome-leadership_lost",
  "outcome-storage_failed",
  "outcome-stopped",
  "outcome-closed",
  "outcome-connection-lost",
  "log-replayed",
  "durable-machine",
  "snapshot-taken",
  "snapshot-sent",
  "snapshot-given-up",
  "snapshot-received",
  "snapshot-restored",
  "members-changed",
  "removed",
  "removed-and-stopped",
  "change-done",
  "change-failed",
  "change-unknown",
  "change-invalid_change",
  "change-configuration_changed",
  "change-catch_up_failed",
  "change-change_pending",
  "change-leadership_lost",
  "transfer-done",
  "transfer-failed",
  "transfer-transfer_failed",
  "snapshot-done",
  "snapshot-failed",
  "read-at-least",
  "read-bounded",
  "read-lease-at-leader",
  "healed-without-majority",
  "ended-removed",
  "ended-transferred",
  "ended-disk-stuck",
  "ended-shutting-down",
  "ended-newer-term",
  "ended-no-quorum",
  "ended-disk-full",
  "ended-event-loop-lag",
  "slow-machine",
  "check-point",
  "healed-majority",
  "healed-beside-full",
  "healed-all",
] as const;

/** One thing that whole-level runs must have seen. */
export type WholeCoverageKind = FaultName | OperationName | (typeof happenings)[number];

/** Everything that a range of whole-level runs must have seen to mean anything. */
export const wholeCoverageKinds: readonly WholeCoverageKind[] = [
  ...faultNames,
  ...operationNames,
  ...happenings,
];

const known: ReadonlySet<string> = new Set(wholeCoverageKinds);

/** Counts what a run has seen. */
export class WholeCoverage {
  readonly #counts = new Map<WholeCoverageKind, number>();

  get counts(): ReadonlyMap<WholeCoverageKind, number> {
    return this.#counts;
  }

  count(kind: WholeCoverageKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  /** Counts what is called `kind`, if that is something that must be seen. */
  countKnown(kind: string): void {
    if (isKnown(kind)) this.count(kind);
  }
}

function isKnown(kind: string): kind is WholeCoverageKind {
  return known.has(kind);
}
