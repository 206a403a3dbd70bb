import {
  at,
  type Entry,
  type EntryId,
  type Message,
  none,
  RaftError,
  unreachable,
} from "@quorate/core";
import { malformed } from "./protobuf.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { decodeUint64, encodeUint64 } from "./uint64.ts";

/**
 * The values of `raftpb.MessageType` that have a kind of message here. The others are local to a node,
 * or belong to what this version does not do: they are `unknown_message`.
 */
export const messageTypes = {
  prop: 2,
  app: 3,
  appResp: 4,
  vote: 5,
  voteResp: 6,
  snap: 7,
  heartbeat: 8,
  heartbeatResp: 9,
  timeoutNow: 14,
  readIndex: 15,
  readIndexResp: 16,
  preVote: 17,
  preVoteResp: 18,
} as const;

/** The context of a vote that the leader asked for: "CampaignTransfer", as etcd spells it. */
const campaignTransfer = Uint8Array.of(
  ...[0x43, 0x61, 0x6d, 0x70, 0x61, 0x69, 0x67, 0x6e], // "Campaign"
  ...[0x54, 0x72, 0x61, 0x6e, 0x73, 0x66, 0x65, 0x72], // "Transfer"
);

/**
 * A message as `raftpb.Message` has it: one set of fields for all types. What a type does not use is
 * 0, false or empty.
 */
export interface RaftpbMessage {
  readonly type: number;
  readonly to: number;
  readonly from: number;
  readonly term: number;
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  /** The bytes of a `raftpb.Snapshot`. */
  readonly snapshot: Uint8Array | undefined;
  readonly reject: boolean;
  readonly rejectHint: number;
  readonly context: Uint8Array | undefined;
}

/** A message to be encoded. Of `entries` and `commands`, one at most has elements. */
export interface OutgoingMessage extends RaftpbMessage {
  /** The data of entries that carry nothing else. */
  readonly commands: readonly Uint8Array[];
}

/** What a message says beyond its envelope. */
type Body = Partial<Omit<OutgoingMessage, "type" | "to" | "from" | "term">>;

const noEntries: readonly Entry[] = [];
const noCommands: readonly Uint8Array[] = [];

/** `message` in the fields of `raftpb.Message`. */
export function toRaftpb(message: Message): OutgoingMessage {
  const types = messageTypes;
  switch (message.kind) {
    case "pre-vote":
      return pack(message, types.preVote, {
        logTerm: message.last.term,
        index: message.last.index,
      });
    case "pre-vote-response":
      return pack(message, types.preVoteResp, answerOf(message));
    case "request-vote":
      return pack(message, types.vote, {
        logTerm: message.last.term,
        index: message.last.index,
        context: message.transfer === true ? campaignTransfer : undefined,
      });
    case "request-vote-response":
      return pack(message, types.voteResp, answerOf(message));
    case "append-entries":
      return pack(message, types.app, {
        logTerm: message.prev.term,
        index: message.prev.index,
        entries: message.entries,
        commit: message.commitIndex,
      });
    case "append-entries-response":
      return pack(message, types.appResp, { index: message.matchIndex });
    case "append-entries-rejection":
      return pack(message, types.appResp, {
        logTerm: message.hint.term,
        index: message.prevIndex,
        reject: true,
        rejectHint: message.hint.index,
      });
    case "install-snapshot":
      return pack(message, types.snap, { snapshot: encodeSnapshot(message.snapshot) });
    case "timeout-now":
      return pack(message, types.timeoutNow, {});
    case "heartbeat":
      return pack(message, types.heartbeat, {
        commit: message.commitIndex,
        context: contextOf(message.readRound),
      });
    case "heartbeat-response":
      return pack(message, types.heartbeatResp, { context: contextOf(message.readRound) });
    case "propose":
      return pack(message, types.prop, { commands: message.commands });
    case "read-index":
      return pack(message, types.readIndex, { commands: [encodeUint64(message.readId)] });
    case "read-index-response":
      return pack(message, types.readIndexResp, {
        index: message.index,
        commands: [encodeUint64(message.readId)],
        reject: message.index === none,
      });
    default:
      return unreachable(message);
  }
}

/** An answer to a request for a vote, or to the question of one. */
type VoteAnswer = Extract<
  Message,
  { readonly kind: "pre-vote-response" | "request-vote-response" }
>;

function answerOf({ granted, committed }: VoteAnswer): Body {
  if (committed === undefined) return { reject: !granted };
  return { reject: !granted, logTerm: committed.term, index: committed.index };
}

/** Whether a vote is granted, and the last entry that its sender knows to be committed, if it says so. */
function fromVoteResp(raw: RaftpbMessage): Pick<VoteAnswer, "granted" | "committed"> {
  const granted = !raw.reject;
  return raw.index === none ? { granted } : { granted, committed: entryIdOf(raw) };
}

/** All are made here, so that they share one shape. */
function pack(message: Message, type: number, body: Body): OutgoingMessage {
  return {
    type,
    to: message.to,
    from: message.from,
    term: message.term,
    logTerm: body.logTerm ?? 0,
    index: body.index ?? 0,
    entries: body.entries ?? noEntries,
    commands: body.commands ?? noCommands,
    commit: body.commit ?? 0,
    snapshot: body.snapshot,
    reject: body.reject ?? false,
    rejectHint: body.rejectHint ?? 0,
    context: body.context,
  };
}

function contextOf(readRound: number): Uint8Array | undefined {
  return readRound === none ? undefined : encodeUint64(readRound);
}

/**
 * The message that `raw` stands for. Throws `unknown_message` if its type has no kind here, and
 * `malformed` if it lacks what its type needs or contradicts itself.
 */
export function fromRaftpb(raw: RaftpbMessage): Message {
  const { from, to, term } = raw;
  switch (raw.type) {
    case messageTypes.preVote:
      return { kind: "pre-vote", from, to, term, last: entryIdOf(raw) };
    case messageTypes.preVoteResp:
      return { kind: "pre-vote-response", from, to, term, ...fromVoteResp(raw) };
    case messageTypes.vote:
      return fromVote(raw);
    case messageTypes.voteResp:
      return { kind: "request-vote-response", from, to, term, ...fromVoteResp(raw) };
    case messageTypes.app:
      return {
        kind: "append-entries",
        from,
        to,
        term,
        prev: entryIdOf(raw),
        entries: raw.entries,
        commitIndex: raw.commit,
      };
    case messageTypes.appResp:
      return fromAppResp(raw);
    case messageTypes.snap:
      if (raw.snapshot === undefined) throw malformed("a snapshot is to be installed, but which?");
      return { kind: "install-snapshot", from, to, term, snapshot: decodeSnapshot(raw.snapshot) };
    case messageTypes.timeoutNow:
      return { kind: "timeout-now", from, to, term };
    case messageTypes.heartbeat:
      return {
        kind: "heartbeat",
        from,
        to,
        term,
        commitIndex: raw.commit,
        readRound: readRoundOf(raw),
      };
    case messageTypes.heartbeatResp:
      return { kind: "heartbeat-response", from, to, term, readRound: readRoundOf(raw) };
    case messageTypes.prop:
      return { kind: "propose", from, to, term, commands: raw.entries.map(commandOf) };
    case messageTypes.readIndex:
      return { kind: "read-index", from, to, term, readId: readIdOf(raw) };
    case messageTypes.readIndexResp:
      if (raw.reject !== (raw.index === none)) throw malformed("a read index is refused and given");
      return {
        kind: "read-index-response",
        from,
        to,
        term,
        readId: readIdOf(raw),
        index: raw.index,
      };
    default:
      throw new RaftError("unknown_message", `the message type ${raw.type} is unknown`);
  }
}

function entryIdOf(raw: RaftpbMessage): EntryId {
  return { term: raw.logTerm, index: raw.index };
}

function fromVote(raw: RaftpbMessage): Message {
  const { from, to, term } = raw;
  const vote: Message = { kind: "request-vote", from, to, term, last: entryIdOf(raw) };
  return isTransfer(raw.context) ? { ...vote, transfer: true } : vote;
}

function isTransfer(context: Uint8Array | undefined): boolean {
  if (context?.length !== campaignTransfer.length) return false;
  return campaignTransfer.every((byte, offset) => byte === context[offset]);
}

function fromAppResp(raw: RaftpbMessage): Message {
  const { from, to, term } = raw;
  if (raw.reject) {
    const hint = { term: raw.logTerm, index: raw.rejectHint };
    return { kind: "append-entries-rejection", from, to, term, prevIndex: raw.index, hint };
  }
  return { kind: "append-entries-response", from, to, term, matchIndex: raw.index };
}

function commandOf(entry: Entry): Uint8Array {
  if (entry.kind === "conf-change") throw malformed("a command is a configuration change");
  return entry.data;
}

function readRoundOf(raw: RaftpbMessage): number {
  return raw.context === undefined || raw.context.length === 0 ? none : decodeUint64(raw.context);
}

function readIdOf(raw: RaftpbMessage): number {
  if (raw.entries.length !== 1) throw malformed("a read is named by exactly one entry");
  return decodeUint64(at(raw.entries, 0).data);
}
