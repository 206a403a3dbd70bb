import { isSafe, type NodeId, none, RaftError } from "@quorate/core";
import { addressFlaw, priorityMax } from "@quorate/wire";

/** A node that is to become a member. */
export interface NewMember {
  /** An id that no node of the group ever had: at least 1. */
  readonly id: NodeId;
  /** Where the others reach it, in the network's notation: at most 255 bytes; empty if not known. */
  readonly address: string;
  /**
   * How much it should rather lead than others: an integer from 0 to 1000.
   *
   * @default 0; of a node that replaces another: the other's
   */
  readonly priority?: number | undefined;
}

/** A member by its id, or one that is to become a member. */
export type MemberOrNew = NodeId | NewMember;

/**
 * What is wanted of the members of a group. What is so already is no error: a wish may be repeated
 * when it is not known what became of it.
 */
export type MemberWish =
  /**
   * A new member: as a `voter` (the default), for which it learns first, or as a `learner`. A learner
   * that is to be a voter is promoted.
   */
  | ({ readonly kind: "add"; readonly as?: "voter" | "learner" | undefined } & NewMember)
  /** No member any more, for good. */
  | { readonly kind: "remove"; readonly id: NodeId }
  /** A learner that votes from now on. */
  | { readonly kind: "promote"; readonly id: NodeId }
  /** A voter that only learns from now on. */
  | { readonly kind: "demote"; readonly id: NodeId }
  /** `by` takes the place of `id`, which is removed, in one change: as with a lost disk. */
  | { readonly kind: "replace"; readonly id: NodeId; readonly by: NewMember }
  /** These members and no others: who is not named is removed. */
  | {
      readonly kind: "set";
      readonly voters: readonly MemberOrNew[];
      /** @default none */
      readonly learners?: readonly MemberOrNew[] | undefined;
    }
  /** Another address or priority of a member. What is left out stays. */
  | {
      readonly kind: "update";
      readonly id: NodeId;
      readonly address?: string | undefined;
      readonly priority?: number | undefined;
    };

/** The id that `member` stands for. */
export function idOf(member: MemberOrNew): NodeId {
  return typeof member === "number" ? member : member.id;
}

/** Throws `invalid_argument` if `wish`, which may come from JavaScript or the wire, can be none. */
export function validateWish(wish: MemberWish): void {
  if (typeof wish !== "object" || wish === null) refuse("a wish is an object");
  switch (wish.kind) {
    case "add":
      if (wish.as !== undefined && wish.as !== "voter" && wish.as !== "learner") {
        refuse(`as must be "voter" or "learner": got ${String(wish.as)}`);
      }
      checkNewMember(wish);
      break;
    case "remove":
    case "promote":
    case "demote":
      checkId(wish.id);
      break;
    case "replace":
      checkId(wish.id);
      checkNewMember(wish.by);
      break;
    case "set":
      checkMembers("voters", wish.voters);
      checkMembers("learners", wish.learners ?? []);
      break;
    case "update":
      checkId(wish.id);
      if (wish.address !== undefined) checkAddress(wish.address);
      checkPriority(wish.priority);
      break;
    default:
      refuse("there is no such wish");
  }
}

function checkMembers(name: string, members: readonly MemberOrNew[]): void {
  if (!isList(members)) refuse(`${name} must be a list`);
  for (const member of members) {
    if (typeof member === "number") checkId(member);
    else checkNewMember(member);
  }
}

/** Whether `list`, which may come from JavaScript, is what its type says. */
function isList(list: unknown): boolean {
  return Array.isArray(list);
}

function checkNewMember(member: NewMember): void {
  if (typeof member !== "object" || member === null) refuse("a new member is an id and an address");
  checkId(member.id);
  checkAddress(member.address);
  checkPriority(member.priority);
}

function checkId(id: NodeId): void {
  if (!isSafe(id) || id === none) refuse(`an id must be an integer of at least 1: got ${id}`);
}

function checkAddress(address: string): void {
  const flaw = address === "" ? undefined : addressFlaw(address);
  if (flaw !== undefined) refuse(`an address ${flaw}`);
}

function checkPriority(priority: number | undefined): void {
  if (priority === undefined || (isSafe(priority) && priority <= priorityMax)) return;
  refuse(`a priority must be an integer from 0 to ${priorityMax}: got ${priority}`);
}

function refuse(message: string): never {
  throw new RaftError("invalid_argument", message);
}
