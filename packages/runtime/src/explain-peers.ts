import { isJoint, membersOf, none, type NodeId } from "@quorate/core";
import { contactOf, counted, lost, nodes, spareVoters, span, votersIn } from "./explain-words.ts";
import type { Finding } from "./finding.ts";
import type { MemberChangeReport, PeerContact } from "./observations.ts";
import type { ReplicaStatus } from "./replica.ts";

/** After how many election timeouts a change of members is to be wondered at. */
const changeTimeouts = 30;

/** Which other members are not as they should be, while there is a leader: one finding for each. */
export function explainPeers(status: ReplicaStatus): readonly Finding[] {
  if (status.leader === none) return [];
  return membersOf(status.confState)
    .filter((id) => id !== status.id)
    .map((id) => contactOf(status, id))
    .flatMap((contact) => (contact === undefined ? [] : peer(status, contact)));
}

function peer(status: ReplicaStatus, contact: PeerContact): readonly Finding[] {
  const { id, electionTimeoutMs, role } = status;
  const { id: other, connected, forMs, heardAgoMs, stalledMs } = contact;
  const peers = [other];
  if (!connected) {
    if (forMs <= electionTimeoutMs) return [];
    if (heardAgoMs !== undefined && heardAgoMs <= electionTimeoutMs) {
      return [
        {
          code: "peer_one_way",
          severity: "warning",
          message: `Node ${id} hears node ${other}, and can send it nothing: ${lost(contact)}.`,
          remedy: `Let node ${id} connect to the address of node ${other}: see firewalls and addresses.`,
          peers,
        },
      ];
    }
    return [
      {
        code: "peer_unreachable",
        severity: "warning",
        message: `Node ${id} is not connected to node ${other}: ${lost(contact)}. ${tolerance(status)}`,
        remedy: `Start node ${other}, or mend the network to it; if it is gone for good, replace it.`,
        peers,
      },
    ];
  }
  // Followers say nothing to one another.
  if (role !== "leader") return [];
  const silentMs = heardAgoMs ?? forMs;
  if (silentMs > 2 * electionTimeoutMs) {
    return [
      {
        code: "peer_silent",
        severity: "warning",
        message:
          `Node ${other} is connected and has not answered node ${id} for ${span(silentMs)}. ` +
          tolerance(status),
        remedy: `See whether node ${other} is paused, overloaded or waiting for its disk.`,
        peers,
      },
    ];
  }
  if (stalledMs <= 2 * electionTimeoutMs || isSentSnapshot(status, other)) return [];
  const { matchIndex = none } = status.progress.find((one) => one.id === other) ?? {};
  const behind = counted(status.last.index - matchIndex, "entry", "entries");
  return [
    {
      code: "peer_stalled",
      severity: "warning",
      message:
        `Node ${other} answers and gets no nearer: ` +
        `it has been ${behind} behind for ${span(stalledMs)}.`,
      remedy: `See to the disk of node ${other}: it is full, stuck or slow.`,
      peers,
    },
  ];
}

function isSentSnapshot(status: ReplicaStatus, id: NodeId): boolean {
  return status.snapshots.sending.some(({ peer: to }) => to === id);
}

/** How many more voters may fail, as far as this node sees. */
function tolerance(status: ReplicaStatus): string {
  const { id, confState, electionTimeoutMs, role } = status;
  const spare = spareVoters(confState, (voter) => {
    if (voter === id) return true;
    const contact = contactOf(status, voter);
    if (contact?.connected !== true) return false;
    return role !== "leader" || (contact.heardAgoMs ?? 0) <= 2 * electionTimeoutMs;
  });
  if (spare < 0) return "As far as it sees, too few voters work for anything to be committed.";
  return `As far as it sees, the group tolerates ${counted(spare, "more failure")} of voters.`;
}

/** What is under way in the group: changes, transfers, snapshots. */
export function explainWork(status: ReplicaStatus): readonly Finding[] {
  return [...change(status), ...transfer(status), ...snapshots(status)];
}

function change(status: ReplicaStatus): readonly Finding[] {
  const { id, memberChange, confState, confIndex, electionTimeoutMs } = status;
  if (memberChange !== undefined) {
    const { kind, forMs } = memberChange;
    const isLong = forMs > changeTimeouts * electionTimeoutMs;
    return [
      {
        code: "change_under_way",
        severity: isLong ? "warning" : "info",
        message:
          `Node ${id} has been changing the members (${kind}) for ${span(forMs)}, and waits: ` +
          `${waitReason(status, memberChange)}.`,
        remedy: isLong
          ? "Mend what it waits for. The change ends at its deadline in any case."
          : "",
        ...peersOf(memberChange),
      },
    ];
  }
  if (!isJoint(confState)) return [];
  const voters = votersIn(confState);
  return [
    {
      code: "joint_configuration",
      severity: "info",
      message:
        `Since entry ${confIndex} the configuration is joint: entries and elections need a majority of ` +
        `${nodes(confState.voters)}, and one of ${nodes(confState.votersOutgoing)}.`,
      remedy: confState.autoLeave
        ? "Nothing: the leader leaves it by itself, as soon as both majorities are there."
        : "Ask for the change of members again: it goes on from here.",
      peers: voters,
      index: confIndex,
    },
  ];
}

function waitReason(
  { appliedIndex, commitIndex }: ReplicaStatus,
  { waiting }: MemberChangeReport,
): string {
  switch (waiting.kind) {
    case "turn":
      return waiting.reason ?? "for its turn";
    case "catching-up":
      return `until ${nodes(waiting.ids)} has caught up; ${waiting.reason}`;
    case "applied": {
      const state = waiting.index > commitIndex ? "committed" : "applied";
      return `until entry ${waiting.index} is ${state}; ${appliedIndex} is applied`;
    }
    case "retired":
      return "until a majority knows that this leader is excluded";
  }
}

function peersOf({ waiting }: MemberChangeReport): Pick<Finding, "peers" | "index"> {
  if (waiting.kind === "catching-up") return { peers: waiting.ids };
  return waiting.kind === "applied" ? { index: waiting.index } : {};
}

function transfer({ id, transferTarget }: ReplicaStatus): readonly Finding[] {
  if (transferTarget === none) return [];
  return [
    {
      code: "transfer_under_way",
      severity: "info",
      message: `Node ${id} hands leadership over to node ${transferTarget}: writes wait meanwhile.`,
      remedy: "",
      peers: [transferTarget],
    },
  ];
}

function snapshots({ id, snapshots: { sending, receiving } }: ReplicaStatus): readonly Finding[] {
  const finding = { code: "snapshot_under_way", severity: "info", remedy: "" } as const;
  const findings: Finding[] = sending.map(({ peer: to, index, ackedBytes, bytes }) => ({
    ...finding,
    message:
      `Node ${id} sends node ${to} a snapshot up to entry ${index}: it has ${ackedBytes} of ` +
      `${bytes === 0 ? "an unknown number of" : bytes} bytes.`,
    peers: [to],
    index,
  }));
  if (receiving !== undefined) {
    const { index } = receiving;
    const message = `Node ${id} is receiving a snapshot up to entry ${index}.`;
    findings.push({ ...finding, message, index });
  }
  return findings;
}
