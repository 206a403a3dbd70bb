import {
  decodeConfState,
  encodeConfState,
  RaftError,
  type Snapshot,
  snapshotFlaw,
} from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { ascii, getUint64, setUint64, viewOf } from "./bytes.ts";
import { corrupt } from "./damage.ts";
import type { DiskFile } from "./disk.ts";
import {
  decodeFileHeader,
  encodeFileHeader,
  type FileHeader,
  fileHeaderBytes,
  fileSeed,
  type HeaderKind,
  ownFieldsOffset,
  sealFileHeader,
} from "./file-header.ts";
import { fileName } from "./file-name.ts";
import type { SnapshotMetadata, StoredSnapshot } from "./snapshot-store.ts";

/** The bytes of a snapshot's file. Layout: FORMAT.md, "Snapshot". */

/** A stored snapshot and where it lies. */
export interface SnapshotFile {
  readonly name: string;
  readonly sequence: number;
  /** The length of the file. */
  readonly size: number;
  /** Where the first block stands. */
  readonly blocksOffset: number;
  /** What its checksums start from. */
  readonly seed: number;
  readonly stored: StoredSnapshot;
}

/** How snapshots are told from other files. */
export const snapshotKind: HeaderKind = { magic: ascii("QUORSNAP"), noun: "snapshot" };
/** How much content a block holds; the last one less. */
export const blockContentBytes = 65_536;
/** What a block begins with: its checksum. */
export const blockHeadBytes = 4;
/** The length of a whole block. */
export const blockBytes: number = blockHeadBytes + blockContentBytes;
/** The length of what a file ends with. */
export const snapshotTrailerBytes = 24;
/** The length of a snapshot's id. */
export const snapshotIdBytes = 16;
/** How long the table of members may be. */
export const membersBytesMax: number = 16 * 1024 * 1024;

const trailerMarker = 0x444e4553; // "SEND"
const externalFlag = 1;
const crcBytes = 4;

/** The name of snapshot `sequence`. */
export function snapshotName(sequence: number): string {
  return fileName("snap", sequence);
}

/** Why a snapshot cannot be stored with `metadata`, or undefined if it can. */
export function metadataFlaw({ snapshot, members, id }: SnapshotMetadata): string | undefined {
  if (id.length !== snapshotIdBytes) return `an id has ${snapshotIdBytes} bytes, not ${id.length}`;
  if (members.length > membersBytesMax) {
    return `the members take ${members.length} bytes, at most ${membersBytesMax}`;
  }
  return snapshotFlaw(snapshot);
}

/** What the checksums of a snapshot's file start from, beyond its header. */
export function snapshotSeed(header: FileHeader): number {
  return crc32c(header.mark, fileSeed(header));
}

/** All that stands before the first block. `header.mark` is the id of the snapshot. */
export function encodeSnapshotHead(header: FileHeader, metadata: SnapshotMetadata): Uint8Array {
  const { snapshot, members, external } = metadata;
  const confState = encodeConfState(snapshot.confState);
  const fixed = encodeFileHeader(snapshotKind, header);
  const view = viewOf(fixed);
  setUint64(view, ownFieldsOffset, snapshot.term);
  setUint64(view, ownFieldsOffset + 8, snapshot.index);
  view.setUint32(ownFieldsOffset + 16, confState.length, true);
  view.setUint32(ownFieldsOffset + 20, members.length, true);
  view.setUint32(ownFieldsOffset + 24, external ? externalFlag : 0, true);
  sealFileHeader(fixed);

  const end = fileHeaderBytes + confState.length + members.length;
  const bytes = new Uint8Array(end + crcBytes);
  bytes.set(fixed);
  bytes.set(confState, fileHeaderBytes);
  bytes.set(members, fileHeaderBytes + confState.length);
  viewOf(bytes).setUint32(
    end,
    crc32c(bytes.subarray(fileHeaderBytes, end), snapshotSeed(header)),
    true,
  );
  return bytes;
}

/** The checksum of block `number`, from 0, with `content`: it holds at no other place. */
export function blockChecksum(content: Uint8Array, number: number, seed: number): number {
  const bytes = new Uint8Array(8);
  setUint64(viewOf(bytes), 0, number);
  return crc32c(content, crc32c(bytes, seed));
}

/** What a file ends with, after content of `contentBytes` bytes and `checksum`. */
export function encodeSnapshotTrailer(
  content: Pick<StoredSnapshot, "contentBytes" | "checksum">,
  seed: number,
): Uint8Array {
  const bytes = new Uint8Array(snapshotTrailerBytes);
  const view = viewOf(bytes);
  view.setUint32(0, trailerMarker, true);
  setUint64(view, 8, content.contentBytes);
  view.setUint32(16, content.checksum, true);
  view.setUint32(4, crc32c(bytes.subarray(8), seed), true);
  return bytes;
}

/** The length of all blocks that hold `contentBytes` bytes. */
export function blocksBytes(contentBytes: number): number {
  return contentBytes + blockHeadBytes * Math.ceil(contentBytes / blockContentBytes);
}

/**
 * Reads all but the blocks of the snapshot in `file`, which was whole and durable when it got `name`.
 *
 * Throws `corrupt`, `unsupported_version`, or what the disk throws.
 */
export async function readSnapshotFile(
  file: DiskFile,
  name: string,
): Promise<{ readonly header: FileHeader; readonly found: SnapshotFile }> {
  const size = await file.size();
  const fixed = await file.read(0, fileHeaderBytes);
  const header = decodeFileHeader(snapshotKind, fixed, name);
  const seed = snapshotSeed(header);
  const view = viewOf(fixed);
  const confStateBytes = view.getUint32(ownFieldsOffset + 16, true);
  const membersBytes = view.getUint32(ownFieldsOffset + 20, true);
  const flags = view.getUint32(ownFieldsOffset + 24, true);
  const tableBytes = confStateBytes + membersBytes;
  const blocksOffset = fileHeaderBytes + tableBytes + crcBytes;
  if (flags > externalFlag) throw corrupt(name, 0, "the snapshot header has an unknown flag");
  if (blocksOffset + snapshotTrailerBytes > size) {
    throw corrupt(name, size, "the file is cut short");
  }

  const tables = await file.read(fileHeaderBytes, tableBytes + crcBytes);
  const data = tables.subarray(0, tableBytes);
  if (crc32c(data, seed) !== viewOf(tables).getUint32(tableBytes, true)) {
    throw corrupt(name, fileHeaderBytes, "configuration and members do not match their checksum");
  }
  const id = {
    term: getUint64(view, ownFieldsOffset),
    index: getUint64(view, ownFieldsOffset + 8),
  };
  const snapshot = decodeSnapshot(id, data.subarray(0, confStateBytes), name);
  const content = await readTrailer(file, { name, seed, blocksOffset, size });
  const stored: StoredSnapshot = {
    snapshot,
    members: data.slice(confStateBytes),
    id: header.mark,
    external: flags === externalFlag,
    ...content,
  };
  return { header, found: { name, sequence: header.sequence, size, blocksOffset, seed, stored } };
}

function decodeSnapshot(
  { term, index }: Omit<Snapshot, "confState">,
  confState: Uint8Array,
  name: string,
): Snapshot {
  try {
    const snapshot = { term, index, confState: decodeConfState(confState) };
    const flaw = snapshotFlaw(snapshot);
    if (flaw !== undefined) throw new RaftError("malformed", flaw);
    return snapshot;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    throw corrupt(name, fileHeaderBytes, error.message, error);
  }
}

async function readTrailer(
  file: DiskFile,
  { name, seed, blocksOffset, size }: Omit<SnapshotFile, "stored" | "sequence">,
): Promise<Pick<StoredSnapshot, "contentBytes" | "checksum">> {
  const offset = size - snapshotTrailerBytes;
  const bytes = await file.read(offset, snapshotTrailerBytes);
  const view = viewOf(bytes);
  const isWhole =
    bytes.length === snapshotTrailerBytes &&
    view.getUint32(0, true) === trailerMarker &&
    view.getUint32(4, true) === crc32c(bytes.subarray(8), seed);
  if (!isWhole) throw corrupt(name, offset, "the file does not end as it was written");
  const contentBytes = getUint64(view, 8);
  if (blocksOffset + blocksBytes(contentBytes) !== offset) {
    throw corrupt(name, offset, "the file has another length than its content");
  }
  return { contentBytes, checksum: view.getUint32(16, true) };
}
