import { membersOf, none, type NodeId, quorum, sameConfState } from "@quorate/core";
import { counted, majoritiesOf, nodes, votersIn } from "./explain-words.ts";
import { type Finding, findingKey, type FindingCode, ranked } from "./finding.ts";
import type { ReplicaStatus } from "./replica.ts";

/** What one node said of itself, as far as a look at the whole group goes by it. */
export interface GroupStatus extends Pick<
  ReplicaStatus,
  "id" | "role" | "term" | "leader" | "clusterId" | "confState" | "confIndex" | "connected"
> {
  /** Which version of its program it runs, if that is known. */
  readonly version?: string | undefined;
  /** What it found by itself. */
  readonly findings: readonly Finding[];
}

/** What was learned of the node at one endpoint. */
export type GroupReport =
  | { readonly kind: "reached"; readonly endpoint: string; readonly status: GroupStatus }
  | { readonly kind: "unreachable"; readonly endpoint: string; readonly reason: string };

/** A finding about a group. */
export interface GroupFinding extends Finding {
  /** Which nodes say so; empty if it follows from what several say. */
  readonly saidBy: readonly NodeId[];
}

/** What a node that is alone says of leaders; the view of all says it better if somebody leads. */
const leaderless: ReadonlySet<FindingCode> = new Set([
  "no_majority",
  "log_behind",
  "votes_withheld",
  "lease_promised",
  "election_under_way",
  "not_a_voter",
]);

/**
 * What is to be known of a group, from what its nodes say: their own findings, each once, and what only a
 * look at several can tell. The likeliest root cause comes first.
 */
export function explainGroup(reports: readonly GroupReport[]): readonly GroupFinding[] {
  const statuses = reports.flatMap((report) => (report.kind === "reached" ? [report.status] : []));
  const leader = newestLeader(statuses);
  const own = merged(statuses, leader !== undefined);
  return ranked([
    ...own,
    ...differentGroups(statuses),
    ...leaders(statuses, leader),
    ...partitions(statuses, leader),
    ...unreachable(reports, statuses, own),
    ...differences(statuses),
  ]);
}

function fromAll(finding: Finding): GroupFinding {
  return { ...finding, saidBy: [] };
}

/** The one that leads the newest term, of those that say that they lead. */
function newestLeader(statuses: readonly GroupStatus[]): GroupStatus | undefined {
  return statuses.filter(({ role }) => role === "leader").toSorted((a, b) => b.term - a.term)[0];
}

/** What the nodes found, each once, with who says so. */
function merged(statuses: readonly GroupStatus[], isLed: boolean): readonly GroupFinding[] {
  const byKey = new Map<string, GroupFinding>();
  for (const { id, findings } of statuses) {
    for (const finding of findings) {
      if (isLed && leaderless.has(finding.code)) continue;
      // What is not about others is about the one that says so.
      const key = `${finding.peers === undefined ? id : none} ${findingKey(finding)}`;
      const known = byKey.get(key);
      byKey.set(key, { ...(known ?? finding), saidBy: [...(known?.saidBy ?? []), id] });
    }
  }
  return [...byKey.values()];
}

function differentGroups(statuses: readonly GroupStatus[]): readonly GroupFinding[] {
  const byCluster = grouped(statuses, ({ clusterId }) => clusterId);
  if (byCluster.size < 2) return [];
  const parts = Array.from(
    byCluster,
    ([clusterId, members]) => `"${clusterId}" has ${nodes(idsOf(members))}`,
  );
  return [
    fromAll({
      code: "different_groups",
      severity: "error",
      message: `The endpoints belong to different groups: ${parts.join("; ")}.`,
      remedy:
        "Ask the endpoints of one group only, or start the nodes with the right --cluster-id.",
      peers: idsOf(statuses),
    }),
  ];
}

/** Leaders beside the newest: deposed ones that have not noticed, or what must never be. */
function leaders(
  statuses: readonly GroupStatus[],
  newest: GroupStatus | undefined,
): readonly GroupFinding[] {
  if (newest === undefined) return [];
  const others = statuses.filter(
    (one) => one.role === "leader" && one !== newest && one.clusterId === newest.clusterId,
  );
  return others.map(({ id, term }) => {
    const peers = [id, newest.id];
    if (term === newest.term) {
      return fromAll({
        code: "two_leaders",
        severity: "error",
        message: `Nodes ${id} and ${newest.id} both lead term ${term}, which must never be.`,
        remedy:
          "Stop writing, keep the data of all nodes, and find out how: was a disk wiped or copied, or the " +
          "same id given twice?",
        peers,
      });
    }
    return fromAll({
      code: "deposed_leader",
      severity: "warning",
      message:
        `Node ${id} still takes itself for the leader, of term ${term}, while node ${newest.id} leads term ` +
        `${newest.term}. It can commit nothing and answers no linearizable read.`,
      remedy: `It steps down by itself. If it stays so, mend the network of node ${id}.`,
      peers,
    });
  });
}

/** Voters that answer here and do not see one another. */
function partitions(
  statuses: readonly GroupStatus[],
  leader: GroupStatus | undefined,
): readonly GroupFinding[] {
  const newest = newestConfiguration(statuses);
  if (newest === undefined) return [];
  const { confState } = newest;
  const voters = new Set(votersIn(confState));
  const present = statuses.filter(({ id, clusterId }) => {
    return voters.has(id) && clusterId === newest.clusterId;
  });
  const answering = new Set(idsOf(present));
  const isShort = (has: (id: NodeId) => boolean): boolean =>
    majoritiesOf(confState).some(({ voters: ids }) => ids.filter(has).length < quorum(ids.length));
  const cutOff = present.filter(({ id, connected }) =>
    isShort((voter) => voter === id || connected.includes(voter)),
  );
  if (cutOff.length === 0 || isShort((voter) => answering.has(voter))) return [];
  const sights = cutOff.map(
    ({ id, connected }) => `node ${id} is connected to ${nodes(connected)}`,
  );
  const ids = idsOf(cutOff);
  const led =
    leader === undefined
      ? "Nobody leads"
      : `Node ${leader.id} leads term ${leader.term}, but not everybody knows`;
  return [
    fromAll({
      code: "partitioned",
      severity: leader === undefined ? "error" : "warning",
      message:
        `${led}: ${answering.size} of ${counted(voters.size, "voter")} answer here, and ${nodes(ids)} ` +
        `cannot reach a majority: ${sights.join("; ")}.`,
      remedy: `Mend the network between the nodes: the peer addresses, not those for clients.`,
      peers: ids,
    }),
  ];
}

/** The endpoints that do not answer, unless what the others found says who that is. */
function unreachable(
  reports: readonly GroupReport[],
  statuses: readonly GroupStatus[],
  own: readonly GroupFinding[],
): readonly GroupFinding[] {
  const away = reports.flatMap((report) => (report.kind === "unreachable" ? [report] : []));
  if (away.length === 0) return [];
  const newest = newestConfiguration(statuses);
  const missing = newest === undefined ? [] : without(membersOf(newest.confState), idsOf(statuses));
  const named = new Set(
    own
      .filter(({ code }) => code === "no_majority" || code === "peer_unreachable")
      .flatMap(({ peers = [] }) => peers),
  );
  const isSaid = missing.length === away.length && missing.every((id) => named.has(id));
  if (isSaid) return [];
  const who =
    missing.length === 0 ? "" : ` Of the members, ${nodes(missing)} did not answer anywhere.`;
  const whys = away.map(({ endpoint, reason }) =>
    reason.startsWith(endpoint) ? reason : `${endpoint}: ${reason}`,
  );
  return [
    fromAll({
      code: "node_unreachable",
      severity: statuses.length === 0 ? "error" : "warning",
      message:
        `${counted(away.length, "endpoint does", "endpoints do")} not answer: ` +
        `${whys.join("; ")}.${who}`,
      remedy: "Start what runs there, or give the endpoints at which the nodes serve clients.",
      ...(missing.length === 0 ? {} : { peers: missing }),
    }),
  ];
}

/** What nodes of one group have that others do not. */
function differences(statuses: readonly GroupStatus[]): readonly GroupFinding[] {
  const findings: GroupFinding[] = [];
  const newest = newestConfiguration(statuses);
  const behind = statuses.filter(
    ({ clusterId, confState }) =>
      newest?.clusterId === clusterId && !sameConfState(confState, newest.confState),
  );
  if (newest !== undefined && behind.length > 0) {
    const ids = idsOf(behind);
    const isOdd = behind.some(({ confIndex }) => confIndex === newest.confIndex);
    findings.push(
      fromAll({
        code: "configurations_differ",
        severity: isOdd ? "error" : "info",
        message:
          `Another configuration than that of entry ${newest.confIndex}, which node ${newest.id} goes by, ` +
          `counts on ${nodes(ids)}.`,
        remedy: isOdd
          ? "Two configurations of one entry must never be: were the nodes first started with " +
            "different --cluster?"
          : "Nothing, if they catch up; else see what keeps them from applying the log.",
        peers: ids,
      }),
    );
  }
  const byVersion = grouped(
    statuses.filter(({ version }) => version !== undefined),
    ({ version = "" }) => version,
  );
  if (byVersion.size > 1) {
    const parts = Array.from(byVersion, ([version, on]) => `${version} on ${nodes(idsOf(on))}`);
    findings.push(
      fromAll({
        code: "versions_differ",
        severity: "info",
        message: `The nodes run different versions: ${parts.join("; ")}.`,
        remedy: "Nothing during an upgrade; else bring all nodes to one version.",
        peers: idsOf(statuses),
      }),
    );
  }
  return findings;
}

/** The node that goes by the newest configuration. */
function newestConfiguration(statuses: readonly GroupStatus[]): GroupStatus | undefined {
  return statuses
    .filter(({ confState }) => confState.voters.length > 0)
    .toSorted((a, b) => b.confIndex - a.confIndex)[0];
}

function idsOf(statuses: readonly GroupStatus[]): NodeId[] {
  return [...new Set(statuses.map(({ id }) => id))].sort((a, b) => a - b);
}

function without(ids: readonly NodeId[], others: readonly NodeId[]): NodeId[] {
  return ids.filter((id) => !others.includes(id));
}

function grouped(
  statuses: readonly GroupStatus[],
  keyOf: (status: GroupStatus) => string,
): ReadonlyMap<string, readonly GroupStatus[]> {
  const groups = new Map<string, GroupStatus[]>();
  for (const status of statuses) {
    const group = groups.get(keyOf(status));
    if (group === undefined) groups.set(keyOf(status), [status]);
    else group.push(status);
  }
  return groups;
}
