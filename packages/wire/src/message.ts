import { at, type Entry, type Message } from "@quorate/core";
import {
  addEntry,
  commandEntryBytes,
  encodedEntryBytes,
  largestPiece,
  readEntry,
  writeCommandEntry,
} from "./entry.ts";
import { prefixedBytes, ProtoReader, varintBytes } from "./protobuf.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { fromRaftpb, type OutgoingMessage, toRaftpb } from "./raftpb.ts";

/** Tags of `raftpb.Message`: field number times eight plus wire type. */
const tagType = 0x08;
const tagTo = 0x10;
const tagFrom = 0x18;
const tagTerm = 0x20;
const tagLogTerm = 0x28;
const tagIndex = 0x30;
const tagEntries = 0x3a;
const tagCommit = 0x40;
const tagSnapshot = 0x4a;
const tagReject = 0x50;
const tagRejectHint = 0x58;
const tagContext = 0x62;
const tagVote = 0x68;
const tagResponses = 0x72;
const messageFieldMax = 14;

/** What every message takes: ten tags of one byte, and one byte each for `reject` and `vote`. */
const fixedBytes = 12;

/** A message to be written: its fields, and the bytes that they take. */
export interface MessagePlan {
  readonly raw: OutgoingMessage;
  /** How many bytes the message takes. */
  readonly bytes: number;
  /** How many of these come in pieces large enough to be referenced. */
  readonly referencedBytes: number;
}

/** Counts the bytes of `message`, and those of its pieces of `referenceBytesMin` bytes and more. */
export function planMessage(message: Message, referenceBytesMin: number): MessagePlan {
  const raw = toRaftpb(message);
  let bytes = scalarBytes(raw);
  let referencedBytes = 0;
  for (const entry of raw.entries) {
    bytes += 1 + prefixedBytes(encodedEntryBytes(entry));
    const { length } = largestPiece(entry);
    if (length >= referenceBytesMin) referencedBytes += length;
  }
  for (const command of raw.commands) {
    bytes += 1 + prefixedBytes(commandEntryBytes(command));
    if (command.length >= referenceBytesMin) referencedBytes += command.length;
  }
  if (raw.snapshot !== undefined) {
    const { length } = raw.snapshot;
    bytes += 1 + prefixedBytes(length);
    if (length >= referenceBytesMin) referencedBytes += length;
  }
  if (raw.context !== undefined) bytes += 1 + prefixedBytes(raw.context.length);
  return { raw, bytes, referencedBytes };
}

function scalarBytes(raw: OutgoingMessage): number {
  return (
    fixedBytes +
    varintBytes(raw.type) +
    varintBytes(raw.to) +
    varintBytes(raw.from) +
    varintBytes(raw.term) +
    varintBytes(raw.logTerm) +
    varintBytes(raw.index) +
    varintBytes(raw.commit) +
    varintBytes(raw.rejectHint)
  );
}

/** Writes the message that was planned. */
export function writeMessage(writer: ChunkWriter, raw: OutgoingMessage): void {
  writer.field(tagType, raw.type);
  writer.field(tagTo, raw.to);
  writer.field(tagFrom, raw.from);
  writer.field(tagTerm, raw.term);
  writer.field(tagLogTerm, raw.logTerm);
  writer.field(tagIndex, raw.index);
  for (const entry of raw.entries) {
    writer.field(tagEntries, encodedEntryBytes(entry));
    addEntry(writer, entry);
  }
  for (const command of raw.commands) {
    writer.field(tagEntries, commandEntryBytes(command));
    writeCommandEntry(writer, command);
  }
  writer.field(tagCommit, raw.commit);
  if (raw.snapshot !== undefined) {
    writer.field(tagSnapshot, raw.snapshot.length);
    writer.raw(raw.snapshot);
  }
  writer.field(tagReject, raw.reject ? 1 : 0);
  writer.field(tagRejectHint, raw.rejectHint);
  if (raw.context !== undefined) {
    writer.field(tagContext, raw.context.length);
    writer.raw(raw.context);
  }
  writer.field(tagVote, 0);
}

/**
 * The bytes of `message` as `raftpb.Message`, in one piece that is the caller's. To send, prefer
 * `encodeBatch`.
 */
export function encodeMessage(message: Message): Uint8Array {
  const plan = planMessage(message, Number.POSITIVE_INFINITY);
  const writer = new ChunkWriter(plan.bytes, Number.POSITIVE_INFINITY);
  writeMessage(writer, plan.raw);
  return at(writer.finish(), 0);
}

/**
 * The message in `bytes`, which must hold one `raftpb.Message` and nothing else. Its entries and
 * commands alias them: they must not be changed as long as these are in use. Fields that are absent
 * count as 0, unknown ones are skipped; terms, indexes and ids are safe integers but may make no
 * sense, which `RaftNode.step` finds out.
 *
 * Throws `malformed`, and `unknown_message` for a type that has no kind of message.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  return readMessage(new ProtoReader(bytes));
}

/** Reads the fields of the open message, up to its end. */
export function readMessage(reader: ProtoReader): Message {
  let type = 0;
  let to = 0;
  let from = 0;
  let term = 0;
  let logTerm = 0;
  let index = 0;
  let commit = 0;
  let snapshot: Uint8Array | undefined;
  let reject = false;
  let rejectHint = 0;
  let context: Uint8Array | undefined;
  const entries: Entry[] = [];
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case tagType:
        type = reader.number();
        break;
      case tagTo:
        to = reader.number();
        break;
      case tagFrom:
        from = reader.number();
        break;
      case tagTerm:
        term = reader.number();
        break;
      case tagLogTerm:
        logTerm = reader.number();
        break;
      case tagIndex:
        index = reader.number();
        break;
      case tagEntries:
        entries.push(readEntry(reader));
        break;
      case tagCommit:
        commit = reader.number();
        break;
      case tagReject:
        reject = reader.number() !== 0;
        break;
      case tagRejectHint:
        rejectHint = reader.number();
        break;
      case tagContext:
        context = reader.bytes();
        break;
      default:
        if (tag === tagSnapshot) snapshot = reader.bytes();
        else skipOther(reader, tag);
    }
  }
  return fromRaftpb({
    type,
    to,
    from,
    term,
    logTerm,
    index,
    entries,
    commit,
    snapshot,
    reject,
    rejectHint,
    context,
  });
}

/** Passes over a field that no kind of message uses. */
function skipOther(reader: ProtoReader, tag: number): void {
  if (tag === tagVote || tag === tagResponses) reader.skip(tag);
  else reader.skipUnknown(tag, messageFieldMax);
}
