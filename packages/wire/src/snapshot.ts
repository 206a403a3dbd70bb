import {
  assert,
  type ConfState,
  decodeConfState,
  emptyConfState,
  encodeConfState,
  type Snapshot,
  snapshotFlaw,
} from "@quorate/core";
import {
  malformed,
  prefixedBytes,
  ProtoReader,
  varintBytes,
  viewOf,
  writeBytes,
  writeField,
} from "./protobuf.ts";

/** Tags of `raftpb.Snapshot`. Its `data`, field 1, is never written: the state has frames of its own. */
const tagData = 0x0a;
const tagMetadata = 0x12;
const snapshotFieldMax = 2;

/** Tags of `raftpb.SnapshotMetadata`. */
const tagConfState = 0x0a;
const tagIndex = 0x10;
const tagTerm = 0x18;
const metadataFieldMax = 3;

/** The bytes of `snapshot` as `raftpb.Snapshot`: which state is meant, without the state. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const confState = encodeConfState(snapshot.confState);
  const metadataBytes =
    3 + prefixedBytes(confState.length) + varintBytes(snapshot.index) + varintBytes(snapshot.term);
  const bytes = new Uint8Array(1 + prefixedBytes(metadataBytes));
  let offset = writeField(bytes, 0, tagMetadata, metadataBytes);
  offset = writeBytes(bytes, offset, tagConfState, confState);
  offset = writeField(bytes, offset, tagIndex, snapshot.index);
  offset = writeField(bytes, offset, tagTerm, snapshot.term);
  assert(offset === bytes.length, "a snapshot takes the bytes that were counted");
  return bytes;
}

/**
 * The snapshot in `bytes`, which must hold one `raftpb.Snapshot` and nothing else. Throws `malformed`,
 * also for one that cannot be: see `snapshotFlaw`.
 */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const reader = new ProtoReader(bytes);
  let metadata = viewOf(bytes, 0, 0);
  while (reader.more) {
    const tag = reader.tag();
    if (tag === tagMetadata) metadata = reader.bytes();
    else if (tag === tagData) reader.skip(tag);
    else reader.skipUnknown(tag, snapshotFieldMax);
  }
  const snapshot = decodeMetadata(metadata);
  const flaw = snapshotFlaw(snapshot);
  if (flaw !== undefined) throw malformed(`a snapshot is impossible: ${flaw}`);
  return snapshot;
}

function decodeMetadata(bytes: Uint8Array): Snapshot {
  const reader = new ProtoReader(bytes);
  let confState: ConfState = emptyConfState;
  let index = 0;
  let term = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case tagConfState:
        confState = decodeConfState(reader.bytes());
        break;
      case tagIndex:
        index = reader.number();
        break;
      case tagTerm:
        term = reader.number();
        break;
      default:
        reader.skipUnknown(tag, metadataFieldMax);
    }
  }
  return { index, term, confState };
}
