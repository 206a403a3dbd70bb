import { assert, type Entry, type EntryKind, newEntry } from "@quorate/core";
import type { ChunkWriter } from "./chunk-writer.ts";
import {
  malformed,
  prefixedBytes,
  ProtoReader,
  varintBytes,
  writeBytes,
  writeField,
  writeRaw,
} from "./protobuf.ts";

/** `raftpb.EntryType`. */
const entryNormal = 0;
const entryConfChange = 1;
const entryConfChangeV2 = 2;

/** Tags of `raftpb.Entry`: field number times eight plus wire type. */
const tagType = 0x08;
const tagTerm = 0x10;
const tagIndex = 0x18;
const tagData = 0x22;
const entryFieldMax = 4;

/** An entry that carries nothing but data begins so: type, term and index 0, and the tag of the data. */
const commandHead = Uint8Array.of(tagType, entryNormal, tagTerm, 0, tagIndex, 0, tagData);

/** How many bytes an entry takes that carries nothing but `data`. */
export function commandEntryBytes(data: Uint8Array): number {
  return commandHead.length + prefixedBytes(data.length);
}

/** Writes an entry that carries nothing but `data`. */
export function writeCommandEntry(writer: ChunkWriter, data: Uint8Array): void {
  writer.raw(commandHead);
  writer.prefixed(data);
}

/** The bytes of `entry` as `raftpb.Entry`. They must not be changed: they may be the entry's own. */
export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.encoded !== undefined) return entry.encoded;
  const bytes = new Uint8Array(encodedEntryBytes(entry));
  const end = writeEntry(bytes, 0, entry);
  assert(end === bytes.length, "an entry takes the bytes that were counted");
  return bytes;
}

/** How many bytes `entry` takes. */
export function encodedEntryBytes(entry: Entry): number {
  if (entry.encoded !== undefined) return entry.encoded.length;
  const headBytes = 4 + varintBytes(entry.term) + varintBytes(entry.index);
  return entry.kind === "no-op" ? headBytes : headBytes + 1 + prefixedBytes(entry.data.length);
}

/** Writes the bytes of `entry` at `start`, and returns the offset after them. */
export function writeEntry(bytes: Uint8Array, start: number, entry: Entry): number {
  if (entry.encoded !== undefined) return writeRaw(bytes, start, entry.encoded);
  let offset = writeField(bytes, start, tagType, typeOf(entry.kind));
  offset = writeField(bytes, offset, tagTerm, entry.term);
  offset = writeField(bytes, offset, tagIndex, entry.index);
  if (entry.kind !== "no-op") return writeBytes(bytes, offset, tagData, entry.data);
  assert(entry.data.length === 0, "a no-op carries no data");
  return offset;
}

/** The piece of an entry that is not copied into a message if it is large. */
export function largestPiece({ encoded, data }: Entry): Uint8Array {
  return encoded ?? data;
}

/** As `writeEntry`, in chunks. */
export function addEntry(writer: ChunkWriter, entry: Entry): void {
  if (entry.encoded !== undefined) {
    writer.raw(entry.encoded);
    return;
  }
  writer.field(tagType, typeOf(entry.kind));
  writer.field(tagTerm, entry.term);
  writer.field(tagIndex, entry.index);
  if (entry.kind === "no-op") return;
  writer.field(tagData, entry.data.length);
  writer.raw(entry.data);
}

/**
 * The entry in `bytes`, which must hold one `raftpb.Entry` and nothing else. Its `data` aliases them, and
 * so does `encoded`, which is kept if there are fields that this version does not know: they must not be
 * changed as long as the entry is in use. Throws `malformed`.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  return readFields(new ProtoReader(bytes));
}

/** Reads an entry that is a field of the open message, of which the tag was just read. */
export function readEntry(reader: ProtoReader): Entry {
  const outer = reader.enter();
  const entry = readFields(reader);
  reader.leave(outer);
  return entry;
}

function readFields(reader: ProtoReader): Entry {
  const start = reader.offset;
  let type = entryNormal;
  let term = 0;
  let index = 0;
  let data: Uint8Array | undefined;
  let isKnown = true;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case tagType:
        type = reader.number();
        break;
      case tagTerm:
        term = reader.number();
        break;
      case tagIndex:
        index = reader.number();
        break;
      case tagData:
        data = reader.bytes();
        break;
      default:
        reader.skipUnknown(tag, entryFieldMax);
        isKnown = false;
    }
  }
  const encoded = isKnown ? undefined : reader.viewSince(start);
  return newEntry({ term, index }, kindOf(type, data !== undefined), data, encoded);
}

function typeOf(kind: EntryKind): number {
  return kind === "conf-change" ? entryConfChangeV2 : entryNormal;
}

/** A normal entry is a command if it has data, be it of no length, and else a no-op. */
function kindOf(type: number, hasData: boolean): EntryKind {
  switch (type) {
    case entryNormal:
      return hasData ? "command" : "no-op";
    case entryConfChangeV2:
      return "conf-change";
    case entryConfChange:
      throw malformed("EntryConfChange is not supported, only EntryConfChangeV2");
    default:
      throw malformed(`the entry type ${type} is unknown`);
  }
}
