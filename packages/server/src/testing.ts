/** What reads the bytes of clients, servers and disks, for those who try it with hostile ones. */
export { decodeChange, decodeSnapshotRequest, decodeTransfer } from "./admin-request.ts";
export {
  decodeForgotten,
  decodeIndex,
  decodeLeader,
  decodeMembers,
  decodePlan,
  decodeRefusal,
  decodeSession,
  decodeSnapshotTaken,
  decodeStatus,
  decodeWritten,
} from "./client-decode.ts";
export { clientAddressOf } from "./client-address.ts";
export { parseEndpoint } from "./endpoint-choice.ts";
export {
  readOptionsOf,
  refuseQuery,
  resourceOf,
  splitTarget,
  statusIndexOf,
} from "./http-request.ts";
export { idempotencyOf } from "./idempotency.ts";
export { decodeKey, encodeKey } from "./key-path.ts";
export { SnapshotDecoder } from "./kv-snapshot.ts";
export { parseTokens } from "./tokens.ts";
