import { assert, type HardState } from "@quorate/core";
import { ProtoReader, varintBytes, writeField } from "./protobuf.ts";

/** Tags of `raftpb.HardState`. */
const tagTerm = 0x08;
const tagVote = 0x10;
const tagCommit = 0x18;
const hardStateFieldMax = 3;

/** The bytes of `state` as `raftpb.HardState`. */
export function encodeHardState(state: HardState): Uint8Array {
  const size =
    3 + varintBytes(state.term) + varintBytes(state.vote) + varintBytes(state.commitIndex);
  const bytes = new Uint8Array(size);
  let offset = writeField(bytes, 0, tagTerm, state.term);
  offset = writeField(bytes, offset, tagVote, state.vote);
  offset = writeField(bytes, offset, tagCommit, state.commitIndex);
  assert(offset === size, "a hard state takes the bytes that were counted");
  return bytes;
}

/** The hard state in `bytes`, which must hold one `raftpb.HardState` and nothing else. Throws `malformed`. */
export function decodeHardState(bytes: Uint8Array): HardState {
  const reader = new ProtoReader(bytes);
  let term = 0;
  let vote = 0;
  let commitIndex = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case tagTerm:
        term = reader.number();
        break;
      case tagVote:
        vote = reader.number();
        break;
      case tagCommit:
        commitIndex = reader.number();
        break;
      default:
        reader.skipUnknown(tag, hardStateFieldMax);
    }
  }
  return { term, vote, commitIndex };
}
