import { committedIndex, type LogIndex, type NodeId, none, quorum, votersOf } from "@quorate/core";
import { explainLeader } from "./explain-leader.ts";
import { contactOf, counted, lastHeard, lost, majoritiesOf, nodes, span } from "./explain-words.ts";
import type { Finding } from "./finding.ts";
import type { ReplicaStatus } from "./replica.ts";

/**
 * What became of the entry at `index`, as far as this replica knows: why it is not committed, who holds it
 * up, or why it is not applied. Only the leader knows who has it; other replicas name the leader. What
 * explains the rest, such as why there is none, follows.
 */
export function explainIndex(status: ReplicaStatus, index: LogIndex): readonly Finding[] {
  const { id, last, commitIndex, appliedIndex } = status;
  if (index <= appliedIndex) {
    const message = `Entry ${index} is committed, and applied on node ${id}.`;
    return [{ code: "index_applied", severity: "info", message, remedy: "", index }];
  }
  if (index <= commitIndex) return [notApplied(status, index)];
  if (index > last.index) return [notInLog(status, index), ...explainLeader(status)];
  if (status.role === "leader") return [notCommitted(status, index)];
  return [notKnownCommitted(status, index), ...explainLeader(status)];
}

/** Why the entry at `index`, which is not committed, is not, as its leader knows. */
export function notCommitted(status: ReplicaStatus, index: LogIndex): Finding {
  const { id, term, last, confState } = status;
  const matchOf = matchIndexIn(status);
  const agreed = Math.min(committedIndex(votersOf(confState), matchOf), last.index);
  // A majority has it, and yet it is not committed: then it is of an earlier term (§5.4.2).
  const isOfOldTerm = agreed >= index;
  const target = isOfOldTerm ? agreed + 1 : index;
  const lacking = new Set<NodeId>();
  const counts = majoritiesOf(confState).map(({ name, voters }) => {
    const having = voters.filter((voter) => matchOf(voter) >= target);
    const needed = quorum(voters.length);
    if (having.length < needed) {
      for (const voter of voters) if (!having.includes(voter)) lacking.add(voter);
    }
    return `${having.length} of ${voters.length} ${name} have it, and ${needed} must`;
  });
  const ids = [...lacking].sort((a, b) => a - b);
  const what = isOfOldTerm
    ? `Entry ${index} is not committed: it is of an earlier term, and is committed by the first entry ` +
      `of term ${term} that is (§5.4.2). Of entry ${target}: ${counts.join("; ")}.`
    : `Entry ${index} is not committed: ${counts.join("; ")}.`;
  const whys = ids.map((voter) => `node ${voter}, ${holdUp(status, voter, target)}`);
  return {
    code: "index_not_committed",
    severity: "warning",
    message: `${what} Held up by: ${whys.join("; ")}.`,
    remedy: remedyFor(status, ids, id),
    peers: ids,
    index,
  };
}

/** Up to where each node is known to have the log durably. */
function matchIndexIn({ id, persistedIndex, progress }: ReplicaStatus): (node: NodeId) => LogIndex {
  return (node) => {
    if (node === id) return persistedIndex;
    return progress.find((peer) => peer.id === node)?.matchIndex ?? none;
  };
}

/** Why `voter` is not known to have the entry at `target`. */
function holdUp(status: ReplicaStatus, voter: NodeId, target: LogIndex): string {
  const behind = target - matchIndexIn(status)(voter);
  const lag = `${counted(behind, "entry", "entries")} behind`;
  if (voter === status.id) return `${lag}, ${ownDisk(status)}`;
  const progress = status.progress.find((peer) => peer.id === voter);
  const contact = contactOf(status, voter);
  if (contact !== undefined && !contact.connected) return `${lag}, ${lost(contact)}`;
  if (contact === undefined) return `${lag}, new to it`;
  const { heardAgoMs = Number.POSITIVE_INFINITY } = contact;
  if (heardAgoMs > status.electionTimeoutMs) return `${lag}, ${lastHeard(contact)}`;
  const sending = status.snapshots.sending.find(({ peer }) => peer === voter);
  if (sending !== undefined) {
    return `${lag}, being sent a snapshot: ${sending.ackedBytes} of ${sending.bytes} bytes`;
  }
  if (progress?.kind === "snapshot") return `${lag}, waiting for a snapshot`;
  if (contact.stalledMs > status.electionTimeoutMs) {
    return `${lag}, answering and yet no nearer for ${span(contact.stalledMs)}: its disk is slow or full`;
  }
  return `${lag}, being sent what it lacks, ${lastHeard(contact)}`;
}

function ownDisk({ state, strain }: ReplicaStatus): string {
  if (state === "full") return "its disk is full";
  if (strain.diskIsStuck) return `its disk is stuck: a write has lasted ${span(strain.writingMs)}`;
  return `whose disk is writing them`;
}

function remedyFor(status: ReplicaStatus, ids: readonly NodeId[], self: NodeId): string {
  const gone = ids.filter((id) => contactOf(status, id)?.connected === false);
  const silent = ids.filter((id) => {
    const contact = contactOf(status, id);
    if (contact?.connected !== true) return false;
    return (contact.heardAgoMs ?? Number.POSITIVE_INFINITY) > status.electionTimeoutMs;
  });
  const steps: string[] = [];
  if (gone.length > 0) steps.push(`Start ${nodes(gone)}, or mend the network.`);
  if (silent.length > 0) {
    steps.push(`See whether ${nodes(silent)} is paused, overloaded or waiting for its disk.`);
  }
  const own = ids.includes(self) && (status.state === "full" || status.strain.diskIsStuck);
  if (own) steps.push(`See to the disk of node ${self}.`);
  const rest = ids.filter(
    (id) => id !== self && (contactOf(status, id)?.stalledMs ?? 0) > status.electionTimeoutMs,
  );
  const slow = rest.filter((id) => !gone.includes(id) && !silent.includes(id));
  if (slow.length > 0) steps.push(`See to the disk of ${nodes(slow)}.`);
  if (steps.length === 0) return "Nothing: it is on its way.";
  return steps.length > 1
    ? `${steps.join(" Or: ")} What completes a majority suffices.`
    : steps.join("");
}

/** Why nothing more is applied, with the next entry that is due. */
export function notApplied(status: ReplicaStatus, index: LogIndex): Finding {
  const { id, appliedIndex, persistedIndex, strain, snapshots } = status;
  const waits =
    `Entry ${index} is committed, and not applied on node ${id}, which has applied up to ` +
    `${appliedIndex}`;
  const finding = { code: "index_not_applied", severity: "warning", index } as const;
  if (snapshots.receiving !== undefined) {
    const message = `${waits}: it is receiving a snapshot.`;
    return { ...finding, message, remedy: "Nothing: it goes on by itself." };
  }
  if (persistedIndex <= appliedIndex) {
    const message = `${waits}: the entries after that are not durable there, since ${ownDiskReason(status)}.`;
    return { ...finding, message, remedy: `See to the disk of node ${id}.` };
  }
  const since =
    strain.applyStalledMs > 0 ? `, and has not moved for ${span(strain.applyStalledMs)}` : "";
  return {
    ...finding,
    message: `${waits}: its state machine is behind${since}.`,
    remedy:
      "See what the state machine does: an apply, a restore or a query that does not end holds it up.",
  };
}

function ownDiskReason({ state, strain }: ReplicaStatus): string {
  if (state === "full") return "the disk is full";
  return strain.diskIsStuck
    ? `the disk is stuck: a write has lasted ${span(strain.writingMs)}`
    : "they are being written";
}

function notInLog({ id, role, leader, last }: ReplicaStatus, index: LogIndex): Finding {
  const end = `Node ${id} has no entry ${index}: its log ends with entry ${last.index}`;
  const finding = { code: "index_not_in_log", severity: "info", index } as const;
  if (role === "leader") {
    return { ...finding, message: `${end}, and it leads: nothing has that index yet.`, remedy: "" };
  }
  if (leader === none) {
    return { ...finding, message: `${end}, and it knows no leader.`, remedy: "" };
  }
  const remedy = `Ask node ${leader}, which leads.`;
  return { ...finding, message: `${end}, and node ${leader} leads.`, remedy, peers: [leader] };
}

function notKnownCommitted(
  { id, leader, commitIndex, persistedIndex }: ReplicaStatus,
  index: LogIndex,
): Finding {
  const has = index <= persistedIndex ? "has it" : "has it, not durably yet,";
  const message =
    `Node ${id} ${has} and does not know entry ${index} to be committed: it knows that of entries up to ` +
    `${commitIndex}.`;
  const finding = { code: "index_not_committed", severity: "warning", message, index } as const;
  if (leader === none) {
    return {
      ...finding,
      remedy: "The next leader commits it, or replaces it: see why there is none.",
    };
  }
  const remedy = `Ask node ${leader}, which leads, and knows who has it.`;
  return { ...finding, remedy, peers: [leader] };
}
