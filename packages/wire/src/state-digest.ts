import { isSafe, type LogIndex, none, RaftError, type Term } from "@quorate/core";
import { ChunkWriter } from "./chunk-writer.ts";
import { malformed, prefixedBytes, ProtoReader, tagOf, wireBytes } from "./protobuf.ts";
import { encodeRecord } from "./record.ts";

/** The longest digest of a state, in bytes. The shortest has one. */
export const digestBytesMax = 64;

/** How many digests are told at a time at most. */
export const digestCountMax = 64;

/** What a state machine said of its state after it had applied the log up to an entry. */
export interface StateDigest {
  /** The entry: at least 1. */
  readonly index: LogIndex;
  /** The term of that entry: at least 1. */
  readonly term: Term;
  /** 1 to `digestBytesMax` bytes. Never interpreted here. */
  readonly digest: Uint8Array;
}

const tagDigest = tagOf(1, wireBytes);
const listFieldMax = 1;
const digestFieldMax = 3;

/**
 * The bytes of `digests`, which ascend by index and are `digestCountMax` at most. Throws
 * `invalid_argument` if they are not, or if one of them is out of range.
 */
export function encodeDigests(digests: readonly StateDigest[]): Uint8Array {
  const flaw = flawOf(digests);
  if (flaw !== undefined) throw new RaftError("invalid_argument", flaw);
  const records = digests.map(encodeDigest);
  const size = records.reduce((sum, { length }) => sum + 1 + prefixedBytes(length), 0);
  const writer = new ChunkWriter(size, Number.POSITIVE_INFINITY);
  for (const record of records) {
    writer.field(tagDigest, record.length);
    writer.raw(record);
  }
  return writer.finish()[0] ?? new Uint8Array(0);
}

/** The digests in `bytes`, and nothing of these: the caller may change them. Throws `malformed`. */
export function decodeDigests(bytes: Uint8Array): readonly StateDigest[] {
  const reader = new ProtoReader(bytes);
  const digests: StateDigest[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === tagDigest) {
      const outer = reader.enter();
      digests.push(readDigest(reader));
      reader.leave(outer);
    } else {
      reader.skipUnknown(tag, listFieldMax);
    }
  }
  const flaw = flawOf(digests);
  if (flaw !== undefined) throw malformed(flaw);
  return digests;
}

function encodeDigest({ index, term, digest }: StateDigest): Uint8Array {
  return encodeRecord([index, term, digest])[0] ?? new Uint8Array(0);
}

/** Reads the fields of the open digest, up to its end. */
function readDigest(reader: ProtoReader): StateDigest {
  let index: LogIndex = none;
  let term: Term = none;
  let digest = new Uint8Array(0);
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        index = reader.number();
        break;
      case 0x10:
        term = reader.number();
        break;
      case 0x1a:
        digest = Uint8Array.from(reader.bytes());
        break;
      default:
        reader.skipUnknown(tag, digestFieldMax);
    }
  }
  return { index, term, digest };
}

function flawOf(digests: readonly StateDigest[]): string | undefined {
  if (digests.length > digestCountMax) return `${digests.length} digests are told at once`;
  let before: LogIndex = none;
  for (const { index, term, digest } of digests) {
    if (!isSafe(index) || index <= before) return "the indexes of digests ascend, from 1 at least";
    if (!isSafe(term) || term === none) return `the digest at ${index} is of no term`;
    const { length } = digest;
    if (length === 0 || length > digestBytesMax) {
      return `the digest at ${index} has ${length} bytes`;
    }
    before = index;
  }
  return undefined;
}
