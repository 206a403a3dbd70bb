import { type NodeId, none, quorum } from "@quorate/core";
import { explainElection } from "./explain-election.ts";
import { contactOf, counted, lost, majoritiesOf, nodes, span, votersIn } from "./explain-words.ts";
import type { Finding } from "./finding.ts";
import type { ReplicaStatus } from "./replica.ts";

/** For how many election timeouts a leader may be silent before somebody is to be told. */
const patientTimeouts = 3;

/** Why this replica knows no leader, or one that says nothing. Nothing if it leads, or follows one. */
export function explainLeader(status: ReplicaStatus): readonly Finding[] {
  const { role, leader, confState, id } = status;
  if (role === "leader") return [];
  if (leader !== none) return leaderSilent(status);
  if (!votersIn(confState).includes(id)) return [notAVoter(status)];
  const missing = noMajority(status);
  if (missing !== undefined) return [missing];
  // A disk that takes nothing says so itself, and what came of older elections is no reason then.
  if (status.diskLacks === "entries" || status.strain.diskIsStuck) return [];
  const bars = barsOf(status);
  return bars.length > 0 ? bars : [explainElection(status)];
}

function leaderSilent(status: ReplicaStatus): readonly Finding[] {
  const { id, leader, leaderHeard, electionTimeoutMs } = status;
  if (leaderHeard?.leader !== leader || leaderHeard.agoMs <= electionTimeoutMs) return [];
  return [
    {
      code: "leader_silent",
      severity: leaderHeard.agoMs > patientTimeouts * electionTimeoutMs ? "warning" : "info",
      message:
        `Node ${id} follows node ${leader} and has heard nothing from it for ` +
        `${span(leaderHeard.agoMs)}.`,
      remedy:
        `Unless node ${leader} speaks again, an election begins by itself. If none does, see what keeps ` +
        `node ${id} from it.`,
      peers: [leader],
    },
  ];
}

function notAVoter({ id, confState, peers }: ReplicaStatus): Finding {
  const code = "not_a_voter";
  const voters = votersIn(confState);
  if (voters.length === 0) {
    return {
      code,
      severity: "warning",
      message: `Node ${id} is no member of a group yet: it waits to be added.`,
      remedy: `Add it: quorate member add ${id} HOST:PORT, told to a node of the group.`,
    };
  }
  const isLearner = confState.learners.includes(id);
  const reached = peers.filter((peer) => peer.connected && voters.includes(peer.id));
  const what = isLearner ? "is a learner, so it cannot lead" : "is no member as far as it knows";
  return {
    code,
    severity: "warning",
    message:
      `Node ${id} ${what}, and no leader is known to it. ` +
      `It is connected to ${reached.length} of ${counted(voters.length, "voter")}.`,
    remedy: `Ask the voters, ${nodes(voters)}, for their status.`,
    peers: voters,
  };
}

/** Whether too few voters are connected for anybody to be elected here, and who is missing. */
function noMajority(status: ReplicaStatus): Finding | undefined {
  const { id, confState } = status;
  const reaches = (voter: NodeId): boolean =>
    voter === id || contactOf(status, voter)?.connected === true;
  const short = majoritiesOf(confState).filter(
    ({ voters }) => voters.filter(reaches).length < quorum(voters.length),
  );
  if (short.length === 0) return undefined;
  const counts = short.map(({ name, voters }) => {
    const count = voters.filter(reaches).length;
    return `${count} of ${voters.length} ${name}, and ${quorum(voters.length)} are needed`;
  });
  const missing = votersIn(confState).filter((voter) => !reaches(voter));
  const whys = missing.map((voter) => {
    const contact = contactOf(status, voter);
    return contact === undefined ? `node ${voter}` : `node ${voter}, ${lost(contact)}`;
  });
  const needed = Math.max(
    ...short.map(({ voters }) => quorum(voters.length) - voters.filter(reaches).length),
  );
  const which = needed < missing.length ? `any ${needed} of ${nodes(missing)}` : nodes(missing);
  return {
    code: "no_majority",
    severity: "error",
    message:
      `There is no leader: node ${id} and those it is connected to are ${counts.join("; ")}. ` +
      `Missing: ${whys.join("; ")}.`,
    remedy:
      `Start ${which}, or mend the network. No data is lost as long as the disks of a majority ` +
      `come back.`,
    peers: missing,
  };
}

/** What keeps this voter from campaigning, or from being voted for, although a majority is there. */
function barsOf(status: ReplicaStatus): readonly Finding[] {
  const { id, hasUnappliedChange, appliedIndex, commitIndex, leasePromiseTicks } = status;
  const bars: Finding[] = [];
  if (hasUnappliedChange) {
    bars.push({
      code: "change_not_applied",
      severity: "warning",
      message:
        `Node ${id} does not campaign: a change of members is committed and not applied here. It has ` +
        `applied up to entry ${appliedIndex} of ${commitIndex}.`,
      remedy: `See why its state machine or its disk is behind; another voter may be elected meanwhile.`,
      index: appliedIndex + 1,
    });
  }
  if (leasePromiseTicks > 0) {
    bars.push({
      code: "lease_promised",
      severity: "info",
      message:
        `Node ${id} grants no vote for ${counted(leasePromiseTicks, "more tick")}: with lease reads, ` +
        `the last leader may still count on it.`,
      remedy: "",
    });
  }
  return bars;
}
