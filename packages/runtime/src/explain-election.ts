import { type NodeId, voteResult, votersOf } from "@quorate/core";
import { contactOf, counted, lastHeard, lost, nodes, span } from "./explain-words.ts";
import type { Finding } from "./finding.ts";
import type { ElectionReport } from "./observations.ts";
import type { ReplicaStatus } from "./replica.ts";

/** For how many election timeouts an election may be under way before somebody is to be told. */
const patientTimeouts = 3;

/** How the election stands at a voter that knows no leader and is connected to a majority. */
export function explainElection(status: ReplicaStatus): Finding {
  const { election, strain } = status;
  // One from before the last leader says nothing about now.
  if (election === undefined || election.agoMs > strain.leaderlessMs) return notYetAsked(status);
  const ahead = election.refused.filter(({ reason }) => reason === "log-ahead");
  const aheadIds = ahead.map(({ voter }) => voter);
  const without = resultWith(status, (voter) => (aheadIds.includes(voter) ? false : undefined));
  if (without === "lost" || (aheadIds.length > 0 && isLong(status))) {
    return logBehind(status, election, aheadIds);
  }
  const { granted } = election;
  const hasWon = resultWith(status, (voter) => granted.includes(voter) || undefined) === "won";
  if (!isLong(status) || hasWon) return underWay(status, election);
  return votesWithheld(status, election);
}

function isLong({ strain, electionTimeoutMs }: ReplicaStatus): boolean {
  return strain.leaderlessMs > patientTimeouts * electionTimeoutMs;
}

/** How an election ends in which this node votes for itself, and the others as `vote` says. */
function resultWith(
  { id, confState }: ReplicaStatus,
  vote: (voter: NodeId) => boolean | undefined,
): ReturnType<typeof voteResult> {
  return voteResult(votersOf(confState), (voter) => voter === id || vote(voter));
}

function since({ strain }: ReplicaStatus): string {
  return `There has been no leader for ${span(strain.leaderlessMs)}.`;
}

/** The beginning of a sentence about the last attempt of this node. */
function attempt({ id }: ReplicaStatus, { count, term, agoMs }: ElectionReport): string {
  return `In its attempt ${count} to lead, for term ${term}, ${span(agoMs)} ago, node ${id}`;
}

function notYetAsked(status: ReplicaStatus): Finding {
  const { id, electionElapsedTicks, electionTimeoutTicks } = status;
  const left = counted(Math.max(0, electionTimeoutTicks - electionElapsedTicks), "tick");
  return {
    code: "election_under_way",
    severity: isLong(status) ? "warning" : "info",
    message: `${since(status)} Node ${id} campaigns in ${left} unless it hears of one first.`,
    remedy: isLong(status) ? "See whether it has enough processor for its ticks to pass." : "",
  };
}

function underWay(status: ReplicaStatus, election: ElectionReport): Finding {
  return {
    code: "election_under_way",
    severity: isLong(status) ? "warning" : "info",
    message: `${since(status)} ${attempt(status, election)} asked for votes. ${answersTo(status, election)}`,
    remedy: isLong(status) ? "See whether its disk is slow: a vote counts once it is durable." : "",
  };
}

function logBehind(
  status: ReplicaStatus,
  election: ElectionReport,
  ahead: readonly NodeId[],
): Finding {
  const { id, last } = status;
  return {
    code: "log_behind",
    severity: isLong(status) ? "error" : "info",
    message:
      `${since(status)} ${attempt(status, election)} was refused: ${nodes(ahead)} ` +
      `${ahead.length === 1 ? "has" : "have"} newer entries than its last, ${last.index} of term ` +
      `${last.term}. ${answersTo(status, election)}`,
    remedy:
      `Node ${id} must not lead. See what keeps ${nodes(ahead)} from being elected: ask for the ` +
      `status there.`,
    peers: ahead,
  };
}

function votesWithheld(status: ReplicaStatus, election: ElectionReport): Finding {
  const { silent, refused } = election;
  const withheld = [...silent, ...refused.map(({ voter }) => voter)].sort((a, b) => a - b);
  return {
    code: "votes_withheld",
    severity: "error",
    message:
      `${since(status)} ${attempt(status, election)} did not get the votes of a majority. ` +
      answersTo(status, election),
    remedy:
      `Ask ${nodes(withheld)} for the status.` +
      (silent.length === 0
        ? ""
        : ` A voter that is connected and silent follows another leader that it hears, keeps a promise to ` +
          `one, is paused, or cannot reach node ${status.id}.`),
    peers: withheld,
  };
}

/** Who granted, who refused and why, and who did not answer. */
function answersTo(status: ReplicaStatus, election: ElectionReport): string {
  const { granted, refused, silent } = election;
  const parts = [`granted: ${granted.length === 0 ? "nobody else" : nodes(granted)}`];
  if (refused.length > 0) {
    const whys = refused.map(({ voter, reason }) => `node ${voter}, ${reasons[reason]}`);
    parts.push(`refused: ${whys.join("; ")}`);
  }
  if (silent.length > 0) {
    const whys = silent.map((voter) => {
      const contact = contactOf(status, voter);
      if (contact === undefined) return `node ${voter}`;
      return `node ${voter}, ${contact.connected ? lastHeard(contact) : lost(contact)}`;
    });
    parts.push(`no answer: ${whys.join("; ")}`);
  }
  return `Votes ${parts.join("; ")}.`;
}

const reasons = {
  "log-ahead": "whose log is ahead",
  "newer-term": "which is in a newer term",
  "vote-given": "which follows or voted for another, or whose log is ahead",
} as const;
