/**
 * What a frame carries. `hello`, `welcome` and `refusal` belong to the handshake of a connection;
 * `raft` carries a batch of messages; `forward` and `forward-result` a command handed to the leader
 * and what became of it.
 */
export type FrameType = "hello" | "welcome" | "refusal" | "raft" | "forward" | "forward-result";

/** One frame, whole and with its checksum verified. */
export interface Frame {
  readonly type: FrameType;
  readonly payload: Uint8Array;
}
