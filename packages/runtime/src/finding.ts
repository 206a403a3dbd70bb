import type { LogIndex, NodeId } from "@quorate/core";

/**
 * How much a finding matters. `error`: something does not work. `warning`: it works, but less well or less
 * safely than it should. `info`: it passes by itself, or is as somebody wanted it.
 */
export type Severity = "error" | "warning" | "info";

/**
 * Everything that can be found, the likeliest root cause first: it stands above what follows from it.
 * Stable: programs and alarms rely on the codes. `docs/guides/operate.md` explains each.
 */
export const findingCodes = [
  // What ends a replica, or must never be.
  "state_diverged",
  "states_differ",
  "replica_failed",
  "replica_closed",
  "replica_removed",
  "different_groups",
  "two_leaders",
  // What keeps the disk, or the process, from its work.
  "disk_full",
  "disk_stuck",
  "disk_slow",
  "loop_late",
  // Why there is no leader, or not a lasting one.
  "no_majority",
  "partitioned",
  "log_behind",
  "votes_withheld",
  "lease_promised",
  "change_not_applied",
  "not_a_voter",
  "election_under_way",
  "deposed_leader",
  "leader_silent",
  // Why an entry is not committed, or not applied.
  "commit_stalled",
  "apply_stalled",
  "index_not_committed",
  "index_not_applied",
  "index_not_in_log",
  "index_applied",
  // Who is not as it should be.
  "node_unreachable",
  "peer_one_way",
  "peer_unreachable",
  "peer_silent",
  "peer_stalled",
  // Why calls are refused, or wait.
  "writes_busy",
  "reads_stalled",
  // What is under way.
  "change_under_way",
  "joint_configuration",
  "transfer_under_way",
  "snapshot_under_way",
  "configurations_differ",
  "versions_differ",
] as const;

/** What was found, for programs. */
export type FindingCode = (typeof findingCodes)[number];

/** One thing that is the case, why, and what to do. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What is the case, and why: whole sentences, which name the node that says so. */
  readonly message: string;
  /** What to do; empty if nothing has to be done. */
  readonly remedy: string;
  /** The nodes that it is about, if it is not about the one that says so, or not only. */
  readonly peers?: readonly NodeId[];
  /** The entry that it is about. */
  readonly index?: LogIndex;
}

const severities: readonly Severity[] = ["error", "warning", "info"];

/** The findings in the order in which they should be read: what matters most first, then root causes. */
export function ranked<F extends Finding>(findings: readonly F[]): F[] {
  const rank = ({ code, severity }: Finding): number =>
    severities.indexOf(severity) * findingCodes.length + findingCodes.indexOf(code);
  return findings.toSorted((a, b) => rank(a) - rank(b));
}

/** What makes two findings the same one, however its numbers have changed since. */
export function findingKey({ code, peers = [] }: Finding): string {
  return [code, ...peers].join(" ");
}
