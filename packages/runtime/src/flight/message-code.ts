import {
  type EntryId,
  type Message,
  type MessageKind,
  type NodeId,
  type Term,
  unreachable,
} from "@quorate/core";
import { decodeSnapshot, encodeSnapshot } from "@quorate/wire";
import { readEntries, writeEntries } from "./entry-code.ts";
import type { TapeReader } from "./tape-reader.ts";
import type { TapeWriter } from "./tape-writer.ts";

/** A kind is told by its place in this list. New ones go to its end. */
const kinds: readonly MessageKind[] = [
  "pre-vote",
  "pre-vote-response",
  "request-vote",
  "request-vote-response",
  "append-entries",
  "append-entries-response",
  "append-entries-rejection",
  "install-snapshot",
  "timeout-now",
  "heartbeat",
  "heartbeat-response",
  "propose",
  "read-index",
  "read-index-response",
];

/** Writes all of `message` that a core looks at: of commands, how long they are. */
export function writeMessage(tape: TapeWriter, message: Message): void {
  tape.number(kinds.indexOf(message.kind));
  tape.number(message.from);
  tape.number(message.to);
  tape.number(message.term);
  writeBody(tape, message);
}

function writeBody(tape: TapeWriter, message: Message): void {
  switch (message.kind) {
    case "pre-vote":
      writeId(tape, message.last);
      break;
    case "request-vote":
      writeId(tape, message.last);
      tape.flag(message.transfer === true);
      break;
    case "pre-vote-response":
    case "request-vote-response":
      tape.flag(message.granted);
      tape.flag(message.committed !== undefined);
      if (message.committed !== undefined) writeId(tape, message.committed);
      break;
    case "append-entries":
      writeId(tape, message.prev);
      tape.number(message.commitIndex);
      writeEntries(tape, message.entries, 0);
      break;
    case "append-entries-response":
      tape.number(message.matchIndex);
      break;
    case "append-entries-rejection":
      tape.number(message.prevIndex);
      writeId(tape, message.hint);
      break;
    case "install-snapshot":
      tape.prefixed(encodeSnapshot(message.snapshot));
      break;
    case "timeout-now":
      break;
    case "heartbeat":
      tape.number(message.commitIndex);
      tape.number(message.readRound);
      break;
    case "heartbeat-response":
      tape.number(message.readRound);
      break;
    case "propose":
      tape.number(message.commands.length);
      for (const { length } of message.commands) tape.number(length);
      break;
    case "read-index":
      tape.number(message.readId);
      break;
    case "read-index-response":
      tape.number(message.readId);
      tape.number(message.index);
      break;
    default:
      unreachable(message);
  }
}

/** Writes the name of an entry. */
export function writeId(tape: TapeWriter, { term, index }: EntryId): void {
  tape.number(term);
  tape.number(index);
}

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

/** Reads a message; without its entries if `isBuilt` is false. Throws `malformed`. */
export function readMessage(tape: TapeReader, isBuilt: boolean): Message {
  const kind = tape.choice(kinds);
  const envelope: Envelope = { from: tape.number(), to: tape.number(), term: tape.number() };
  return readBody(tape, kind, envelope, isBuilt);
}

function readBody(
  tape: TapeReader,
  kind: MessageKind,
  envelope: Envelope,
  isBuilt: boolean,
): Message {
  switch (kind) {
    case "pre-vote":
      return { ...envelope, kind, last: tape.id() };
    case "request-vote": {
      const last = tape.id();
      return { ...envelope, kind, last, ...(tape.flag() ? { transfer: true } : {}) };
    }
    case "pre-vote-response":
    case "request-vote-response": {
      const granted = tape.flag();
      return { ...envelope, kind, granted, ...(tape.flag() ? { committed: tape.id() } : {}) };
    }
    case "append-entries": {
      const prev = tape.id();
      const commitIndex = tape.number();
      const entries = readEntries(tape, prev.index + 1, isBuilt);
      return { ...envelope, kind, prev, commitIndex, entries };
    }
    case "append-entries-response":
      return { ...envelope, kind, matchIndex: tape.number() };
    case "append-entries-rejection":
      return { ...envelope, kind, prevIndex: tape.number(), hint: tape.id() };
    case "install-snapshot":
      return { ...envelope, kind, snapshot: decodeSnapshot(tape.bytes()) };
    case "timeout-now":
      return { ...envelope, kind };
    case "heartbeat":
      return { ...envelope, kind, commitIndex: tape.number(), readRound: tape.number() };
    case "heartbeat-response":
      return { ...envelope, kind, readRound: tape.number() };
    case "propose":
      return { ...envelope, kind, commands: tape.list(() => tape.blank(tape.length())) };
    case "read-index":
      return { ...envelope, kind, readId: tape.number() };
    case "read-index-response":
      return { ...envelope, kind, readId: tape.number(), index: tape.number() };
    default:
      return unreachable(kind);
  }
}
