import { type ConfState, type LogIndex, membersOf, type NodeId, none } from "@quorate/core";
import { type Membership, memberOf } from "./member-table.ts";

/** One member of a group. */
export interface MemberView {
  readonly id: NodeId;
  /**
   * A `voter` votes and a `learner` only gets the log. An `outgoing` voter votes until the joint
   * configuration is left, and then learns or goes.
   */
  readonly role: "voter" | "learner" | "outgoing";
  /** Where the others reach it; empty if that is not known. */
  readonly address: string;
  /** How much it should rather lead than others: from 0 to 1000. */
  readonly priority: number;
  /** The name of its log: 16 bytes; undefined as long as the group has not learned it. */
  readonly incarnation: Uint8Array | undefined;
}

/** Who is in a group, and who was. */
export interface MembersView {
  /** Up to which entry of the log this is known: a change with `ifIndex` this is for this configuration. */
  readonly index: LogIndex;
  readonly confState: ConfState;
  /** In the order of their ids. */
  readonly members: readonly MemberView[];
  /** The ids of those who were removed, ascending. They are never given again. */
  readonly removed: readonly NodeId[];
}

/** A look at `membership`, as of the entry at `index`. */
export function viewOf({ confState, table }: Membership, index: LogIndex): MembersView {
  const members = membersOf(confState).map((id): MemberView => {
    const { address = "", priority = 0, incarnation } = memberOf(table, id) ?? {};
    return { id, role: roleOf(confState, id), address, priority, incarnation };
  });
  return { index, confState, members, removed: table.removed };
}

function roleOf({ voters, learners }: ConfState, id: NodeId): MemberView["role"] {
  if (voters.includes(id)) return "voter";
  return learners.includes(id) ? "learner" : "outgoing";
}

/**
 * Whether the one is as the other for whoever changes members. Who is leaving, and which log a member was
 * found to have, is nothing to wonder at.
 */
export function looksAlike(one: Membership, other: Membership): boolean {
  return summaryOf(one) === summaryOf(other);
}

function summaryOf(membership: Membership): string {
  const { confState, members, removed } = viewOf(membership, none);
  const facts = members.map(({ id, address, priority }) => [id, address, priority]);
  return JSON.stringify([confState, facts, removed]);
}
