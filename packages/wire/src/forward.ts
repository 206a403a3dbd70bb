import { type LogIndex, none } from "@quorate/core";
import { decodeAnswer, type RequestFailed, failureFields, failureOf } from "./answer.ts";
import { malformed, ProtoReader, viewOf } from "./protobuf.ts";
import { encodeRecord } from "./record.ts";
import { checkTimeout, wholeTimeout } from "./timeout.ts";

/** Hands a command to the leader, to be proposed and answered with a `ForwardResult`. */
export interface Forward {
  /** The sender's name for the request, given back in the answer: a safe integer of at least 0. */
  readonly requestId: number;
  readonly command: Uint8Array;
  /** How long the sender still waits: above 0, at most `forwardTimeoutMsMax`. Rounded up to integers. */
  readonly timeoutMs: number;
}

/** What became of a forwarded command. */
export type ForwardResult = ForwardApplied | RequestFailed;

/** The command was committed and applied. */
export interface ForwardApplied {
  readonly requestId: number;
  readonly ok: true;
  /** Where the command stands in the log. At least 1. */
  readonly index: LogIndex;
  /** What the state machine returned for it. */
  readonly result: Uint8Array;
}

/**
 * The payload of a `forward` frame, as chunks; a large command is one of them, uncopied, and must not
 * change. Throws `invalid_argument` if the timeout is out of range.
 */
export function encodeForward(forward: Forward): Uint8Array[] {
  return encodeRecord([forward.requestId, forward.command, wholeTimeout(forward.timeoutMs)]);
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
  checkTimeout(timeoutMs);
  return { requestId, command, timeoutMs };
}

/**
 * The payload of a `forward-result` frame, as chunks. A long message is cut to `errorMessageBytesMax`.
 */
export function encodeForwardResult(result: ForwardResult): Uint8Array[] {
  if (result.ok) return encodeRecord([result.requestId, result.index, result.result]);
  return encodeRecord([result.requestId, undefined, undefined, ...failureFields(result)]);
}

/**
 * The `ForwardResult` in the payload of a frame; its result aliases it. A code makes it a failure.
 * Throws `malformed`, also if a result has neither code nor index or has both, and for a code that
 * this version does not know.
 */
export function decodeForwardResult(payload: Uint8Array): ForwardResult {
  const answer = decodeAnswer(payload);
  const { requestId, index, result } = answer;
  if ((answer.code === undefined) === (index === none)) {
    throw malformed("a forwarded command was applied or failed, one of the two");
  }
  if (answer.code !== undefined) return failureOf(answer, answer.code);
  return { requestId, ok: true, index, result: result ?? viewOf(payload, 0, 0) };
}
