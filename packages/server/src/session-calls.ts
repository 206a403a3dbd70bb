import {
  decodeSessionResult,
  encodeSessionCommand,
  type CallOptions,
  type LogIndex,
} from "quorate";
import { ApiError } from "./api-error.ts";
import { jsonAnswer, type HttpAnswer } from "./http-answer.ts";
import { stampNow } from "./idempotency.ts";
import { JsonFields } from "./json-fields.ts";
import type { KvReplica } from "./kv-calls.ts";

/** How long a session is remembered after its last use unless its opener says otherwise, in milliseconds. */
const ttlMsDefault = 3_600_000;
/** The longest that may be asked for, in milliseconds: a week. */
const ttlMsMax = 7 * 24 * 60 * 60 * 1000;

/** Opens a session, and answers with `{session, ttlMs}`. Harmless to repeat: it opens another one. */
export async function openSession(
  replica: KvReplica,
  body: Uint8Array,
  options: CallOptions,
): Promise<HttpAnswer> {
  const fields = JsonFields.parse(body);
  const ttlMs = fields.integer("ttlMs", 1) ?? ttlMsDefault;
  fields.finish();
  if (ttlMs > ttlMsMax) {
    throw new ApiError("invalid_argument", `ttlMs must be at most ${ttlMsMax}`);
  }
  const command = encodeSessionCommand({ kind: "open", stamp: stampNow(), ttlMs });
  const index = await propose(replica, command, options);
  return jsonAnswer(200, { session: index, ttlMs }, index);
}

/** Forgets a session, whether it was known or not, and answers with `{session}`. */
export async function closeSession(
  replica: KvReplica,
  session: LogIndex,
  options: CallOptions,
): Promise<HttpAnswer> {
  const command = encodeSessionCommand({ kind: "close", stamp: stampNow(), session });
  return jsonAnswer(200, { session }, await propose(replica, command, options));
}

async function propose(
  replica: KvReplica,
  command: Uint8Array,
  options: CallOptions,
): Promise<LogIndex> {
  const { index, result } = await replica.propose(command, options);
  if (decodeSessionResult(result)?.kind === "done") return index;
  throw new ApiError("internal", `the result of the entry at ${index} is of another version`);
}
