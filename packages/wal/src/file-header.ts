import { isSafe, type NodeId, RaftError } from "@quorate/core";
import { crc32c } from "@quorate/wire";
import { getUint64, sameBytes, setUint64, viewOf } from "./bytes.ts";
import { corrupt } from "./damage.ts";

/** Whose log this is. All files of a log agree on it. */
export interface WalIdentity {
  /** Names the cluster: 1 to 255 UTF-16 code units. */
  readonly clusterId: string;
  readonly nodeId: NodeId;
}

/** What every file of a log begins with. Layout: FORMAT.md, "Header". */
export interface FileHeader {
  /** The number that the name says, too. */
  readonly sequence: number;
  readonly identity: WalIdentity;
  /** 16 bytes drawn when the log was created: a wiped disk under an old id has others. */
  readonly incarnation: Uint8Array;
  /** 16 bytes of the file's own: see each kind of file. */
  readonly mark: Uint8Array;
}

/** How the files of one kind are told from others. */
export interface HeaderKind {
  /** Their first 8 bytes. */
  readonly magic: Uint8Array;
  /** What the messages call such a file. */
  readonly noun: string;
}

/** The length of a header. */
export const fileHeaderBytes = 1024;
/** The length of an incarnation. */
export const incarnationBytes = 16;
/** The longest cluster id, in UTF-16 code units. */
export const clusterIdUnitsMax = 255;
/** Where the fields begin that only one kind of file has. Those it leaves out are zeros. */
export const ownFieldsOffset = 584;

const formatVersion = 3;
const crcOffset = 12;
const clusterIdOffset = 68;

/** The bytes of a header without its own fields, to be sealed once they are set. */
export function encodeFileHeader(kind: HeaderKind, header: FileHeader): Uint8Array {
  const bytes = new Uint8Array(fileHeaderBytes);
  const view = viewOf(bytes);
  const { clusterId, nodeId } = header.identity;
  bytes.set(kind.magic, 0);
  view.setUint32(8, formatVersion, true);
  setUint64(view, 16, header.sequence);
  setUint64(view, 24, nodeId);
  bytes.set(header.incarnation, 32);
  bytes.set(header.mark, 48);
  view.setUint32(64, clusterId.length, true);
  for (let unit = 0; unit < clusterId.length; unit++) {
    view.setUint16(clusterIdOffset + 2 * unit, clusterId.charCodeAt(unit), true);
  }
  return bytes;
}

/** Writes the checksum of all other bytes of a header into it. */
export function sealFileHeader(bytes: Uint8Array): void {
  viewOf(bytes).setUint32(crcOffset, headerCrc(bytes), true);
}

/**
 * Reads a header back, without its own fields. Throws `corrupt` for bytes that are no header or do not
 * match their checksum, and `unsupported_version` for a whole header of another version; `name` is for
 * the message.
 */
export function decodeFileHeader(kind: HeaderKind, bytes: Uint8Array, name: string): FileHeader {
  const { magic, noun } = kind;
  if (bytes.length < fileHeaderBytes) throw corrupt(name, 0, `the ${noun} header is cut short`);
  const view = viewOf(bytes);
  if (!sameBytes(bytes.subarray(0, 8), magic)) {
    throw corrupt(name, 0, `this is no ${noun} of a log`);
  }
  if (view.getUint32(crcOffset, true) !== headerCrc(bytes)) {
    throw corrupt(name, 0, `the ${noun} header does not match its checksum`);
  }
  const version = view.getUint32(8, true);
  if (version !== formatVersion) {
    throw new RaftError(
      "unsupported_version",
      `${name} has format version ${version}, this program reads version ${formatVersion}`,
    );
  }
  const sequence = getUint64(view, 16);
  const nodeId = getUint64(view, 24);
  const units = view.getUint32(64, true);
  if (!isSafe(sequence) || !isSafe(nodeId) || units > clusterIdUnitsMax) {
    throw corrupt(name, 0, `the ${noun} header holds a number out of range`);
  }
  let clusterId = "";
  for (let unit = 0; unit < units; unit++) {
    clusterId += String.fromCharCode(view.getUint16(clusterIdOffset + 2 * unit, true));
  }
  return {
    sequence,
    identity: { clusterId, nodeId },
    incarnation: bytes.slice(32, 48),
    mark: bytes.slice(48, 64),
  };
}

/**
 * Refuses file `name` of number `sequence` unless its header agrees. Throws `wrong_identity` for that
 * of another node, cluster or incarnation, and `corrupt` for one under another's name.
 */
export function checkFileHeader(
  kind: HeaderKind,
  header: FileHeader,
  name: string,
  wanted: Omit<FileHeader, "mark">,
): void {
  const { clusterId, nodeId } = header.identity;
  const { identity, incarnation, sequence } = wanted;
  if (clusterId !== identity.clusterId || nodeId !== identity.nodeId) {
    throw new RaftError(
      "wrong_identity",
      `${name} belongs to node ${nodeId} of cluster ${JSON.stringify(clusterId)}, ` +
        `and node ${identity.nodeId} of cluster ${JSON.stringify(identity.clusterId)} was started on it`,
    );
  }
  if (!sameBytes(incarnation, header.incarnation)) {
    throw new RaftError(
      "wrong_identity",
      `${name} belongs to another incarnation of this node's log`,
    );
  }
  if (header.sequence !== sequence) {
    throw corrupt(name, 0, `this is ${kind.noun} ${header.sequence} under the name of another`);
  }
}

/** What the checksums inside of a file start from: bytes of one are valid in no other. */
export function fileSeed(header: Pick<FileHeader, "incarnation" | "sequence">): number {
  const sequence = new Uint8Array(8);
  setUint64(viewOf(sequence), 0, header.sequence);
  return crc32c(sequence, crc32c(header.incarnation));
}

function headerCrc(bytes: Uint8Array): number {
  const start = crc32c(bytes.subarray(0, crcOffset));
  return crc32c(bytes.subarray(crcOffset + 4, fileHeaderBytes), start);
}
