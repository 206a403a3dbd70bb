import { none } from "@quorate/core";
import { notApplied, notCommitted } from "./explain-index.ts";
import { counted, nodes, spareVoters, span, votersIn } from "./explain-words.ts";
import type { Finding } from "./finding.ts";
import type { ReplicaStatus } from "./replica.ts";

/** What is the matter with a replica that has come to an end; undefined if it has not. */
export function explainEnd({ id, state, failure }: ReplicaStatus): Finding | undefined {
  switch (state) {
    case "failed": {
      const isDiverged = failure?.startsWith("diverged") === true;
      return {
        code: isDiverged ? "state_diverged" : "replica_failed",
        severity: "error",
        message: `Node ${id} stopped by itself: ${failure ?? "it does not say why"}.`,
        remedy: isDiverged
          ? `Its state machine is not deterministic, or its memory or disk is damaged: replace node ${id}, ` +
            `and compare the states before you trust either.`
          : `Mend what the reason names, then start node ${id} again. It does not come back by itself.`,
      };
    }
    case "removed":
      return {
        code: "replica_removed",
        severity: "error",
        message: `Node ${id} was removed from its group, for good.`,
        remedy: "To come back it needs an empty data directory and an id that was never used.",
      };
    case "closed":
      return {
        code: "replica_closed",
        severity: "error",
        message: `Node ${id} is closed.`,
        remedy: `Start node ${id} again.`,
      };
    case "running":
    case "full":
      return undefined;
  }
}

/** What keeps this node from its work: its disk, its event loop, its state machine. */
export function explainNode(status: ReplicaStatus): readonly Finding[] {
  return [...states(status), ...disk(status), ...loop(status), ...log(status), ...calls(status)];
}

/** Who has another state than this node, after the same entry. */
function states({ id, digest, confState }: ReplicaStatus): readonly Finding[] {
  if (digest === undefined || digest.differ.length === 0) return [];
  const { index, differ, agree } = digest;
  const sameAs = agree.length === 0 ? "" : `, which is that of ${nodes(agree)}`;
  const same = new Set([id, ...agree]);
  const isRight = spareVoters(confState, (voter) => same.has(voter)) >= 0;
  return [
    {
      code: "states_differ",
      severity: isRight ? "warning" : "error",
      message:
        `Of ${nodes(differ)} the state is another than that of node ${id}${sameAs}, as of entry ${index} ` +
        `or the last one that both were compared at.`,
      remedy: isRight
        ? `A majority agrees: replace ${nodes(differ)}, and find out which command made the difference.`
        : "Nobody can say who is right: compare what the states hold, keep one, and replace the others.",
      peers: differ,
      index,
    },
  ];
}

function disk(status: ReplicaStatus): readonly Finding[] {
  const { id, state, strain, role, electionTimeoutMs } = status;
  const { writingMs, diskIsStuck } = strain;
  if (state === "full") return [diskFull(status)];
  if (!diskIsStuck && writingMs <= electionTimeoutMs) return [];
  const lasts = `A write to the disk of node ${id} has lasted ${span(writingMs)}`;
  if (!diskIsStuck) {
    const remedy = `See what else uses the disk of node ${id}, and whether it fails.`;
    return [{ code: "disk_slow", severity: "warning", message: `${lasts}.`, remedy }];
  }
  const part = role === "leader" ? "Others commit without it." : "It does not campaign.";
  return [
    {
      code: "disk_stuck",
      severity: "error",
      message: `${lasts}, which no healthy one does. ${part}`,
      remedy: `See to the disk of node ${id}. If the write never ends, restart the node, or replace it.`,
    },
  ];
}

/** What a full disk has no room for, and what to do about it. */
const lacks = {
  snapshot: { what: "a snapshot", remedy: "Make as much room as the state takes" },
  entries: { what: "what was taken already", remedy: "Make some room" },
  segment: { what: "more of the log", remedy: "Make some room" },
  reserve: { what: "the reserve", remedy: "Make room for it, or restart with a smaller reserve" },
} as const;

function diskFull({ id, strain, confState, diskLacks = "segment" }: ReplicaStatus): Finding {
  const { what, remedy } = lacks[diskLacks];
  const others = votersIn(confState).length > 1 ? ", and lets others lead if they can" : "";
  const part = diskLacks === "entries" ? ", and can neither vote nor be elected" : others;
  return {
    code: "disk_full",
    severity: "error",
    message:
      `The disk of node ${id} is full, for ${span(strain.diskFullMs)}, and has no room for ${what}: it ` +
      `refuses writes${part}.`,
    remedy: `${remedy} on the disk of node ${id}, or enlarge it. It goes on by itself.`,
  };
}

function loop({ id, strain, electionTimeoutMs }: ReplicaStatus): readonly Finding[] {
  const { loopLateMs } = strain;
  if (loopLateMs < electionTimeoutMs) return [];
  return [
    {
      code: "loop_late",
      severity: "warning",
      message:
        `The event loop of node ${id} was late by up to ${span(loopLateMs)} a moment ago: longer than ` +
        `others wait for it, ${span(electionTimeoutMs)}.`,
      remedy:
        "See what blocks it: a pause of the process or the machine, a long computation, too little " +
        "processor.",
    },
  ];
}

/** Why the log does not move on: nothing is committed, or not applied. */
function log(status: ReplicaStatus): readonly Finding[] {
  const { strain, electionTimeoutMs, commitIndex, appliedIndex } = status;
  const findings: Finding[] = [];
  if (strain.commitStalledMs > electionTimeoutMs) {
    const finding = notCommitted(status, commitIndex + 1);
    const since = `Nothing was committed for ${span(strain.commitStalledMs)}.`;
    const message = `${since} ${finding.message}`;
    findings.push({ ...finding, code: "commit_stalled", severity: "error", message });
  }
  if (strain.applyStalledMs > electionTimeoutMs) {
    findings.push({ ...notApplied(status, appliedIndex + 1), code: "apply_stalled" });
  }
  return findings;
}

/** Why calls are refused, or wait. */
function calls(status: ReplicaStatus): readonly Finding[] {
  const { id, strain, electionTimeoutMs, pending } = status;
  const findings: Finding[] = [];
  const full = reachedLimits(status);
  if (full.length > 0) {
    findings.push({
      code: "writes_busy",
      severity: "warning",
      message: `Node ${id} refuses writes as busy: ${full.join("; ")}.`,
      remedy:
        "Write less at a time; else see why what is pending does not settle: what is not committed, or a " +
        "slow disk.",
    });
  }
  if (strain.readStalledMs > electionTimeoutMs) {
    findings.push({
      code: "reads_stalled",
      severity: "warning",
      message:
        `A read has been waiting on node ${id} for ${span(strain.readStalledMs)}, one of ` +
        `${counted(pending.reads, "pending read")}: ${readReason(status)}.`,
      remedy: "Mend what the reason names. A local read is answered without waiting for others.",
    });
  }
  return findings;
}

function reachedLimits({
  pending,
  unpersistedBytes,
  uncommittedBytes,
  limits,
}: ReplicaStatus): readonly string[] {
  const { proposalCountMax, unpersistedBytesMax, uncommittedBytesMax } = limits;
  const reached: string[] = [];
  if (pending.proposals >= proposalCountMax) {
    reached.push(
      `${counted(pending.proposals, "proposal is", "proposals are")} pending, the most there may be`,
    );
  }
  if (unpersistedBytes > unpersistedBytesMax) {
    reached.push(`${unpersistedBytes} bytes wait for the disk, and ${unpersistedBytesMax} may`);
  }
  if (uncommittedBytes >= uncommittedBytesMax) {
    reached.push(`${uncommittedBytes} bytes are not committed, and ${uncommittedBytesMax} may be`);
  }
  return reached;
}

function readReason(status: ReplicaStatus): string {
  const { leader, role, pendingReadCount, appliedIndex, commitIndex, id } = status;
  if (leader === none) return "there is no leader";
  if (role === "leader" && pendingReadCount > 0) {
    return "a majority has not yet confirmed that this node still leads";
  }
  if (pendingReadCount > 0) return `node ${leader}, which leads, has not answered`;
  if (appliedIndex < commitIndex) {
    return `node ${id} has applied entry ${appliedIndex}, and ${commitIndex} is committed`;
  }
  return "what it is to see is not applied yet, or its query does not end";
}
