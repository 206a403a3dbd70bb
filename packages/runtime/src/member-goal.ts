import { type ConfState, isMember, type NodeId, RaftError } from "@quorate/core";
import type { Member } from "@quorate/wire";
import { isRemoved, type Membership, memberOf, newMember } from "./member-table.ts";
import {
  idOf,
  type MemberOrNew,
  type MemberWish,
  type NewMember,
  validateWish,
} from "./member-wish.ts";

/** Where a wish leads, whatever the way. */
export interface Goal {
  readonly voters: ReadonlySet<NodeId>;
  readonly learners: ReadonlySet<NodeId>;
  /** What the group is to learn of its members, ascending by id: what the table does not say already. */
  readonly set: readonly Member[];
}

/**
 * Where `wish` leads from `membership`, which is not joint. Throws `invalid_change` for what cannot be
 * had, and `invalid_argument` for what is no wish.
 */
export function goalOf(membership: Membership, wish: MemberWish): Goal {
  validateWish(wish);
  const { confState } = membership;
  switch (wish.kind) {
    case "add":
      return afterAdd(membership, wish, wish.as ?? "voter");
    case "remove":
      if (isRemoved(membership.table, wish.id)) return asItIs(confState);
      checkMember(membership, wish.id);
      return moved(membership, { out: wish.id });
    case "promote":
      checkMember(membership, wish.id);
      return moved(membership, { voter: wish.id });
    case "demote":
      checkMember(membership, wish.id);
      return moved(membership, { learner: wish.id });
    case "replace":
      return afterReplace(membership, wish.id, wish.by);
    case "set":
      return afterSet(membership, wish.voters, wish.learners ?? []);
    case "update":
      return afterUpdate(membership, wish);
  }
}

function afterAdd(membership: Membership, member: NewMember, as: "voter" | "learner"): Goal {
  const { id } = member;
  const set = newcomer(membership, member, new Set());
  if (as === "voter") return moved(membership, { voter: id }, set);
  if (membership.confState.voters.includes(id)) {
    throw invalid(`node ${id} is a voter already: demote it to make it a learner`);
  }
  return moved(membership, { learner: id }, set);
}

function afterReplace(membership: Membership, id: NodeId, by: NewMember): Goal {
  const { confState, table } = membership;
  if (by.id === id) throw invalid(`node ${id} cannot replace itself: ${remedy}`);
  if (!isMember(confState, id)) {
    if (isRemoved(table, id) && isMember(confState, by.id)) return asItIs(confState);
    throw invalid(`node ${id}, which is to be replaced, is no member`);
  }
  if (confState.voters.includes(by.id)) {
    throw invalid(`node ${by.id} is a voter already: remove node ${id} instead`);
  }
  const priority = by.priority ?? memberOf(table, id)?.priority;
  const set = newcomer(membership, { ...by, priority }, new Set([id]));
  return confState.voters.includes(id)
    ? moved(membership, { voter: by.id, out: id }, set)
    : moved(membership, { learner: by.id, out: id }, set);
}

function afterSet(
  membership: Membership,
  voters: readonly MemberOrNew[],
  learners: readonly MemberOrNew[],
): Goal {
  const named = [...voters, ...learners];
  const staying = new Set(named.map(idOf));
  if (staying.size < named.length) throw invalid("a node is named twice");
  if (voters.length === 0) throw invalid("no voter would be left");
  const going = new Set(
    [...membership.confState.voters, ...membership.confState.learners].filter(
      (id) => !staying.has(id),
    ),
  );
  const set: Member[] = [];
  for (const member of named) {
    if (typeof member === "number") checkMember(membership, member);
    else set.push(...newcomer(membership, member, going, set));
  }
  return {
    voters: new Set(voters.map(idOf)),
    learners: new Set(learners.map(idOf)),
    set: set.sort((a, b) => a.id - b.id),
  };
}

function afterUpdate(
  membership: Membership,
  wish: {
    readonly id: NodeId;
    readonly address?: string | undefined;
    readonly priority?: number | undefined;
  },
): Goal {
  const { id } = wish;
  checkMember(membership, id);
  const before = memberOf(membership.table, id) ?? newMember(id, "");
  const address = wish.address ?? before.address;
  const priority = wish.priority ?? before.priority;
  if (address === before.address && priority === before.priority) {
    return asItIs(membership.confState);
  }
  checkAddress(membership, id, address, new Set());
  return { ...asItIs(membership.confState), set: [{ ...before, address, priority }] };
}

/** What the group is to learn of `member`, unless it is a member; its address may be one of `going`. */
function newcomer(
  membership: Membership,
  member: NewMember,
  going: ReadonlySet<NodeId>,
  others: readonly Member[] = [],
): Member[] {
  const { confState, table } = membership;
  const { id, address, priority } = member;
  checkNotRemoved(membership, id);
  if (isMember(confState, id)) {
    const known = memberOf(table, id)?.address ?? "";
    if (address === known || address === "") return [];
    const where = known === "" ? "at an address that is not known" : `at ${known}`;
    throw invalid(`node ${id} is a member already, ${where}: choose another id, or update it`);
  }
  checkAddress(membership, id, address, going, others);
  return [newMember(id, address, priority)];
}

const remedy = "an id is never given to an empty disk, so choose a new one";

function checkNotRemoved({ table }: Membership, id: NodeId): void {
  if (isRemoved(table, id)) throw invalid(`node ${id} was removed: ${remedy}`);
}

function checkMember(membership: Membership, id: NodeId): void {
  checkNotRemoved(membership, id);
  if (!isMember(membership.confState, id)) throw invalid(`node ${id} is no member`);
}

/** Nobody but who is going may have the address already. */
function checkAddress(
  { table }: Membership,
  id: NodeId,
  address: string,
  going: ReadonlySet<NodeId>,
  others: readonly Member[] = [],
): void {
  if (address === "") return;
  const holder = [...table.members, ...others].find(
    (member) => member.address === address && member.id !== id && !going.has(member.id),
  );
  if (holder !== undefined) throw invalid(`node ${holder.id} is at ${address} already`);
}

function asItIs({ voters, learners }: ConfState): Goal {
  return { voters: new Set(voters), learners: new Set(learners), set: [] };
}

/** The goal in which the named nodes have moved, and the rest stays. */
function moved(
  { confState }: Membership,
  { voter, learner, out }: { voter?: NodeId; learner?: NodeId; out?: NodeId },
  set: readonly Member[] = [],
): Goal {
  const voters = new Set(confState.voters);
  const learners = new Set(confState.learners);
  for (const id of [voter, learner, out]) {
    if (id === undefined) continue;
    voters.delete(id);
    learners.delete(id);
  }
  if (voter !== undefined) voters.add(voter);
  if (learner !== undefined) learners.add(learner);
  if (voters.size === 0) throw invalid("no voter would be left");
  return { voters, learners, set };
}

function invalid(message: string): RaftError {
  return new RaftError("invalid_change", message);
}
