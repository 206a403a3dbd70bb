import { isSafe, type NodeId, none, RaftError } from "@quorate/core";
import { addressBytesMax, addressFlaw } from "./address.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { incarnationBytes } from "./handshake.ts";
import {
  malformed,
  prefixedBytes,
  ProtoReader,
  tagOf,
  varintBytes,
  wireBytes,
  wireVarint,
} from "./protobuf.ts";
import { encodeRecord, readText } from "./record.ts";
import { encodeUtf8 } from "./utf8.ts";

/** The highest priority of a member. */
export const priorityMax = 1000;

/** What a group knows of one of its members, beside whether it votes. */
export interface Member {
  /** At least 1. */
  readonly id: NodeId;
  /** Where it can be reached: see `addressFlaw`. Empty if that is not known. */
  readonly address: string;
  /** Of its store, `incarnationBytes`; undefined as long as it is not known. */
  readonly incarnation: Uint8Array | undefined;
  /** How much it should rather lead than others: from 0 to `priorityMax`. */
  readonly priority: number;
}

/** Everyone who is or was in a group. Lists are ascending; no id is in both of the first two. */
export interface MemberTable {
  readonly members: readonly Member[];
  /** The ids of those who were removed. None is ever given again. */
  readonly removed: readonly NodeId[];
  /** Those of `removed` who may still be needed: not enough of the members are known to know of it. */
  readonly leaving: readonly Member[];
}

/** What changes in a member table. Lists are ascending; no id is in both. */
export interface MembersDelta {
  /** These members are as said here from now on, whether they were there or not. */
  readonly set: readonly Member[];
  /** These are removed. */
  readonly removed: readonly NodeId[];
}

const tagMember = tagOf(1, wireBytes);
const tagRemoved = tagOf(2, wireVarint);
const tagLeaving = tagOf(3, wireBytes);
const tableFieldMax = 3;
const memberFieldMax = 4;

/** The bytes of `table`; none if it is empty. Throws `invalid_argument` if it breaks what it promises. */
export function encodeMembers(table: MemberTable): Uint8Array {
  const flaw = tableFlaw(table);
  if (flaw !== undefined) throw new RaftError("invalid_argument", flaw);
  const members = table.members.map(encodeMember);
  const leaving = table.leaving.map(encodeMember);
  let size = 0;
  for (const member of [...members, ...leaving]) size += 1 + prefixedBytes(member.length);
  for (const id of table.removed) size += 1 + varintBytes(id);
  const writer = new ChunkWriter(size, Number.POSITIVE_INFINITY);
  for (const member of members) {
    writer.field(tagMember, member.length);
    writer.raw(member);
  }
  for (const id of table.removed) writer.field(tagRemoved, id);
  for (const member of leaving) {
    writer.field(tagLeaving, member.length);
    writer.raw(member);
  }
  return writer.finish()[0] ?? new Uint8Array(0);
}

/** The table in `bytes`, and nothing of these: the caller may change them. Throws `malformed`. */
export function decodeMembers(bytes: Uint8Array): MemberTable {
  const reader = new ProtoReader(bytes);
  const members: Member[] = [];
  const removed: NodeId[] = [];
  const leaving: Member[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === tagMember || tag === tagLeaving) {
      const outer = reader.enter();
      (tag === tagMember ? members : leaving).push(readMember(reader));
      reader.leave(outer);
    } else if (tag === tagRemoved) {
      removed.push(reader.number());
    } else {
      reader.skipUnknown(tag, tableFieldMax);
    }
  }
  const table = { members, removed, leaving };
  const flaw = tableFlaw(table);
  if (flaw !== undefined) throw malformed(flaw);
  return table;
}

/**
 * The bytes of `delta`, the context of a change of the configuration; none if it changes nothing. Throws
 * `invalid_argument` if it breaks what it promises.
 */
export function encodeMembersDelta(delta: MembersDelta): Uint8Array {
  return encodeMembers({ members: delta.set, removed: delta.removed, leaving: [] });
}

/** The delta in `bytes`, and nothing of these: the caller may change them. Throws `malformed`. */
export function decodeMembersDelta(bytes: Uint8Array): MembersDelta {
  const { members, removed } = decodeMembers(bytes);
  return { set: members, removed };
}

function encodeMember({ id, address, incarnation, priority }: Member): Uint8Array {
  const chunks = encodeRecord([
    id,
    address === "" ? undefined : encodeUtf8(address, addressBytesMax),
    incarnation,
    priority === 0 ? undefined : priority,
  ]);
  return chunks[0] ?? new Uint8Array(0);
}

/** Reads the fields of the open member, up to its end. */
function readMember(reader: ProtoReader): Member {
  let id: NodeId = none;
  let address = "";
  let incarnation: Uint8Array | undefined;
  let priority = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        id = reader.number();
        break;
      case 0x12:
        address = readText(reader, addressBytesMax);
        break;
      case 0x1a:
        incarnation = Uint8Array.from(reader.bytes());
        break;
      case 0x20:
        priority = reader.number();
        break;
      default:
        reader.skipUnknown(tag, memberFieldMax);
    }
  }
  return { id, address, incarnation, priority };
}

function tableFlaw({ members, removed, leaving }: MemberTable): string | undefined {
  const ids = members.map(({ id }) => id);
  const leavingIds = leaving.map(({ id }) => id);
  if (![ids, removed, leavingIds].every(isAscending)) {
    return "the ids of members must be at least 1, ascending, each once";
  }
  if (leavingIds.some((id) => !removed.includes(id))) return "a node leaves that was not removed";
  const present = new Set(ids);
  if (removed.some((id) => present.has(id))) return "a member was removed";
  for (const member of [...members, ...leaving]) {
    const flaw = memberFlaw(member);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function isAscending(ids: readonly NodeId[]): boolean {
  return ids.every((id, position) => isSafe(id) && id > (ids[position - 1] ?? none));
}

function memberFlaw({ id, address, incarnation, priority }: Member): string | undefined {
  const flaw = address === "" ? undefined : addressFlaw(address);
  if (flaw !== undefined) return `the address of node ${id} ${flaw}`;
  if (incarnation !== undefined && incarnation.length !== incarnationBytes) {
    return `an incarnation has ${incarnationBytes} bytes, not ${incarnation.length}`;
  }
  if (!isSafe(priority) || priority > priorityMax) {
    return `the priority of node ${id} must be from 0 to ${priorityMax}: got ${priority}`;
  }
  return undefined;
}
