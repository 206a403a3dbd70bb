import {
  none,
  type Applied,
  type CallOptions,
  type LogIndex,
  type ReadOptions,
  type Replica,
} from "quorate";
import { ApiError } from "./api-error.ts";
import { encodeCommand, type Command } from "./command.ts";
import { decodeResult } from "./command-result.ts";
import { errorAnswer, jsonAnswer, type HttpAnswer } from "./http-answer.ts";
import type { KvAnswer, KvQuery } from "./kv-store.ts";

/** A replica of the key-value store. */
export type KvReplica = Replica<KvQuery, KvAnswer>;

/** Puts `value` at `key` and answers with `{index, previousIndex}` once that is committed. */
export async function put(
  replica: KvReplica,
  key: Uint8Array,
  value: Uint8Array,
  options: CallOptions,
): Promise<HttpAnswer> {
  const { index, previousIndex } = await propose(replica, { kind: "put", key, value }, options);
  return jsonAnswer(200, { index, previousIndex }, index);
}

/** Removes `key` and answers with `{index, previousIndex}`, or with `not_found` if it had no value. */
export async function remove(
  replica: KvReplica,
  key: Uint8Array,
  options: CallOptions,
): Promise<HttpAnswer> {
  const { index, previousIndex } = await propose(replica, { kind: "delete", key }, options);
  return previousIndex === none
    ? notFound(index)
    : jsonAnswer(200, { index, previousIndex }, index);
}

/** Answers with the value of `key` and, as `x-quorate-modified-index`, where it was put. */
export async function get(
  replica: KvReplica,
  key: Uint8Array,
  options: ReadOptions,
): Promise<HttpAnswer> {
  const { index, answer } = await replica.read({ key }, options);
  if (answer === undefined) return notFound(index);
  return {
    status: 200,
    index,
    headers: { "x-quorate-modified-index": String(answer.modifiedIndex) },
    contentType: "application/octet-stream",
    body: answer.value,
  };
}

async function propose(
  replica: KvReplica,
  command: Command,
  options: CallOptions,
): Promise<{ readonly index: LogIndex; readonly previousIndex: LogIndex }> {
  const { index, result } = await replica.propose(encodeCommand(command), options);
  return { index, previousIndex: previousIndexOf({ index, result }) };
}

function previousIndexOf({ index, result }: Applied): LogIndex {
  const decoded = decodeResult(result);
  if (decoded?.kind === "applied") return decoded.previousIndex;
  throw new ApiError("internal", `the result of the entry at ${index} is of another version`);
}

/** The key has no value. That is an answer, and as of some index; hence the header. */
function notFound(index: LogIndex): HttpAnswer {
  return errorAnswer(new ApiError("not_found", "the key has no value"), index);
}
