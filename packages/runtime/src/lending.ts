import {
  at,
  type Entry,
  isSafe,
  type LogIndex,
  none,
  RaftError,
  type RaftNode,
} from "@quorate/core";
import type { MissingEntries } from "@quorate/wal";
import {
  decodeEntry,
  encodedEntryBytes,
  encodeEntry,
  encodeRecord,
  ProtoReader,
} from "@quorate/wire";
import type { Method } from "./call.ts";

/**
 * How one member gives another entries of its log, which that has lost: as answers to calls, which are
 * protobuf messages:
 *
 *     message Loan {              message Lent {
 *       uint64 first = 1;           repeated raftpb.Entry entries = 1;
 *       uint64 last = 2;          }
 *       uint64 lastTerm = 3;
 *     }
 *
 * Given are entries from `first` on, as many as fit into `lentBytesMax` and at least one. With a
 * `lastTerm` they are given by a log only that holds an entry of this term at `last`: then it is the same
 * up to there in all logs that hold it (§5.3), whether or not any of it is committed.
 */

/** How many bytes of entries one answer holds, but for a single longer one. */
const lentBytesMax = 1024 * 1024;
/** The tag and the length before an entry. */
const entryHeadBytesMax = 6;

/** The payload of a call that asks for `missing`. */
export function encodeLoan({ first, last, lastTerm }: MissingEntries): Uint8Array {
  return encodeRecord([first, last, lastTerm])[0] ?? new Uint8Array(0);
}

/** What a call asks for. Throws `malformed`. */
export function decodeLoan(payload: Uint8Array): MissingEntries {
  const reader = new ProtoReader(payload);
  const fields = [0, 0, 0];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x08 || tag === 0x10 || tag === 0x18) fields[(tag >> 3) - 1] = reader.number();
    else reader.skipUnknown(tag, 3);
  }
  const [first = 0, last = 0, lastTerm = 0] = fields;
  if (isSafe(first) && isSafe(last) && first > none && first <= last) {
    return { first, last, lastTerm };
  }
  throw new RaftError("malformed", `there are no entries ${first} to ${last}`);
}

/** The method by which any member lends what `node` holds in memory. Throws `log_lost` if it does not. */
export function lendMethod(node: Pick<RaftNode, "entries">): Method {
  return (payload, _, reply) => {
    reply(encodeLent(lend(node, decodeLoan(payload))));
    return { end: () => undefined };
  };
}

function lend(node: Pick<RaftNode, "entries">, { first, last, lastTerm }: MissingEntries): Entry[] {
  const { term } = entryAt(node, last);
  if (lastTerm !== none && term !== lastTerm) {
    const detail = `entry ${last} is of term ${term} here, and not of term ${lastTerm}`;
    throw new RaftError("log_lost", detail);
  }
  const lent: Entry[] = [];
  let bytes = 0;
  for (let index = first; index <= last; index++) {
    const entry = entryAt(node, index);
    bytes += encodedEntryBytes(entry) + entryHeadBytesMax;
    if (lent.length > 0 && bytes > lentBytesMax) break;
    lent.push(entry);
  }
  return lent;
}

function entryAt(node: Pick<RaftNode, "entries">, index: LogIndex): Entry {
  try {
    return at(node.entries(index, index), 0);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    throw new RaftError("log_lost", `entry ${index} is not in this log`);
  }
}

/** The payload of an answer that gives `entries`. */
export function encodeLent(entries: readonly Entry[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const entry of entries) pieces.push(...encodeRecord([encodeEntry(entry)]));
  const lent = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    lent.set(piece, offset);
    offset += piece.length;
  }
  return lent;
}

/** The entries of an answer; they alias its bytes. Throws `malformed`. */
export function decodeLent(bytes: Uint8Array): Entry[] {
  const reader = new ProtoReader(bytes);
  const entries: Entry[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) entries.push(decodeEntry(reader.bytes()));
    else reader.skipUnknown(tag, 1);
  }
  return entries;
}
