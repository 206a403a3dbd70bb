import { RaftError } from "@quorate/core";
import { decodeAnswer, type RequestFailed, failureFields, failureOf } from "./answer.ts";
import { malformed, ProtoReader, viewOf } from "./protobuf.ts";
import { encodeRecord } from "./record.ts";
import { checkTimeout, wholeTimeout } from "./timeout.ts";

/** The highest number of a method. */
export const callMethodMax = 0xffff;

/** Asks another node, mostly the leader, for something beside commands: answered with a `CallResult`. */
export interface Call {
  /** The sender's name for the request, given back in the answer: a safe integer of at least 0. */
  readonly requestId: number;
  /** What is asked for: from 1 to `callMethodMax`. What the numbers mean is the caller's business. */
  readonly method: number;
  /** What the method needs. Never interpreted here. */
  readonly payload: Uint8Array;
  /** How long the sender still waits: above 0, at most `forwardTimeoutMsMax`. Rounded up to integers. */
  readonly timeoutMs: number;
}

/** What became of a call. */
export type CallResult = CallDone | RequestFailed;

/** The call did what it should. */
export interface CallDone {
  readonly requestId: number;
  readonly ok: true;
  /** What the method returned. */
  readonly result: Uint8Array;
}

/**
 * The payload of a `call` frame, as chunks; what is large is not copied and must not change. Throws
 * `invalid_argument` if the timeout or the method is out of range.
 */
export function encodeCall({ requestId, method, payload, timeoutMs }: Call): Uint8Array[] {
  const wholeMs = wholeTimeout(timeoutMs);
  if (!isMethod(method)) throw new RaftError("invalid_argument", `no method has number ${method}`);
  return encodeRecord([requestId, payload, wholeMs, method]);
}

function isMethod(method: number): boolean {
  return Number.isInteger(method) && method >= 1 && method <= callMethodMax;
}

/** The `Call` in the payload of a frame, which its own payload aliases. Throws `malformed`. */
export function decodeCall(frame: Uint8Array): Call {
  const reader = new ProtoReader(frame);
  let requestId = 0;
  let payload = viewOf(frame, 0, 0);
  let timeoutMs = 0;
  let method = 0;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        requestId = reader.number();
        break;
      case 0x12:
        payload = reader.bytes();
        break;
      case 0x18:
        timeoutMs = reader.number();
        break;
      case 0x20:
        method = reader.number();
        break;
      default:
        reader.skipUnknown(tag, 4);
    }
  }
  checkTimeout(timeoutMs);
  if (!isMethod(method)) throw malformed(`no method has number ${method}`);
  return { requestId, method, payload, timeoutMs };
}

/** The payload of a `call-result` frame, as chunks. A long message is cut to `errorMessageBytesMax`. */
export function encodeCallResult(result: CallResult): Uint8Array[] {
  if (result.ok) return encodeRecord([result.requestId, undefined, result.result]);
  return encodeRecord([result.requestId, undefined, undefined, ...failureFields(result)]);
}

/**
 * The `CallResult` in the payload of a frame; its result aliases it. A code makes it a failure. Throws
 * `malformed`, also if it has neither code nor result or has both, and for a code that this version
 * does not know.
 */
export function decodeCallResult(payload: Uint8Array): CallResult {
  const answer = decodeAnswer(payload);
  const { requestId, result, code } = answer;
  if (code !== undefined && result === undefined) return failureOf(answer, code);
  if (code === undefined && result !== undefined) return { requestId, ok: true, result };
  throw malformed("a call was done or failed, one of the two");
}
