import {
  applyConfChange,
  type ConfChange,
  type MemberChange,
  type Transition,
} from "./conf-change.ts";
import { ascending, type ConfState, confStateFlaw, sameConfState } from "./conf-state.ts";
import { RaftError } from "./errors.ts";
import { isSafe, type NodeId } from "./ids.ts";

/**
 * The data of a `conf-change` entry, as bytes: etcd's `raftpb.ConfChangeV2`, with the configuration
 * that it leads to as one field more. So a node that has no configuration yet, because it is about to
 * join, learns all of it from the first change that it applies. The layout is in `wire`'s FORMAT.md.
 */

/** A change, and the configuration that it leads to; undefined if another implementation wrote it. */
export interface DecodedConfChange {
  readonly change: ConfChange;
  readonly result: ConfState | undefined;
}

/** Numbers of `raftpb.ConfChangeType` and `raftpb.ConfChangeTransition`: positions in these lists. */
const kinds = ["add-voter", "remove", undefined, "add-learner"] as const;
const transitions: readonly Transition[] = ["auto", "implicit", "explicit"];

/** Our own field of `ConfChangeV2`, far from those that etcd may add. */
const resultField = 15;

/** The data of the entry for `change`, which leads to `result`. */
export function encodeConfChange(change: ConfChange, result: ConfState): Uint8Array {
  const bytes: number[] = [];
  if (change.transition !== "auto") {
    putNumber(bytes, 1, transitions.indexOf(change.transition));
  }
  for (const { kind, id } of change.changes) {
    const member: number[] = [];
    putNumber(member, 1, kinds.indexOf(kind));
    putNumber(member, 2, id);
    putBytes(bytes, 2, member);
  }
  if (change.context.length > 0) putBytes(bytes, 3, change.context);
  putBytes(bytes, resultField, encodeConfState(result));
  return Uint8Array.from(bytes);
}

/** Reads the data of a `conf-change` entry. Throws `malformed`. */
export function decodeConfChange(data: Uint8Array): DecodedConfChange {
  let transition: Transition = "auto";
  const changes: MemberChange[] = [];
  let context: Uint8Array = new Uint8Array(0);
  let result: ConfState | undefined;
  for (const { number, value } of fieldsOf(data)) {
    switch (number) {
      case 1:
        transition = transitions[numberOf(value)] ?? malformed("the transition is unknown");
        break;
      case 2:
        changes.push(decodeMemberChange(bytesOf(value)));
        break;
      case 3:
        context = bytesOf(value).slice();
        break;
      case resultField:
        result = decodeConfState(bytesOf(value));
        break;
      default:
        break;
    }
  }
  return { change: { transition, changes, context }, result };
}

function decodeMemberChange(data: Uint8Array): MemberChange {
  let kind: MemberChange["kind"] | undefined = "add-voter";
  let id: NodeId = 0;
  for (const { number, value } of fieldsOf(data)) {
    if (number === 1) kind = kinds[numberOf(value)];
    if (number === 2) id = numberOf(value);
  }
  if (kind === undefined) malformed("the kind of a change is unknown");
  return { kind, id };
}

/**
 * The configuration that follows on `before` by the entry of `data`. A node without one takes what the
 * entry says. Throws `malformed` or `invalid_change`, also if the entry says otherwise than follows, or
 * says nothing to a node without one: that would take itself for the only member.
 */
export function confStateAfter(before: ConfState, data: Uint8Array): ConfState {
  const { change, result } = decodeConfChange(data);
  if (before.voters.length === 0) {
    if (result !== undefined) return result;
    throw new RaftError("invalid_change", "the entry does not say which configuration it leads to");
  }
  const after = applyConfChange(before, change);
  if (result !== undefined && !sameConfState(after, result)) {
    throw new RaftError("invalid_change", "the entry leads to another configuration than it says");
  }
  return after;
}

/** A configuration as `raftpb.ConfState`. */
export function encodeConfState(confState: ConfState): Uint8Array {
  const bytes: number[] = [];
  for (const id of confState.voters) putNumber(bytes, 1, id);
  for (const id of confState.learners) putNumber(bytes, 2, id);
  for (const id of confState.votersOutgoing) putNumber(bytes, 3, id);
  for (const id of confState.learnersNext) putNumber(bytes, 4, id);
  if (confState.autoLeave) putNumber(bytes, 5, 1);
  return Uint8Array.from(bytes);
}

/** Reads a `raftpb.ConfState`. Throws `malformed`, also for one that cannot be. */
export function decodeConfState(data: Uint8Array): ConfState {
  const lists: NodeId[][] = [[], [], [], []];
  let autoLeave = false;
  for (const { number, value } of fieldsOf(data)) {
    if (number === 5) autoLeave = numberOf(value) !== 0;
    else lists[number - 1]?.push(numberOf(value));
  }
  const [voters, learners, votersOutgoing, learnersNext] = lists.map(ascending);
  const confState: ConfState = {
    voters: voters ?? [],
    votersOutgoing: votersOutgoing ?? [],
    learners: learners ?? [],
    learnersNext: learnersNext ?? [],
    autoLeave,
  };
  const flaw = confStateFlaw(confState);
  return flaw === undefined ? confState : malformed(`a configuration is impossible: ${flaw}`);
}

/** The largest tag: field numbers end at 2^29 - 1. */
const tagMax = 0xffff_ffff;

/** The little of protobuf that these need. */
interface Field {
  readonly number: number;
  /**
   * A number, which may be too large to be exact; or bytes that alias the data; or undefined for other
   * wire types, which are skipped.
   */
  readonly value: number | Uint8Array | undefined;
}

function putNumber(bytes: number[], field: number, value: number): void {
  putVarint(bytes, field * 8);
  putVarint(bytes, value);
}

function putBytes(bytes: number[], field: number, value: ArrayLike<number>): void {
  putVarint(bytes, field * 8 + 2);
  putVarint(bytes, value.length);
  for (let offset = 0; offset < value.length; offset++) bytes.push(value[offset] ?? 0);
}

function putVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

function fieldsOf(data: Uint8Array): Field[] {
  const fields: Field[] = [];
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = data[offset++] ?? malformed("a configuration change is cut short");
      value += (byte % 0x80) * scale;
      if (scale > 2 ** 63) malformed("a number is longer than ten bytes");
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (length > data.length - offset) malformed("a configuration change is cut short");
    offset += length;
    return data.subarray(offset - length, offset);
  };
  while (offset < data.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (number === 0 || tag > tagMax) malformed("the number of a field is out of range");
    switch (tag % 8) {
      case 0:
        fields.push({ number, value: varint() });
        break;
      case 1:
        take(8);
        fields.push({ number, value: undefined });
        break;
      case 2:
        fields.push({ number, value: take(varint()) });
        break;
      case 5:
        take(4);
        fields.push({ number, value: undefined });
        break;
      default:
        malformed("a field has an unknown wire type");
    }
  }
  return fields;
}

function numberOf(value: Field["value"]): number {
  return isSafe(value) ? value : malformed("a field must be a number of at most 2^53 - 1");
}

function bytesOf(value: Field["value"]): Uint8Array {
  return value instanceof Uint8Array ? value : malformed("a field must be bytes");
}

function malformed(detail: string): never {
  throw new RaftError("malformed", detail);
}
