import {
  decodeSessionResult,
  none,
  type CallOptions,
  type LogIndex,
  type ReadOptions,
  type Replica,
} from "quorate";
import { ApiError } from "./api-error.ts";
import { encodeCommand, type Command } from "./command.ts";
import { decodeResult } from "./command-result.ts";
import { errorAnswer, jsonAnswer, type HttpAnswer } from "./http-answer.ts";
import { encodeOnce, type Idempotency } from "./idempotency.ts";
import type { KvAnswer, KvQuery } from "./kv-store.ts";

/** A replica of the key-value store. */
export type KvReplica = Replica<KvQuery, KvAnswer>;

/** What a request says of a write. */
export interface WriteOptions extends CallOptions {
  /** By what the write is known again, so that it takes effect once; undefined: it is not. */
  readonly idempotency?: Idempotency | undefined;
}

/** Puts `value` at `key` and answers with `{index, previousIndex}` once that is committed. */
export async function put(
  replica: KvReplica,
  key: Uint8Array,
  value: Uint8Array,
  options: WriteOptions,
): Promise<HttpAnswer> {
  const write = await propose(replica, { kind: "put", key, value }, options);
  const { index, previousIndex } = write;
  return marked(write, jsonAnswer(200, { index, previousIndex }, index));
}

/** Removes `key` and answers with `{index, previousIndex}`, or with `not_found` if it had no value. */
export async function remove(
  replica: KvReplica,
  key: Uint8Array,
  options: WriteOptions,
): Promise<HttpAnswer> {
  const write = await propose(replica, { kind: "delete", key }, options);
  const { index, previousIndex } = write;
  const isFound = previousIndex !== none;
  return marked(
    write,
    isFound ? jsonAnswer(200, { index, previousIndex }, index) : notFound(index),
  );
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

/** What became of a write. */
interface Write {
  /** Where it was applied. */
  readonly index: LogIndex;
  readonly previousIndex: LogIndex;
  /** Whether it had been applied before this request. */
  readonly isReplay: boolean;
}

async function propose(
  replica: KvReplica,
  command: Command,
  { idempotency, ...options }: WriteOptions,
): Promise<Write> {
  const bytes = encodeCommand(command);
  if (idempotency === undefined) {
    const { index, result } = await replica.propose(bytes, options);
    return { index, previousIndex: previousIndexOf(index, result), isReplay: false };
  }
  const { index: at, result } = await replica.propose(encodeOnce(bytes, idempotency), options);
  const outcome = decodeSessionResult(result);
  switch (outcome?.kind) {
    case "applied":
      return { index: at, previousIndex: previousIndexOf(at, outcome.result), isReplay: false };
    case "replayed": {
      const { index } = outcome;
      return { index, previousIndex: previousIndexOf(index, outcome.result), isReplay: true };
    }
    case "expired":
      throw new ApiError(
        "session_expired",
        "the session, or what became of the write, is forgotten",
      );
    case "reused":
      throw new ApiError("idempotency_conflict", "another write was made under this key or number");
    default:
      throw otherVersion(at);
  }
}

function previousIndexOf(index: LogIndex, result: Uint8Array): LogIndex {
  const decoded = decodeResult(result);
  if (decoded?.kind === "applied") return decoded.previousIndex;
  throw otherVersion(index);
}

function otherVersion(index: LogIndex): ApiError {
  return new ApiError("internal", `the result of the entry at ${index} is of another version`);
}

/** The answer, with a header that says so if it was given before. */
function marked({ isReplay }: Write, answer: HttpAnswer): HttpAnswer {
  if (!isReplay) return answer;
  return { ...answer, headers: { ...answer.headers, "x-quorate-replayed": "true" } };
}

/** The key has no value. That is an answer, and as of some index; hence the header. */
function notFound(index: LogIndex): HttpAnswer {
  return errorAnswer(new ApiError("not_found", "the key has no value"), index);
}
