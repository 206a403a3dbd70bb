import { type ErrorCode, isErrorCode, type LogIndex, type NodeId, none } from "@quorate/core";
import { errorCodeBytesMax, errorMessageBytesMax } from "./handshake.ts";
import { malformed, ProtoReader } from "./protobuf.ts";
import { type FieldValue, readText } from "./record.ts";
import { encodeUtf8 } from "./utf8.ts";

/** The request failed: with the code, text and leader of a `RaftError`. */
export interface RequestFailed {
  readonly requestId: number;
  readonly ok: false;
  readonly code: ErrorCode;
  /** For people. */
  readonly message: string;
  /** The node that leads, as far as the answerer knows, or `none`. */
  readonly leader: NodeId;
}

/** The fields of an answer to a request, whatever it was. */
export interface Answer {
  readonly requestId: number;
  /** `none` if absent. */
  readonly index: LogIndex;
  readonly result: Uint8Array | undefined;
  readonly code: string | undefined;
  readonly message: string;
  readonly leader: NodeId;
}

/** Fields 4 to 6 of an answer that says that the request failed. A long message is cut. */
export function failureFields({ code, message, leader }: RequestFailed): FieldValue[] {
  return [encodeUtf8(code, errorCodeBytesMax), encodeUtf8(message, errorMessageBytesMax), leader];
}

/** The failure that `answer` tells of with `code`. Throws `malformed` if this version does not know it. */
export function failureOf({ requestId, message, leader }: Answer, code: string): RequestFailed {
  if (!isErrorCode(code)) throw malformed(`the error code "${code}" is unknown`);
  return { requestId, ok: false, code, message, leader };
}

/** The fields in the payload of a frame; the result aliases it. Throws `malformed`. */
export function decodeAnswer(payload: Uint8Array): Answer {
  const reader = new ProtoReader(payload);
  let requestId = 0;
  let index: LogIndex = none;
  let result: Uint8Array | undefined;
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
  return { requestId, index, result, code, message, leader };
}
