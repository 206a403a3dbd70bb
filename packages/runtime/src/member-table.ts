import {
  applyConfChange,
  ascending,
  type ConfChange,
  type ConfState,
  confStateAfter,
  decodeConfChange,
  type Entry,
  type LogIndex,
  membersOf,
  type NodeId,
  RaftError,
} from "@quorate/core";
import {
  decodeMembers,
  decodeMembersDelta,
  encodeMembersDelta,
  type Member,
  type MembersDelta,
  type MemberTable,
} from "@quorate/wire";
import type { Peer } from "./ports.ts";

/**
 * What a group knows of its members, beside who votes: a plain value that follows from the log like the
 * configuration does, and goes into snapshots with it.
 *
 * The context of every change of the configuration is the whole table as the leader then has it. So one
 * change tells a node that joins with an empty disk all there is to know. Nobody is removed by a
 * context: whoever leaves the configuration becomes a tombstone by that, at the very entry. But a context
 * tells that the leader which wrote it had applied the removal. Whoever holds such an entry knows that the
 * removal is committed, since each got it from one that knew; so when the entry is committed itself, a
 * majority knows, and whoever was removed is needed no more: until then it is *leaving*.
 */

/** Who takes part in a group, and what the group knows of them, as of one entry of the log. */
export interface Membership {
  readonly confState: ConfState;
  /** Invariant: all of `table.members` are members of `confState`. */
  readonly table: MemberTable;
}

/** The table of a group that knows nothing of its members. */
export const emptyMemberTable: MemberTable = { members: [], removed: [], leaving: [] };

/** The table of a group that begins with the nodes of `addresses`. An address may be empty: not known. */
export function newMemberTable(addresses: Iterable<readonly [NodeId, string]>): MemberTable {
  const set = Array.from(addresses, ([id, address]) => newMember(id, address));
  return applyMembersDelta(emptyMemberTable, { set, removed: [] });
}

/** A member of which only the address is known. */
export function newMember(id: NodeId, address: string, priority = 0): Member {
  return { id, address, incarnation: undefined, priority };
}

/** What `table` says of `id`, or undefined. */
export function memberOf(table: MemberTable, id: NodeId): Member | undefined {
  return table.members.find((member) => member.id === id);
}

/** Whether `id` once was a member and is no more. It is never given again. */
export function isRemoved(table: MemberTable, id: NodeId): boolean {
  return table.removed.includes(id);
}

/** The log that `id` is known by, or undefined as long as the group has not learned it. */
export function incarnationOf(table: MemberTable, id: NodeId): Uint8Array | undefined {
  return memberOf(table, id)?.incarnation;
}

/** The table after `delta`. What was removed stays so, whatever `delta` sets; what it removes is gone. */
export function applyMembersDelta(table: MemberTable, delta: MembersDelta): MemberTable {
  const removed = ascending([...table.removed, ...delta.removed]);
  const members = new Map<NodeId, Member>();
  for (const member of [...table.members, ...delta.set]) {
    if (!removed.includes(member.id)) members.set(member.id, member);
  }
  return {
    members: [...members.values()].sort((a, b) => a.id - b.id),
    removed,
    leaving: table.leaving.filter(({ id }) => !delta.removed.includes(id)),
  };
}

/** The table when the nodes `ids` have left the configuration: they are removed, and leaving. */
function afterLeaving(table: MemberTable, ids: readonly NodeId[]): MemberTable {
  const left = ids.map((id) => memberOf(table, id) ?? newMember(id, ""));
  return {
    ...applyMembersDelta(table, { set: [], removed: ids }),
    leaving: [...table.leaving, ...left].sort((a, b) => a.id - b.id),
  };
}

/** The context of a change by which the group will know its members as `table` says. */
export function contextOf(table: MemberTable): Uint8Array {
  return encodeMembersDelta({ set: table.members, removed: table.removed });
}

/**
 * The membership that follows on `before` by the `conf-change` entry of `data`. Throws `malformed` or
 * `invalid_change` for what no leader of this group can have appended.
 */
export function membershipAfter(before: Membership, data: Uint8Array): Membership {
  const { context } = decodeConfChange(data).change;
  return membershipIn(before, confStateAfter(before.confState, data), context);
}

/** The membership that follows on `before` by `change`. Throws `invalid_change` if it cannot follow. */
export function membershipChanged(before: Membership, change: ConfChange): Membership {
  return membershipIn(before, applyConfChange(before.confState, change), change.context);
}

/** What becomes of `before` in the configuration `confState`, when the group is told `context`. */
function membershipIn(before: Membership, confState: ConfState, context: Uint8Array): Membership {
  const told = applyMembersDelta(before.table, deltaOf(context));
  const present = new Set(membersOf(confState));
  const known = ascending([...membersOf(before.confState), ...told.members.map(({ id }) => id)]);
  const left = known.filter((id) => !present.has(id) && !isRemoved(told, id));
  return { confState, table: afterLeaving(told, left) };
}

/** The membership after those of `entries` that follow on `start`, at `startIndex`, up to `endIndex`. */
export function foldMembership(
  start: Membership,
  startIndex: LogIndex,
  entries: Iterable<Entry>,
  endIndex: LogIndex,
): Membership {
  let membership = start;
  for (const { kind, index, data } of entries) {
    if (kind !== "conf-change" || index <= startIndex || index > endIndex) continue;
    membership = membershipAfter(membership, data);
  }
  return membership;
}

/** What `context` says of members: nothing, if another implementation wrote something else there. */
function deltaOf(context: Uint8Array): MembersDelta {
  try {
    return decodeMembersDelta(context);
  } catch (error) {
    if (error instanceof RaftError && error.code === "malformed") return { set: [], removed: [] };
    throw error;
  }
}

/** The membership that a snapshot tells: its configuration, and its encoded table. Throws `malformed`. */
export function restoredMembership(confState: ConfState, members: Uint8Array): Membership {
  return { confState, table: decodeMembers(members) };
}

/** All members but `self`, and those who are leaving, as the network is to know them. */
export function peersOf({ confState, table }: Membership, self: NodeId): Peer[] {
  const members = membersOf(confState).map((id) => memberOf(table, id) ?? newMember(id, ""));
  return [...members, ...table.leaving]
    .filter(({ id }) => id !== self)
    .map(({ id, address, incarnation }) => ({ id, address, incarnation }));
}

/** Those who were removed and are not needed any more, as the network is to know them. */
export function goneOf({ removed, leaving }: MemberTable): NodeId[] {
  return removed.filter((id) => !leaving.some((member) => member.id === id));
}
