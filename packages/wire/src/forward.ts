import {
  type ErrorCode,
  isErrorCode,
  type LogIndex,
  type NodeId,
  none,
  RaftError,
} from "@quorate/core";
import { errorCodeBytesMax, errorMessageBytesMax } from "./handshake.ts";
import { malformed, ProtoReader, viewOf } from "./protobuf.ts";
import { encodeRecord, readText } from "./record.ts";
import { encodeUtf8 } from "./utf8.ts";

/** The longest time that a forwarded command may take, in milliseconds. */
export const forwardTimeoutMsMax = 0x7fff_ffff;

/** Hands a command to the leader, to be proposed and answered with a `ForwardResult`. */
export interface Forward {
  /** The sender's name for the request, given back in the answer: a safe integer of at least 0. */
  readonly requestId: number;
  readonly command: Uint8Array;
  /** How long the sender still waits: above 0, at most `forwardTimeoutMsMax`. Rounded up to integers. */
  readonly timeoutMs: number;
}

/** What became of a forwarded command. */
export type ForwardResult = ForwardApplied | ForwardFailed;

/** The command was committed and applied. */
export interface ForwardApplied {
  readonly requestId: number;
  readonly ok: true;
  /** Where the command stands in the log. At least 1. */
  readonly index: LogIndex;
  /** What the state machine returned for it. */
  readonly result: Uint8Array;
}

/** The command failed: with the code, text and leader of a `RaftError`. */
export interface ForwardFailed {
  readonly requestId: number;
  readonly ok: false;
  readonly code: ErrorCode;
  /** For people. */
  readonly message: string;
  /** The node that leads, as far as the answerer knows, or `none`. */
  readonly leader: NodeId;
}

/**
 * The payload of a `forward` frame, as chunks; a large command is one of them, uncopied, and must not
 * change. Throws `invalid_argument` if the timeout is out of range.
 */
export function encodeForward(forward: Forward): Uint8Array[] {
  const timeoutMs = Math.ceil(forward.timeoutMs);
  if (!isTimeout(timeoutMs)) {
    throw new RaftError("invalid_argument", `timeoutMs is ${forward.timeoutMs}, out of range`);
  }
  return encodeRecord([forward.requestId, forward.command, timeoutMs]);
}

function isTimeout(timeoutMs: number): boolean {
  return timeoutMs > 0 && timeoutMs <= forwardTimeoutMsMax;
}

/** The `Forward` in the payload of a frame; its command aliases it. Throws `malformed`. */
export function decodeForward(payload: Uint8Array): Forward {
  const reader = new ProtoReader(payload);
  let requestId = 0;
  let command = viewOf(payload, 0, 0);
  let timeoutMs = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        requestId = reader.number();
        break;
      case 0x12:
        command = reader.bytes();
        break;
      case 0x18:
        timeoutMs = reader.number();
        break;
      default:
        reader.skipUnknown(tag, 3);
    }
  }
  if (!isTimeout(timeoutMs)) throw malformed(`a command is forwarded for ${timeoutMs} ms`);
  return { requestId, command, timeoutMs };
}

/**
 * The payload of a `forward-result` frame, as chunks. A long message is cut to `errorMessageBytesMax`.
 */
export function encodeForwardResult(result: ForwardResult): Uint8Array[] {
  if (result.ok) return encodeRecord([result.requestId, result.index, result.result]);
  const code = encodeUtf8(result.code, errorCodeBytesMax);
  const message = encodeUtf8(result.message, errorMessageBytesMax);
  return encodeRecord([result.requestId, undefined, undefined, code, message, result.leader]);
}

/**
 * The `ForwardResult` in the payload of a frame; its result aliases it. A code makes it a failure.
 * Throws `malformed`, also if a result has neither code nor index or has both, and for a code that
 * this version does not know.
 */
export function decodeForwardResult(payload: Uint8Array): ForwardResult {
  const reader = new ProtoReader(payload);
  let requestId = 0;
  let index: LogIndex = none;
  let result = viewOf(payload, 0, 0);
  let code: string | undefined;
  let message = "";
  let leader: NodeId = none;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        requestId = reader.number();
        break;
      case 0x10:
        index = reader.number();
        break;
      case 0x1a:
        result = reader.bytes();
        break;
      case 0x22:
        code = readText(reader, errorCodeBytesMax);
        break;
      case 0x2a:
        message = readText(reader, errorMessageBytesMax);
        break;
      case 0x30:
        leader = reader.number();
        break;
      default:
        reader.skipUnknown(tag, 6);
    }
  }
  if ((code === undefined) === (index === none)) {
    throw malformed("a forwarded command was applied or failed, one of the two");
  }
  if (code === undefined) return { requestId, ok: true, index, result };
  if (!isErrorCode(code)) throw malformed(`the error code "${code}" is unknown`);
  return { requestId, ok: false, code, message, leader };
}
