import { at, type Entry, type EntryId, type NodeId, none, quorum, type Term } from "@quorate/core";
import { Violation } from "../judge.ts";
import { sameContent } from "../judges/log-matching.ts";
import type { Fact } from "./fact.ts";
import { holds, type Seat } from "./seat.ts";

/**
 * What the group must never forget or contradict: as much of a run's past as any later verdict needs,
 * and no more, since every difference here doubles the states. Never changed.
 */
export interface Chronicle {
  /** The leader of each term, from term 1 on; `none` for a term without one. */
  readonly leaders: readonly NodeId[];
  /** The one sequence of committed entries, from index 1 on. */
  readonly committed: readonly Committed[];
  /**
   * What clients were told is committed, and is not. Empty unless a host lies: an acknowledged entry
   * that is committed is watched over as such.
   */
  readonly acknowledged: readonly EntryId[];
}

/** A committed entry: its term, and the term of the node that first took it for committed. */
export interface Committed {
  readonly term: Term;
  readonly by: Term;
}

/** The chronicle of a group that never ran. */
export const emptyChronicle: Chronicle = { leaders: [], committed: [], acknowledged: [] };

/** All of a chronicle as one line, with every node called what `nameOf` says. */
export function chronicleText(chronicle: Chronicle, nameOf: (id: NodeId) => NodeId): string {
  const leaders = chronicle.leaders.map((id) => (id === none ? none : nameOf(id)));
  const committed = chronicle.committed.map(({ term, by }) => `${term}.${by}`);
  const acknowledged = chronicle.acknowledged.map(({ term, index }) => `${term}/${index}`);
  return `${leaders.join()} ${committed.join()} ${acknowledged.join()}`;
}

/** Whether `fact` is on record already, and so neither adds to it nor contradicts it. */
export function isKnown(chronicle: Chronicle, node: NodeId, fact: Fact): boolean {
  return fact.kind === "leads" && chronicle.leaders[fact.term - 1] === node;
}

/**
 * Judges what `node` did, `seats` being all seats after it, and returns what is then on record.
 * Throws a `Violation` for what contradicts `chronicle`.
 */
export function judge(
  chronicle: Chronicle,
  node: NodeId,
  facts: readonly Fact[],
  seats: readonly Seat[],
): Chronicle {
  let result = chronicle;
  for (const fact of facts) result = judgeFact(result, node, fact, seats);
  return result;
}

function judgeFact(
  chronicle: Chronicle,
  node: NodeId,
  fact: Fact,
  seats: readonly Seat[],
): Chronicle {
  switch (fact.kind) {
    case "leads":
      return lead(chronicle, node, fact.term);
    case "elected":
      checkComplete(chronicle, node, fact.term, fact.log);
      return lead(chronicle, node, fact.term);
    case "appended":
      for (const seat of seats) checkMatch(node, fact.log, seat);
      return chronicle;
    case "removed":
      checkRemoved(chronicle, node, fact.term, fact.entries);
      return chronicle;
    case "committed":
      return commit(chronicle, node, fact, seats);
    case "applied":
      for (const { term, index } of fact.entries) agree(chronicle, node, { term, index });
      return chronicle;
    case "acknowledged":
      return acknowledge(chronicle, fact.id);
  }
}

/** I1, Election Safety. */
function lead(chronicle: Chronicle, node: NodeId, term: Term): Chronicle {
  const known = chronicle.leaders[term - 1] ?? none;
  if (known === node) return chronicle;
  if (known !== none) {
    throw new Violation("I1", `nodes ${known} and ${node} both lead term ${term}`);
  }
  const leaders = Array.from({ length: Math.max(term, chronicle.leaders.length) }, (_, offset) =>
    offset === term - 1 ? node : (chronicle.leaders[offset] ?? none),
  );
  return { ...chronicle, leaders };
}

/** I4, Leader Completeness, and I12: a leader has all that was committed before its term. */
function checkComplete(
  chronicle: Chronicle,
  node: NodeId,
  term: Term,
  log: readonly Entry[],
): void {
  for (const [offset, committed] of chronicle.committed.entries()) {
    if (committed.by < term && log[offset]?.term !== committed.term) {
      throw new Violation(
        "I4",
        `entry ${committed.term}/${offset + 1} was committed in term ${committed.by}, ` +
          `and node ${node} leads term ${term} without it`,
      );
    }
  }
  for (const acknowledged of chronicle.acknowledged) {
    const isKept = log[acknowledged.index - 1]?.term === acknowledged.term;
    if (isKept || acknowledged.term > term) continue;
    throw lost(acknowledged, `node ${node} leads term ${term} without it`);
  }
}

/**
 * I3, Log Matching: up to the last entry that two logs share by index and term they are equal. What
 * stands in no log any more contradicts nobody.
 */
function checkMatch(node: NodeId, log: readonly Entry[], other: Seat): void {
  let shared = Math.min(log.length, other.log.length);
  while (shared > 0 && log[shared - 1]?.term !== other.log[shared - 1]?.term) shared -= 1;
  for (let offset = 0; offset < shared; offset++) {
    const entry = at(log, offset);
    if (sameContent(entry, at(other.log, offset))) continue;
    throw new Violation(
      "I3",
      `nodes ${node} and ${other.raft.id} share entry ${at(log, shared - 1).term}/${shared} ` +
        `and differ at ${entry.index}`,
    );
  }
}

/** I8: what was committed in a node's own term or before is never removed there. */
function checkRemoved(
  chronicle: Chronicle,
  node: NodeId,
  term: Term,
  removed: readonly Entry[],
): void {
  for (const entry of removed) {
    const committed = chronicle.committed[entry.index - 1];
    if (committed === undefined || committed.term !== entry.term || committed.by > term) continue;
    throw new Violation(
      "I8",
      `node ${node} removed entry ${entry.term}/${entry.index}: it is committed`,
    );
  }
}

function commit(
  chronicle: Chronicle,
  node: NodeId,
  { term, after, log }: Extract<Fact, { kind: "committed" }>,
  seats: readonly Seat[],
): Chronicle {
  const known = chronicle.committed;
  for (const entry of log.slice(after, known.length)) agree(chronicle, node, entry);
  if (log.length <= known.length) return chronicle;
  const fresh = log.slice(known.length);
  checkDurable(node, at(log, log.length - 1), seats);
  for (const seat of seats) checkLeader(seat, term, fresh);
  for (const id of chronicle.acknowledged) {
    const entry = log[id.index - 1];
    if (entry !== undefined && entry.term !== id.term) {
      throw lost(id, `node ${node} commits ${entry.term}/${entry.index}`);
    }
  }
  const committed = [...known, ...fresh.map((entry) => ({ term: entry.term, by: term }))];
  const acknowledged = chronicle.acknowledged.filter(({ index }) => index > committed.length);
  return { ...chronicle, committed, acknowledged };
}

/** I10: what is committed is durable on a majority at that moment. */
function checkDurable(node: NodeId, { term, index }: EntryId, seats: readonly Seat[]): void {
  const holders = seats.filter((seat) => holds(seat, term, index)).map(({ raft }) => raft.id);
  if (holders.length >= quorum(seats.length)) return;
  throw new Violation(
    "I10",
    `node ${node} commits ${term}/${index}, which only the disks of [${holders.join(" ")}] hold, ` +
      `of ${seats.length}`,
  );
}

/** I4 the other way round: who leads a later term already has what is committed now. */
function checkLeader({ raft, log }: Seat, term: Term, fresh: readonly Entry[]): void {
  if (raft.role !== "leader" || raft.term <= term) return;
  for (const entry of fresh) {
    if (log[entry.index - 1]?.term === entry.term) continue;
    throw new Violation(
      "I4",
      `entry ${entry.term}/${entry.index} is committed in term ${term}, ` +
        `and node ${raft.id} leads term ${raft.term} without it`,
    );
  }
}

/** I5, State Machine Safety: there is one sequence of committed entries. */
function agree(chronicle: Chronicle, node: NodeId, { term, index }: EntryId): void {
  const known = chronicle.committed[index - 1];
  if (known?.term === term) return;
  const what = known === undefined ? "nothing" : `${known.term}/${index}`;
  throw new Violation("I5", `node ${node} takes ${term}/${index} for committed, where ${what} is`);
}

function acknowledge(chronicle: Chronicle, id: EntryId): Chronicle {
  const committed = chronicle.committed[id.index - 1];
  if (committed?.term === id.term) return chronicle;
  if (committed !== undefined) throw lost(id, `${committed.term}/${id.index} is committed`);
  return { ...chronicle, acknowledged: [...chronicle.acknowledged, id] };
}

/** I12, Acknowledged Kept. */
function lost({ term, index }: EntryId, how: string): Violation {
  return new Violation("I12", `entry ${term}/${index} was acknowledged, and ${how}`);
}
