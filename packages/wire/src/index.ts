export { decodeEntry, encodedEntryBytes, encodeEntry, writeEntry } from "./entry.ts";
export { decodeHardState, encodeHardState } from "./hard-state.ts";
export { decodeMessage, encodeMessage } from "./message.ts";
export { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
export { decodeBatch, encodeBatch } from "./batch.ts";
export { referenceBytesMin } from "./chunk-writer.ts";
export { type Crc32c, crc32c, useCrc32c } from "./crc32c.ts";
export {
  decodeFrame,
  encodeFrame,
  frameHeaderBytes,
  framePayloadBytesMax,
  frameTypeOf,
  frameTypes,
  frameVersion,
  isOfHandshake,
  type Frame,
  type FrameType,
} from "./frame.ts";
export { FrameReader, type FrameReaderOptions } from "./frame-reader.ts";
export {
  clusterIdBytesMax,
  clusterIdFlaw,
  decodeHello,
  decodeRefusal,
  decodeWelcome,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
  errorCodeBytesMax,
  errorMessageBytesMax,
  incarnationBytes,
  protocolVersion,
  type Hello,
  type Refusal,
  type Welcome,
} from "./handshake.ts";
export {
  decodeForward,
  decodeForwardResult,
  encodeForward,
  encodeForwardResult,
  type Forward,
  type ForwardApplied,
  type ForwardResult,
} from "./forward.ts";
export {
  callMethodMax,
  decodeCall,
  decodeCallResult,
  encodeCall,
  encodeCallResult,
  type Call,
  type CallDone,
  type CallResult,
} from "./call.ts";
export type { RequestFailed } from "./answer.ts";
export { forwardTimeoutMsMax } from "./timeout.ts";
export {
  decodeSnapshotChunk,
  decodeSnapshotOffer,
  decodeSnapshotReceipt,
  encodeSnapshotChunk,
  encodeSnapshotOffer,
  encodeSnapshotReceipt,
  snapshotIdBytes,
  type SnapshotChunk,
  type SnapshotEnd,
  type SnapshotMiddle,
  type SnapshotOffer,
  type SnapshotProgress,
  type SnapshotReceipt,
  type SnapshotRefusal,
} from "./snapshot-frames.ts";
export {
  decodeMembers,
  decodeMembersDelta,
  encodeMembers,
  encodeMembersDelta,
  priorityMax,
  type Member,
  type MembersDelta,
  type MemberTable,
} from "./members.ts";
export {
  decodeDigests,
  digestBytesMax,
  digestCountMax,
  encodeDigests,
  type StateDigest,
} from "./state-digest.ts";
export { addressBytesMax, addressFlaw } from "./address.ts";
export { ProtoReader } from "./protobuf.ts";
export { encodeRecord, type FieldValue } from "./record.ts";
export { decodeUtf8, encodeUtf8 } from "./utf8.ts";
