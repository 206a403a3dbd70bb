import { assert, type Entry, type EntryKind, newEntry } from "@quorate/core";
import type { ChunkWriter } from "./chunk-writer.ts";
import {
  malformed,
  prefixedBytes,
  ProtoReader,
  varintBytes,
  viewOf,
  writeBytes,
  writeField,
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

/**
 * The bytes of `entry` as `raftpb.Entry`. They are made once and kept in `entry.encoded`, so that
 * every later call returns the same object. They must not be changed.
 */
export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.encoded !== undefined) return entry.encoded;
  const bytes = new Uint8Array(encodedBytes(entry));
  const end = writeEntry(bytes, 0, entry);
  assert(end === bytes.length, "an entry takes the bytes that were counted");
  entry.encoded = bytes;
  return bytes;
}

/**
 * Does for all `entries` what `encodeEntry` does for one, several times as fast: those that are not
 * encoded yet share one buffer, which lives as long as any of them.
 */
export function encodeEntries(entries: readonly Entry[]): void {
  let bytes = 0;
  for (const entry of entries) if (entry.encoded === undefined) bytes += encodedBytes(entry);
  if (bytes === 0) return;
  const buffer = new Uint8Array(bytes);
  let start = 0;
  for (const entry of entries) {
    if (entry.encoded !== undefined) continue;
    const end = writeEntry(buffer, start, entry);
    entry.encoded = viewOf(buffer, start, end);
    start = end;
  }
  assert(start <= bytes, "entries take no more bytes than were counted");
}

function encodedBytes(entry: Entry): number {
  const headBytes = 4 + varintBytes(entry.term) + varintBytes(entry.index);
  return entry.kind === "no-op" ? headBytes : headBytes + 1 + prefixedBytes(entry.data.length);
}

/** Returns the offset after the entry. */
function writeEntry(bytes: Uint8Array, start: number, entry: Entry): number {
  let offset = writeField(bytes, start, tagType, typeOf(entry.kind));
  offset = writeField(bytes, offset, tagTerm, entry.term);
  offset = writeField(bytes, offset, tagIndex, entry.index);
  if (entry.kind !== "no-op") return writeBytes(bytes, offset, tagData, entry.data);
  assert(entry.data.length === 0, "a no-op carries no data");
  return offset;
}

/**
 * The entry in `bytes`, which must hold one `raftpb.Entry` and nothing else. Its `data` and `encoded`
 * alias them: they must not be changed as long as the entry is in use. Throws `malformed`.
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
    }
  }
  return newEntry({ term, index }, kindOf(type, data !== undefined), data, reader.viewSince(start));
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
