import {
  decodeConfState,
  encodeConfState,
  emptyConfState,
  type LogIndex,
  type NodeId,
  none,
  RaftError,
} from "@quorate/core";
import {
  decodeMembers,
  encodeMembers,
  encodeMembersDelta,
  encodeRecord,
  type Member,
  type MemberTable,
  ProtoReader,
} from "@quorate/wire";
import { emptyMemberTable, type Membership, memberOf, newMember } from "./member-table.ts";
import { idOf, type MemberOrNew, type MemberWish, type NewMember } from "./member-wish.ts";

/**
 * The bytes of the call that changes members, as protobuf messages:
 *
 *     message ChangeMembers {           message Changed {
 *       uint64 kind = 1;                  uint64 index = 1;
 *       uint64 id = 2;                    raftpb.ConfState confState = 2;
 *       uint64 flags = 3;                 MemberTable table = 3;
 *       MemberTable new = 4;            }
 *       uint64 ifIndex = 5;
 *       raftpb.ConfState set = 6;
 *     }
 *
 * `new` holds those who are to be members, or the one that is to be updated; `set` the roles of all,
 * in the order of ids.
 */

/** What is wanted, and of which configuration. */
export interface ChangeMembers {
  readonly wish: MemberWish;
  /** The change is only for the configuration as of this entry; undefined: for whatever it is. */
  readonly ifIndex: LogIndex | undefined;
}

/** The numbers of the kinds: position in this list plus one. */
const kinds: readonly MemberWish["kind"][] = [
  "add",
  "remove",
  "promote",
  "demote",
  "replace",
  "set",
  "update",
];

/** It is to be a learner. */
const asLearner = 1;
/** The address is given; else it stays. */
const hasAddress = 2;
/** The priority is given; else it stays, or is that of the replaced. */
const hasPriority = 4;

/** The bytes of `change`, whose wish must be valid. Throws `invalid_change` as `goalOf` would. */
export function encodeChangeMembers({ wish, ifIndex }: ChangeMembers): Uint8Array {
  let id: NodeId = none;
  let flags = 0;
  let news: readonly NewMember[] = [];
  let set: Uint8Array | undefined;
  switch (wish.kind) {
    case "add":
      flags = wish.as === "learner" ? asLearner : 0;
      news = [wish];
      break;
    case "remove":
    case "promote":
    case "demote":
      id = wish.id;
      break;
    case "replace":
      id = wish.id;
      flags = wish.by.priority === undefined ? 0 : hasPriority;
      news = [wish.by];
      break;
    case "set": {
      const { voters, learners = [] } = wish;
      const named = [...voters, ...learners];
      if (new Set(named.map(idOf)).size < named.length) {
        throw new RaftError("invalid_change", "a node is named twice");
      }
      if (voters.length === 0) throw new RaftError("invalid_change", "no voter would be left");
      news = named.filter((member) => typeof member !== "number");
      set = encodeConfState({
        ...emptyConfState,
        voters: voters.map(idOf),
        learners: learners.map(idOf),
      });
      break;
    }
    case "update":
      if (wish.address !== undefined) flags |= hasAddress;
      if (wish.priority !== undefined) flags |= hasPriority;
      news = [{ ...wish, address: wish.address ?? "" }];
      break;
  }
  const members = news
    .map((member) => newMember(member.id, member.address, member.priority))
    .sort((a, b) => a.id - b.id);
  const table = encodeMembersDelta({ set: members, removed: [] });
  return join(encodeRecord([kinds.indexOf(wish.kind) + 1, id, flags, table, ifIndex, set]));
}

/** Reads a `ChangeMembers`; its wish has yet to be validated. Throws `malformed`. */
export function decodeChangeMembers(bytes: Uint8Array): ChangeMembers {
  const reader = new ProtoReader(bytes);
  let kind = 0;
  let id: NodeId = none;
  let flags = 0;
  let table = emptyMemberTable;
  let ifIndex: LogIndex | undefined;
  let roles = emptyConfState;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        kind = reader.number();
        break;
      case 0x10:
        id = reader.number();
        break;
      case 0x18:
        flags = reader.number();
        break;
      case 0x22:
        table = decodeMembers(reader.bytes());
        break;
      case 0x28:
        ifIndex = reader.number();
        break;
      case 0x32:
        roles = decodeConfState(reader.bytes());
        break;
      default:
        reader.skipUnknown(tag, 6);
    }
  }
  return { wish: wishOf({ kind: kinds[kind - 1], id, flags, table, roles }), ifIndex };
}

/** The fields of a wish. */
interface Fields {
  readonly kind: MemberWish["kind"] | undefined;
  readonly id: NodeId;
  readonly flags: number;
  readonly table: MemberTable;
  readonly roles: { readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[] };
}

function wishOf({ kind, id, flags, table, roles }: Fields): MemberWish {
  switch (kind) {
    case "add":
      return {
        kind,
        ...newMemberOf(theOne(table), true),
        as: (flags & asLearner) === 0 ? "voter" : "learner",
      };
    case "remove":
    case "promote":
    case "demote":
      return { kind, id };
    case "replace":
      return { kind, id, by: newMemberOf(theOne(table), (flags & hasPriority) !== 0) };
    case "set": {
      const named = (member: NodeId): MemberOrNew => {
        const found = memberOf(table, member);
        return found === undefined ? member : newMemberOf(found, true);
      };
      return { kind, voters: roles.voters.map(named), learners: roles.learners.map(named) };
    }
    case "update": {
      const member = theOne(table);
      return {
        kind,
        id: member.id,
        address: (flags & hasAddress) === 0 ? undefined : member.address,
        priority: (flags & hasPriority) === 0 ? undefined : member.priority,
      };
    }
    case undefined:
      throw new RaftError("malformed", "the kind of a change of members is unknown");
  }
}

function theOne({ members }: MemberTable): Member {
  const [member, ...others] = members;
  if (member !== undefined && others.length === 0) return member;
  throw new RaftError("malformed", `a change concerns one member, not ${members.length}`);
}

function newMemberOf({ id, address, priority }: Member, hasOwnPriority: boolean): NewMember {
  return { id, address, priority: hasOwnPriority ? priority : undefined };
}

/** A membership, and up to which entry of the log it is known. */
export interface Changed {
  readonly membership: Membership;
  readonly index: LogIndex;
}

/** The bytes of the answer: the membership after the change. */
export function encodeChanged({ membership, index }: Changed): Uint8Array {
  const { confState, table } = membership;
  return join(encodeRecord([index, encodeConfState(confState), encodeMembers(table)]));
}

/** Reads a `Changed`. Throws `malformed`. */
export function decodeChanged(bytes: Uint8Array): Changed {
  const reader = new ProtoReader(bytes);
  let index: LogIndex = none;
  let confState = emptyConfState;
  let table = emptyMemberTable;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        index = reader.number();
        break;
      case 0x12:
        confState = decodeConfState(reader.bytes());
        break;
      case 0x1a:
        table = decodeMembers(reader.bytes());
        break;
      default:
        reader.skipUnknown(tag, 3);
    }
  }
  return { membership: { confState, table }, index };
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}
